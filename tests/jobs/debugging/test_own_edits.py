"""What a model writes may be a fix; taking the check away is none."""

import pytest

from agent_runtime.jobs.debugging.own_edits import edit_candidate, judges
from agent_runtime.types import Check

PROGRAM = """\
import sys


def f(x):
    return x - 1


assert f(2) == 3
"""


def is_refused(text: str, file: str = "main.py") -> bool:
    candidate = edit_candidate(Check("edit", text), {file: PROGRAM})
    assert candidate is not None
    return judges(candidate, PROGRAM)


@pytest.mark.parametrize(
    "text",
    [
        "main.py:8-8",  # the assert is gone
        "main.py:8-8\nassert f(2) == 1",
        "main.py:8-8\nassert f(2) == 3 or True",
        "main.py:8-8\nif False:\n    assert f(2) == 3",
        "main.py:8-8\ntry:\n    assert f(2) == 3\nexcept AssertionError:\n    pass",
        "main.py:8-8\ndef never():\n    assert f(2) == 3",
        "main.py:7-7\nsys.exit(0)",
        "main.py:7-7\nraise SystemExit",
        "main.py:1-1\nfrom os import _exit as sys",
    ],
)
def test_an_edit_of_the_failing_assert_or_before_it_is_refused(text: str):
    assert is_refused(text)


@pytest.mark.parametrize(
    "text", ["main.py:5-5\n    return x + 1", "main.py:5-5\n    if x:\n        return 3"]
)
def test_an_edit_of_the_code_is_not_refused(text: str):
    assert not is_refused(text)


@pytest.mark.parametrize("file", ["test_main.py", "main_test.py", "tests/data.py", "conftest.py"])
def test_no_edit_of_a_test_file_is_taken(file: str):
    assert is_refused(f"{file}:5-5\n    return x + 1", file)


def test_where_the_syntax_is_broken_the_asserts_still_stay():
    broken = "def f(x)\n    return x\n\n\nassert f(2) == 3\n"

    def is_refused(text: str) -> bool:
        candidate = edit_candidate(Check("edit", text), {"main.py": broken})
        assert candidate is not None
        return judges(candidate, broken)

    assert is_refused("main.py:1-5\nprint('fine')")
    assert not is_refused("main.py:1-1\ndef f(x):")
