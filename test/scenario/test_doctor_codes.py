"""Each code of `parley doctor` has a scenario that asserts it, so that a code for a situation that never happens cannot stay."""
import ast
import glob
import os

import pytest

from doctor import verdicts


def asserted(sources):
    """Returns the texts in test functions and their parameters. Texts of fixtures, helpers and constants of a module do not count."""
    functions = (node for source in sources for node in ast.walk(ast.parse(source))
                 if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"))
    return {node.value for function in functions for node in ast.walk(function) if isinstance(node, ast.Constant)}


def sources():
    for path in glob.glob(f"{os.path.dirname(__file__)}/test_doctor*.py"):
        if path != __file__:
            with open(path) as file:
                yield file.read()


@pytest.mark.proves("doctor")
def test_a_scenario_asserts_each_code_of_the_table():
    assert verdicts()["dns_failed"] == "failed"
    assert set(verdicts()) - asserted(sources()) == set()


def test_only_tests_and_their_parameters_assert_a_code():
    source = "SLOW = {'constant'}\n@mark('parameter')\ndef test_x():\n    run(expect=['text'])\ndef helper():\n    return 'helper'"
    assert asserted([source]) == {"parameter", "text"}
