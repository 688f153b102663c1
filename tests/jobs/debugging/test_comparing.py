"""Whether a fix that passes is believed: how it looks by itself, and how it compares with the others that pass."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent_runtime.jobs.debugging.comparing import UNKNOWN, UNTRIED, Ranked, compare, not_compared
from agent_runtime.jobs.debugging.examples import agrees, examples
from agent_runtime.jobs.debugging.experiments import CallResult, ExperimentRunner, Trial
from agent_runtime.jobs.debugging.plausibility import (
    NEW_CRASH,
    NEW_KIND,
    SILENCED,
    WRONG_EXAMPLE,
    Known,
    look,
    n_unread,
)
from agent_runtime.jobs.debugging.types import Candidate, Fix
from agent_runtime.jobs.debugging.verdict import is_established, what_is_missing
from agent_runtime.protocols import Sandbox
from agent_runtime_sandboxes import BubblewrapSandbox

F = [("m.py", "f", f"[{number}]") for number in range(5)]
BOTH = frozenset({("m.py", "f"), ("m.py", "main")})
GOOD = Trial(
    True, "", functions=BOTH, outputs=tuple(CallResult(f"({number}, [{number}])") for number in range(5))
)
CRASH = CallResult("KeyError", is_crash=True)
KNOWN = Known(GOOD, GOOD, tuple(F), {}, frozenset(F[:1]))


def outputs(*results: str | CallResult) -> Trial:
    found = (CallResult(one) if isinstance(one, str) else one for one in results)
    return replace(GOOD, outputs=tuple(found))


def test_a_fix_that_speaks_for_itself_has_no_doubts():
    assert (look(GOOD, KNOWN).plausibility, look(GOOD, KNOWN).doubts) == (1.0, ())


def test_a_fix_that_no_longer_reaches_the_failing_function_silences_it():
    seems = look(replace(GOOD, functions=frozenset({("m.py", "main")})), KNOWN)

    assert seems.plausibility == SILENCED
    assert seems.doubts == ("silences the failure: f() of m.py is not reached any more",)


def test_a_fix_that_crashes_where_the_program_worked_says_so():
    some = look(outputs("(0, [0])", *[CRASH] * 4), KNOWN)
    every = look(outputs(*[CRASH] * 5), KNOWN)

    assert some.doubts == ("crashes on 4 of 5 mutated inputs that worked before",)
    assert NEW_CRASH == every.plausibility < some.plausibility < 0.5


def test_a_crash_that_was_there_before_is_no_mark_against_a_fix():
    crashing = outputs("(0, [0])", *[CRASH] * 4)

    assert look(crashing, replace(KNOWN, as_is=crashing)).doubts == ()


def test_a_new_kind_of_result_is_a_mark_against_a_fix_and_none_where_it_was_there_before():
    falling = outputs("(0, [0])", "(None, [1])", "(2, [2])", "(3.5, [3])", "(4, [4])")

    seems = look(falling, KNOWN)

    assert (seems.plausibility, seems.doubts) == (NEW_KIND, ("f(1) returns None, not number",))
    assert look(falling, replace(KNOWN, as_is=falling)).doubts == ()


def test_an_example_in_the_words_that_comes_out_wrong_is_named():
    seems = look(GOOD, replace(KNOWN, wanted={F[0]: "7"}))

    assert (seems.plausibility, seems.doubts) == (WRONG_EXAMPLE, ("the example f(0) does not give 7",))


@pytest.mark.parametrize(
    ("output", "want", "is_right"),
    [
        ("(1.3333333333333333, [4])", "1.3333333", True),
        ("(1.34, [4])", "1.33", False),
        ("([1.0, 'a'], [4])", "[1.0, 'a']", True),
        ("({'b', 'a'}, [4])", "{'a', 'b'}", True),
        ("(True, [4])", "1", False),
        ("(1, [4])", "True", False),
        ("KeyError", "1", False),
    ],
)
def test_an_example_is_compared_by_value(output: str, want: str, is_right: bool):
    assert agrees(output, want) == is_right


def test_a_name_that_is_never_read_is_left_over():
    assert n_unread("def f(a, b, _c):\n    d = a\n    for e in a:\n        pass\n    return 1\n") == 3
    assert n_unread("def f(a, b):\n    return a + b\n") == 0


def test_where_nothing_runs_a_lone_fix_is_not_tried_and_believed_at_a_coin_toss():
    (alone,) = not_compared([edit("return 1")], {})

    assert (alone.confidence, alone.doubts) == (UNKNOWN, (UNTRIED,))


def test_fixes_that_were_not_compared_share_the_confidence():
    found = not_compared([edit(f"return {number}") for number in range(4)], {})

    assert [one.confidence for one in found] == [0.25] * 4


def test_a_lone_edit_is_believed_if_it_is_likelier_than_one_that_was_not_enumerated():
    def share(prior: float) -> float:
        (alone,) = not_compared([replace(edit("return 1"), prior=prior)], {}, unseen=0.3)
        return alone.share

    assert share(0.6) == pytest.approx(2 / 3)
    assert share(0.2) == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("line", "result"),
    [
        ("f([1, 2]) == 3", "3"),
        ("such as f([1, 2]) => 3.", "3"),
        ("`f([1, 2])` is `f([1, 2]) -> (3, 'a')`", "(3, 'a')"),
        ("f([1, 2]) = 'x' # a letter", "'x'"),
        ("f([1, 2]) returns True", "True"),
        ("f([1, 2]) ➞ [3]", "[3]"),
        ("f(')') == 3", None),
        ("f([1, 2]) == other", None),
        ("g([1, 2]) == 3", None),
        ("f([1, 2]) is an example", None),
    ],
)
def test_examples_are_read_from_lines_of_words_too(line: str, result: str | None):
    found = examples(f"Adds.\n{line}\n", {"m.py": "def f(xs):\n    pass\n"})

    assert found.get(("m.py", "f", "[[1, 2]]")) == result


def test_an_assert_of_the_program_is_no_example():
    assert examples("", {"m.py": "def f(x):\n    'f(1) == 2'\n\n\nassert f(3) == 4\n"}) == {
        ("m.py", "f", "[1]"): "2"
    }


def test_confidence_is_the_share_times_the_plausibility():
    assert Ranked(edit("return 1"), 1.0, share=0.8, plausibility=0.5).confidence == pytest.approx(0.4)


def test_half_of_the_weight_is_not_most_of_it():
    fix = Fix(edit("return 1"), "", (), n_rivals=2, confidence=0.5)

    assert not is_established(fix)
    assert is_established(replace(fix, confidence=0.51))
    assert what_is_missing(fix, 0.5) == (
        "1 other edit passes, and not with the same results on inputs that no test has; a further test would tell;"
        " its confidence is 0.50, and a fix needs more than 0.5"
    )


# --- in the sandbox

PROGRAM = """\
def load(n):
    raise KeyError(n)


def run(n):
    load(n)
    return n + 1


assert run(3) == 4
"""
AWAITED = """\
import asyncio


async def run(n):
    return {0}


async def slow(n):
    return n


assert asyncio.run(run(3)) == 3
"""


def edit(*lines: str, first: int = 1, last: int = 1) -> Candidate:
    return Candidate("m.py", first, last, lines, "test", 1.0)


@pytest.fixture(scope="module")
async def sandbox() -> AsyncIterator[Sandbox]:
    sandbox = BubblewrapSandbox()
    yield sandbox
    await sandbox.aclose()


async def ranked(
    sandbox: Sandbox, folder: Path, program: str, *passing: Candidate, words: str = ""
) -> list[Ranked]:
    (folder / "m.py").write_text(program)
    experiments = ExperimentRunner(sandbox, "compare", folder, ["m.py"], ["python", "m.py"], limit_seconds=2)
    try:
        return await compare(experiments, {"m.py": program}, passing, {}, words)
    finally:
        await sandbox.release("compare")


@pytest.mark.bubblewrap
async def test_a_lone_fix_that_deletes_the_failing_call_is_not_believed(sandbox: Sandbox, tmp_path: Path):
    (alone,) = await ranked(sandbox, tmp_path, PROGRAM, edit(first=6, last=6))

    assert alone.share == 1.0
    assert alone.confidence == SILENCED
    assert alone.doubts == ("silences the failure: load() of m.py is not reached any more",)


@pytest.mark.bubblewrap
async def test_a_lone_fix_that_bears_other_inputs_is_believed(sandbox: Sandbox, tmp_path: Path):
    (alone,) = await ranked(sandbox, tmp_path, PROGRAM, edit("    return n", first=2, last=2))

    assert (alone.confidence, alone.doubts) == (1.0, ())
    assert alone.n_inputs > 3


@pytest.mark.bubblewrap
async def test_a_program_without_inputs_to_change_is_not_tried(sandbox: Sandbox, tmp_path: Path):
    program = "def run():\n    return 1\n\n\nassert run() == 2\n"

    (alone,) = await ranked(sandbox, tmp_path, program, edit("    return 2", first=2, last=2))

    assert (alone.confidence, alone.doubts) == (UNKNOWN, (UNTRIED,))


@pytest.mark.bubblewrap
async def test_coroutines_are_compared_by_what_they_come_to(sandbox: Sandbox, tmp_path: Path):
    program = AWAITED.format("slow(n)")
    alike = [edit(f"    return {text}", first=5, last=5) for text in ("await slow(n)", "n", "3")]

    found = await ranked(sandbox, tmp_path, program, *alike)

    assert sorted(one.n_agreeing for one in found) == [1, 2, 2]


@pytest.mark.bubblewrap
async def test_reading_a_file_in_another_way_silences_nothing_of_the_program(
    sandbox: Sandbox, tmp_path: Path
):
    program = "def run(n):\n    return bytes([n]).decode('utf-8')\n\n\nassert run(233) == '\\xe9'\n"

    (alone,) = await ranked(
        sandbox, tmp_path, program, edit("    return bytes([n]).decode('latin-1')", first=2, last=2)
    )

    assert alone.doubts == ()
