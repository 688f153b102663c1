"""The `python` and `edit` tools: run code, or rerun the failing command with a patch, both in a sandbox.

They work on a snapshot of the task's folder, taken once a task: the user's files are never written, and every
check starts from the same state. Nothing of one check is seen by the next, so an edit holds for its own rerun.
"""

import re
from dataclasses import replace
from io import StringIO
from pathlib import Path

import anyio

from agent_runtime.errors import InputError, ToolError
from agent_runtime.protocols import Sandbox, ToolContext
from agent_runtime.types import (
    Demonstration,
    Execution,
    Observation,
    Outcome,
    SandboxJob,
    Task,
    ToolForm,
    Value,
)
from agent_runtime_tools.code_shape import code_shape
from agent_runtime_tools.snapshot import snapshot

BRIEF_LINES = 10
BRIEF_CHARACTERS = 500
MAX_EDIT_CHARACTERS = 100_000
EDIT_FORM = "write FILE:FIRST-LAST on the first line, then the lines that replace them"
INTEGER = re.compile(r"[-+]?[0-9]{1,1000}")
NUMBER = re.compile(
    r"[-+]?(?:[0-9]{1,400}\.[0-9]{0,400}|\.[0-9]{1,400}|[0-9]{1,400}(?=e))(?:e[-+]?[0-9]{1,4})?",
    re.IGNORECASE,
)
WORD = re.compile(r"[^\W\d_][\w.'-]{0,99}")
TARGET = re.compile(r"(?P<file>[^\r\n]+?):(?P<first>[0-9]{1,7})-(?P<last>[0-9]{1,7})[ \t]*\r?")


class _Folders:
    """The snapshots of the tasks in hand, and the sandbox that runs over them."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._snapshots: dict[str, dict[str, bytes]] = {}

    async def prepare(self, task: Task) -> ToolContext:
        """Take the snapshot of the task's folder.

        Raises:
            InputError: The folder cannot be read, or is too large.
        """
        await self._files(task)
        return ToolContext()

    async def release(self, task: Task) -> None:
        """Drop the snapshot and destroy what the task used of the sandbox."""
        self._snapshots.pop(task.id, None)
        await self._sandbox.release(task.id)

    async def _files(self, task: Task) -> dict[str, bytes]:
        if task.folder is None:
            return {}
        if task.id not in self._snapshots:
            self._snapshots[task.id] = await anyio.to_thread.run_sync(snapshot, task.folder)
        return self._snapshots[task.id]


class Python(_Folders):
    """Runs Python code over the task's files. A relation is checked by `assert`: an exit code other than 0 refutes."""

    name = "python"
    description = "Python code to run; print the result, assert what must hold"
    form = ToolForm(
        demonstrations=(
            Demonstration(
                "What is the sum of the numbers from 1 to 50?",
                "Add them in code.",
                "print(sum(range(51)))",
                "1275",
                "1275",
            ),
        ),
        max_tokens=1024,
        is_verbatim=True,
    )

    async def run(self, text: str, task: Task, seconds: float) -> Observation:
        """Run `text` in a clean interpreter.

        Raises:
            ToolError: There is no code.
            SandboxError: The sandbox failed.
        """
        if not text.strip():
            raise ToolError("no code; write Python that prints its result")
        files = await self._files(task)
        try:
            job = SandboxJob(code=text.encode("utf-8", "replace").decode(), files=files, seconds=seconds)
            execution = await self._sandbox.run(job, task.id)
        except InputError as error:
            raise ToolError(str(error)) from None
        observation = observe(self.name, execution, seconds)
        return replace(observation, value=printed_value(observation), shape=code_shape(text))


class Edit(_Folders):
    """Replaces lines of one file in a copy of the task's folder and reruns the task's command there."""

    name = "edit"
    description = "FILE:FIRST-LAST, then the lines that replace those lines; the failing command is run again"
    form = ToolForm(
        guide=(
            "The first line is FILE:FIRST-LAST, the numbers of the lines to replace; below it the new lines with their "
            "indentation. LAST = FIRST - 1 inserts before FIRST. Every edit starts from the program as it is."
        ),
        demonstrations=(
            Demonstration(
                question="`python check.py` fails: area(2, 3) is 5, not 6. Line 2 of shapes.py is `    return a + b`.",
                thought="An area is a product.",
                input="shapes.py:2-2\n    return a * b",
                result="(no output)",
                answer="shapes.py, line 2, added the sides; multiplied, the check passes",
            ),
        ),
        max_tokens=1024,
        is_verbatim=True,
    )

    async def prepare(self, task: Task) -> ToolContext:
        """Take the snapshot of the task's folder; without a program and its command there is nothing to edit.

        Raises:
            InputError: The folder cannot be read, or is too large.
        """
        return replace(await super().prepare(task), is_offered=bool(task.folder and task.command))

    async def run(self, text: str, task: Task, seconds: float) -> Observation:
        """Apply the edit `text` and rerun `task.command`; ok when it exits with 0.

        Raises:
            ToolError: The edit is malformed, or names a file or lines that are not there.
            SandboxError: The sandbox failed.
        """
        if task.folder is None or not task.command:
            raise ToolError("there is no program to edit in this task")
        files = apply_edit(text, await self._files(task), task.folder)
        try:
            job = SandboxJob(argv=task.command, files=files, seconds=seconds)
            execution = await self._sandbox.run(job, task.id)
        except InputError as error:
            raise ToolError(str(error)) from None
        return observe(self.name, execution, seconds)


def printed_value(observation: Observation) -> Value | None:
    """The last line that a program printed, where that is one number, truth or word."""
    if observation.outcome != "ok" or observation.is_truncated:
        return None
    line = observation.text.rstrip().rpartition("\n")[2].strip()
    if INTEGER.fullmatch(line):
        return Value("INTEGER", int(line))
    if NUMBER.fullmatch(line):
        return Value("NUMBER", line)
    if line in ("True", "False"):
        return Value("BOOLEAN", line == "True")
    return Value("TEXT", line) if WORD.fullmatch(line) else None


def apply_edit(text: str, files: dict[str, bytes], folder: Path | None = None) -> dict[str, bytes]:
    """`files` with lines FIRST to LAST of FILE replaced by the rest of `text` (nothing: they are deleted).

    LAST = FIRST - 1 inserts before FIRST. Line ends and the end of the file stay as the file has them.

    Raises:
        ToolError: The edit is malformed, or names a file or lines that are not there.
    """
    if len(text) > MAX_EDIT_CHARACTERS:
        raise ToolError(f"an edit has at most {MAX_EDIT_CHARACTERS} characters")
    head, _, replacement = text.lstrip("\r\n").partition("\n")
    target = TARGET.fullmatch(head)
    if target is None:
        raise ToolError(f"no edit: {EDIT_FORM}")
    name = _relative(target["file"].strip(), folder)
    if name not in files:
        near = ", ".join(sorted(known for known in files if Path(known).name == Path(name).name)[:3])
        raise ToolError(f"no file {name!r} in the folder" + (f"; there is: {near}" if near else ""))
    try:
        content = files[name].decode()
    except UnicodeDecodeError:
        raise ToolError(f"{name!r} is no UTF-8 text") from None
    lines = list(StringIO(content, newline="\n"))  # as an editor counts them: a form feed ends no line
    first, last = int(target["first"]), int(target["last"])
    if not (1 <= first <= last + 1 and last <= len(lines) and first <= len(lines) + 1):
        raise ToolError(f"{name!r} has lines 1-{len(lines)}, not {first}-{last}; {EDIT_FORM}")
    return {**files, name: _replaced(lines, first, last, replacement).encode("utf-8", "replace")}


def observe(tool: str, execution: Execution, seconds: float) -> Observation:
    """What a program did, as the tool's observation."""
    is_cut = execution.is_stdout_truncated or execution.is_stderr_truncated
    outcome: Outcome = "ok"
    text = execution.stdout
    if execution.is_timeout:
        outcome, text = "timeout", _joined(execution, f"killed at its limit of {seconds:g} s")
    elif execution.is_out_of_memory:
        outcome, text = "false", _joined(execution, "killed for using too much memory")
    elif execution.exit_code:
        outcome, text = "false", _joined(execution, _ending(execution))
    if is_cut:
        text += "\n(output was cut)"
    return Observation(tool, text, _brief(text), outcome, is_truncated=is_cut, place=execution.place)


def _relative(name: str, folder: Path | None) -> str:
    """A file's name below the folder; tracebacks name files by the sandbox's or the user's absolute path."""
    for prefix in ("/work/run/", f"{folder}/", "./"):
        name = name.removeprefix(prefix)
    return name


def _replaced(lines: list[str], first: int, last: int, replacement: str) -> str:
    end = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    new = [line.rstrip("\r\n") + end for line in StringIO(replacement, newline="\n")]
    before, after = lines[: first - 1], lines[last:]
    if new and before and not before[-1].endswith("\n"):
        before[-1] += end
    if new and not after and lines and not lines[-1].endswith("\n"):
        new[-1] = new[-1].removesuffix(end)
    return "".join([*before, *new, *after])


def _ending(execution: Execution) -> str:
    if execution.stderr.strip():
        return ""
    code = execution.exit_code
    return f"(killed by signal {-code})" if code < 0 else f"(exit code {code})"


def _joined(execution: Execution, note: str) -> str:
    parts = (execution.stdout.rstrip("\n"), execution.stderr.rstrip("\n"), note)
    return "\n".join(part for part in parts if part)


def _brief(text: str) -> str:
    """The end of what was printed, as much as a model should read."""
    brief = "\n".join(text.rstrip().splitlines()[-BRIEF_LINES:])
    if len(brief) > BRIEF_CHARACTERS:
        brief = "…" + brief[-(BRIEF_CHARACTERS - 1) :]
    return brief or "(no output)"
