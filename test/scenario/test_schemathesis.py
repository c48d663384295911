"""Checks the server against its own OpenAPI document with generated input. Longer: `./dev schemathesis`."""
import subprocess

import pytest

import api_fuzz
from deadline import patient


@pytest.mark.long(28)
@pytest.mark.proves("/openapi.json, /docs")
def test_schemathesis_finds_no_violation_of_the_openapi_document(own_server, tmp_path):
    server = own_server("--no-rate-limits", "--no-access-log")
    done = api_fuzz.run(server, tmp_path, "--seed", 1, "--max-examples", 20,
                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=patient(300))
    assert done.returncode == 0, done.stdout[-20_000:]
    assert "No issues found" in done.stdout
    assert server.ready() and "internal" not in server.log
    assert api_fuzz.operations_without_success(server) <= api_fuzz.NEVER_SUCCEEDS, "operations whose success response was never checked"


def test_schemathesis_finds_a_response_that_violates_the_openapi_document(own_server, tmp_path):
    server = own_server("--no-rate-limits", "--no-access-log")

    def change(document):
        document["components"]["schemas"]["Message"]["properties"]["seq"] = {"type": "string"}
    done = api_fuzz.run(server, tmp_path, "--seed", 1, "--max-examples", 1, "--phases", "examples", change=change,
                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=patient(300))
    assert done.returncode == 1 and "Response violates schema" in done.stdout, done.stdout[-5000:]
