"""Python debugging: a correct program, one injected fault with its real traceback, hypotheses, edits that rerun.

The oracle is the program before the fault: its line at that place. The teacher looks at a failing call, now and
then tries a wrong edit first (which really fails, and ends in a backtrack), and then an edit that passes.
"""

import random

from agent_runtime_training.tasks.draft import Builder, Draft, Family
from agent_runtime_training.tasks.example import Split
from agent_runtime_training.tasks.faults import changes, draw_fault
from agent_runtime_training.tasks.programs import FUNCTION_NAMES, PROGRAMS, Program
from agent_runtime_training.tasks.rendering import observe
from agent_runtime_training.tasks.teacher import PROGRAM_SECONDS, Rejected, Teacher, run_command
from agent_runtime_training.tasks.wording import pick, read_wordings

WORDINGS = read_wordings("debugging")

_FILES: dict[Split, tuple[str, ...]] = {
    "train": ("app.py", "core.py", "main.py", "lib.py", "calc.py"),
    "heldout": ("engine.py", "report.py", "unit.py"),
}


def _debug(rng: random.Random, split: Split) -> Draft:
    program = rng.choice(PROGRAMS[split])
    name, file = rng.choice(FUNCTION_NAMES[split]), rng.choice(_FILES[split])
    source = program.source.replace("NAME", name)
    fault = draw_fault(source, rng)
    if fault is None:
        raise Rejected
    at, wrong = fault
    lines = source.splitlines()
    right, lines[at - 1] = lines[at - 1], wrong
    command = ("python", f"test_{file}")
    files = {file: "\n".join(lines) + "\n", f"test_{file}": _tests(program, name, file)}
    if run_command(command, {**files, file: source}).exit_code:
        raise AssertionError(f"the program is wrong before any fault:\n{source}")
    failure = observe("edit", run_command(command, files), PROGRAM_SECONDS)
    if failure.outcome != "false":
        raise Rejected
    teacher = Teacher((), tuple(files.items()), command)
    teacher.plan(
        pick(rng, "Look at the failing call", "See what the failing call gives"),
        "State a hypothesis and try it as an edit",
        "Answer with the line that passes",
    )
    if "AssertionError" in failure.text:
        _experiment(teacher, program, name, file, failure.text)
    if rng.random() < 0.5:
        _wrong_first(teacher, lines, at, right, file, rng)
    if not teacher.edit(_hypothesis(wrong, right, at), f"{file}:{at}-{at}\n{right}"):
        raise AssertionError("the original line does not pass")
    teacher.answer(f"{file}:{at} {right.strip()}")
    return Draft(
        teacher,
        {"command": " ".join(command), "file": file},
        f"{file}:{at} {right.strip()}",
        files=tuple(files.items()),
        command=command,
        context=listing(file, files[file], failure.brief),
        wordings=WORDINGS["repair"],
    )


def listing(file: str, source: str, failure: str) -> str:
    """The program with line numbers, and how it failed."""
    numbered = "\n".join(f"{number} {line}" for number, line in enumerate(source.splitlines(), start=1))
    return f"File {file}\n{numbered}\nFailure:\n{failure}"


def _tests(program: Program, name: str, file: str) -> str:
    calls = [f"assert {name}({given}) == {result}, {name}({given})" for given, result in program.cases]
    return "\n".join([f"from {file.removesuffix('.py')} import {name}", "", *calls, ""])


def _experiment(teacher: Teacher, program: Program, name: str, file: str, failure: str) -> None:
    """Print what the failing call gives, beside what it should give."""
    given, result = next(case for case in program.cases if f"{name}({case[0]})" in failure)
    code = f"from {file.removesuffix('.py')} import {name}\nprint({name}({given}))"
    teacher.python(f"{name}({given}) should give {result}. What does it give?", code)


def _wrong_first(
    teacher: Teacher, lines: list[str], at: int, right: str, file: str, rng: random.Random
) -> None:
    """Try an edit that does not help, see it fail, give it up."""
    others = [
        (number, form)
        for number, line in enumerate(lines, start=1)
        if number > 1
        for form in changes(line)
        if (number, form) != (at, right)
    ]
    if not others:
        return
    number, form = rng.choice(others)
    if not teacher.edit(f"Perhaps line {number} is wrong.", f"{file}:{number}-{number}\n{form}"):
        teacher.mark_mistake()
        teacher.backtrack(
            pick(
                rng, "It still fails; line {n} was not the fault.", "No better: not line {n}.", n=str(number)
            )
        )
    else:
        raise Rejected  # another way to pass: the task has no single answer


def _hypothesis(wrong: str, right: str, at: int) -> str:
    return f"Line {at} should be `{right.strip()}`, not `{wrong.strip()}`."


_BUILDERS: dict[str, Builder] = {"one_line": _debug}

DEBUGGING = Family("debugging", _BUILDERS)
