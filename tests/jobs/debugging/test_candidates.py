"""Enumerated edits: what they undo, what they never touch, and that the edit tool reads them as they are meant."""

import pytest

from agent_runtime.jobs.debugging.edits import candidates
from agent_runtime.jobs.debugging.hypotheses import between
from agent_runtime.jobs.debugging.inputs import mutated
from agent_runtime.jobs.debugging.types import Candidate, Suspect
from agent_runtime_tools.code import apply_edit

RIGHT = [
    ("    return a < b", "    return a <= b"),
    ("    return a - b", "    return b - a"),
    (
        "    for i in range(a):\n        b += i\n    return b",
        "    for i in range(a + 1):\n        b += i\n    return b",
    ),
    ("    if a:\n        b = a", "    if a:\n        b = a\n    return b"),
    ("    b = a - b\n    return b", "    b = abs(a - b)\n    return b"),
    ("    return (a + b) * 2", "    return (a - b) * 2"),
    ("    for x in a:\n        b += x\n        return b", "    for x in a:\n        b += x\n    return b"),
]


def edits_of(body: str) -> tuple[str, list[Candidate]]:
    text = f"def f(a, b):\n{body}\n"
    lines = range(1, text.count("\n") + 1)
    return text, candidates({"m.py": text}, [Suspect("m.py", line, 1.0, "frame") for line in lines])


@pytest.mark.parametrize(("wrong", "right"), RIGHT)
def test_the_operators_undo_common_faults(wrong: str, right: str):
    text, found = edits_of(wrong)

    assert f"def f(a, b):\n{right}\n" in {one.applied(text) for one in found}


@pytest.mark.parametrize("wrong", [wrong for wrong, _ in RIGHT])
def test_the_edit_tool_makes_the_same_file_of_a_candidate(wrong: str):
    text, found = edits_of(wrong)

    for one in found:
        assert apply_edit(one.text, {"m.py": text.encode()})["m.py"].decode() == one.applied(text), one


def test_asserts_and_tests_are_never_edited():
    files = {"m.py": "x = 1\nassert x == 2\n", "test_m.py": "assert 1 == 2\n"}

    found = candidates(files, [Suspect("m.py", 1, 1.0, "frame"), Suspect("m.py", 2, 1.0, "frame")])

    assert found
    assert all("assert x == 2\n" in one.applied(files["m.py"]) for one in found)


def test_a_test_file_is_not_edited_even_where_it_is_all_there_is():
    files = {"test_m.py": "def f(x):\n    return x - 1\n"}
    hint = Candidate("test_m.py", 2, 2, ("    return x + 1",), "hint", 2.0)

    assert candidates(files, [Suspect("test_m.py", 2, 1.0, "frame")], [hint]) == []


def test_two_edits_become_one_that_spans_both():
    old, new = "a\nb\nc\nd\n", "a\nB\nc\nD\n"

    both = between("m.py", old, new, "two", 0.5)

    assert (both.first, both.last, both.applied(old)) == (2, 4, new)


def test_mutated_inputs_keep_the_calls_that_were_seen_and_repeat():
    calls = [("m.py", "f", "[1, 'ab']"), ("m.py", "f", "[[1, 2], {'k': 0.5}]")]

    assert mutated(calls)[:2] == calls
    assert len(mutated(calls)) > 4
    assert mutated(calls) == mutated(calls)
