import pytest

from agent_runtime.types import Backtrack, Step
from agent_runtime_training.tasks import FAMILIES, generate
from agent_runtime_training.tasks.debugging import DEBUGGING
from agent_runtime_training.tasks.faults import changes
from agent_runtime_training.tasks.programs import PROGRAMS
from agent_runtime_training.tasks.rendering import apply_edit
from agent_runtime_training.tasks.teacher import run_command

pytestmark = pytest.mark.slow  # each example runs programs


@pytest.fixture(scope="module")
def broken():
    return list(DEBUGGING.generate(4, 1, "train")) + list(DEBUGGING.generate(2, 1, "heldout"))


def test_a_program_to_repair_really_fails(broken):
    for example in broken:
        assert run_command(example.command, dict(example.files)).exit_code != 0


def test_the_oracles_line_repairs_it(broken):
    for example in broken:
        place, _, line = example.answer.partition(" ")
        file, at = place.split(":")
        wrong = dict(example.files)[file].splitlines()[int(at) - 1]
        indent = " " * (len(wrong) - len(wrong.lstrip()))
        files = apply_edit(dict(example.files), f"{file}:{at}-{at}\n{indent}{line}")
        assert run_command(example.command, files).exit_code == 0


def test_a_wrong_hypothesis_is_a_mistake_and_ends_in_a_backtrack():
    example = next(e for e in DEBUGGING.generate(20, 2, "train") if any(turn.is_mistake for turn in e.turns))
    at = next(at for at, turn in enumerate(example.turns) if turn.is_mistake)

    assert isinstance(example.turns[at].action, Step)
    assert isinstance(example.turns[at + 1].action, Backtrack)


def test_the_program_is_shown_with_its_failure(broken):
    assert all("Failure:\n" in example.context for example in broken)


def test_heldout_programs_share_no_line_of_code_with_training():
    lines = {
        split: {
            line.strip() for program in PROGRAMS[split] for line in program.source.splitlines() if "=" in line
        }
        for split in ("train", "heldout")
    }

    assert not lines["train"] & lines["heldout"]


def test_a_fault_differs_from_the_line_it_replaces():
    assert "    return a" not in changes("    return a")
    assert "        if a <= b:" in changes("        if a < b:")


@pytest.mark.parametrize("kind", sorted(FAMILIES["puzzles"].builders))
def test_a_puzzle_has_the_answer_that_it_was_built_around(kind):
    for split in ("train", "heldout"):
        example = FAMILIES["puzzles"].example(kind, 4, split)
        assert example.answer


def test_the_same_seed_breaks_the_same_program():
    assert list(generate("debugging", 2, 3)) == list(generate("debugging", 2, 3))
