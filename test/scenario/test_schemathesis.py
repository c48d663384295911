"""The server against its own OpenAPI document, with input that a machine thought of. Longer: `./dev schemathesis`."""
import subprocess

import pytest

import api_fuzz
from deadline import patient


@pytest.mark.long(28)
@pytest.mark.proves("/openapi.json, /docs")
def test_schemathesis_finds_nothing(own_server, tmp_path):
    server = own_server("--no-rate-limits", "--no-access-log")
    done = api_fuzz.run(server, tmp_path, "--seed", 1, "--max-examples", 20,
                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=patient(300))
    assert done.returncode == 0, done.stdout[-20_000:]
    assert "No issues found" in done.stdout
    assert server.ready() and "internal" not in server.log
    assert api_fuzz.never_answered_well(server) <= api_fuzz.NEVER_GOOD, "answers that no schema was held against"


def test_it_would_find_an_answer_that_is_not_as_the_document_says(own_server, tmp_path):
    server = own_server("--no-rate-limits", "--no-access-log")

    def change(document):
        document["components"]["schemas"]["Message"]["properties"]["seq"] = {"type": "string"}
    done = api_fuzz.run(server, tmp_path, "--seed", 1, "--max-examples", 1, "--phases", "examples", change=change,
                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=patient(300))
    assert done.returncode == 1 and "Response violates schema" in done.stdout, done.stdout[-5000:]
