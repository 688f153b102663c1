"""Runs the failing command many times in forks of one interpreter: to trace it, to screen edits, to compare fixes.

What it reports is only a hint, as the programs it runs are untrusted and share its user: a suspect line, a
candidate not worth a run of its own, a difference in behaviour. A fix is confirmed by a run of the command alone.
Standard library only, any Python from 3.9.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import itertools
import json
import os
import re
import runpy
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any

HOME = os.getcwd()
PLAN = ".agent-runtime/plan.json"
MAX_EVENTS = 400  # asserts and tests that are told apart
MAX_CALLS = 40
MAX_REPR = 2000
MAX_ITEMS = 1000  # of a generator
ADDRESS = re.compile(r" at 0x[0-9a-f]+")  # differs from run to run


def main() -> None:
    """Do what the plan says; one JSON line a result."""
    with open(PLAN, encoding="utf-8") as file:
        plan = json.load(file)
    shutil.rmtree(os.path.dirname(PLAN))
    if "pytest" in plan["command"][:2]:
        with contextlib.suppress(ImportError):
            __import__("pytest")  # once, not in every fork
    out = os.fdopen(os.dup(1), "w")
    for index, files in enumerate(plan["variants"]):
        result = in_fork(plan, index, files)
        out.write(json.dumps({"index": index, **result}) + "\n")
        out.flush()


def in_fork(plan: dict[str, Any], index: int, files: dict[str, str]) -> dict[str, Any]:
    """One variant in a folder and a process group of its own; what it wrote is gone afterwards."""
    folder = os.path.join("/tmp", f"variant{index}") if plan["mode"] != "trace" else HOME
    if folder != HOME:
        shutil.copytree(HOME, folder, symlinks=True)
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)
        os.close(read_end)
        signal.setitimer(signal.ITIMER_PROF, plan["cpu_seconds"])
        report = one(plan, folder, files)
        with contextlib.suppress(OSError):
            os.write(write_end, json.dumps(report).encode()[: 1 << 20] + b"\n")
        os._exit(0)
    os.close(write_end)
    data = read_until(read_end, time.monotonic() + plan["wall_seconds"])
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    if folder != HOME:
        shutil.rmtree(folder, ignore_errors=True)
    try:
        return dict(json.loads(data))
    except ValueError:
        return {"exit": -9, "said": "ended without a result: too slow, killed or crashed"}


def read_until(fd: int, deadline: float) -> bytes:
    """What comes through a pipe until a line's end, a limit of size, or the deadline.

    The pipe's own end may never come: what the program has forked holds it open.
    """
    import select

    data = bytearray()
    while (left := deadline - time.monotonic()) > 0 and len(data) < 1 << 22:
        if not select.select([fd], [], [], left)[0]:
            break
        piece = os.read(fd, 65536)
        if not piece:
            break
        data += piece
        if piece.endswith(b"\n"):
            break
    os.close(fd)
    return bytes(data)


def one(plan: dict[str, Any], folder: str, files: dict[str, str]) -> dict[str, Any]:
    """Run the command over one variant in this process."""
    os.chdir(folder)
    for name, text in files.items():
        with open(name, "w", encoding="utf-8", newline="") as file:
            file.write(text)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    recorder = Recorder(folder, plan)
    try:
        recorder.run(plan["command"])
        code, said = 0, ""
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
        said = f"exit code {code}"
    except BaseException as error:
        code, said = 1, f"{type(error).__name__}: {error}"[:300]
        recorder.event(is_passing=False)
    finally:
        sys.settrace(None)
        sys.setprofile(None)
    if recorder.n_failed and not code:
        code, said = 1, recorder.first_failure
    return {"exit": code, "said": said, "n_passed": recorder.n_passed, **recorder.report()}


class Recorder:
    """Watches one run: which asserts held, which lines each one ran, how the program's functions were called."""

    def __init__(self, folder: str, plan: dict[str, Any]) -> None:
        self.folder = os.path.realpath(folder) + os.sep
        self.mode = plan["mode"]
        self.plan = plan
        self.lines: set[tuple[str, int]] = set()
        self.events: list[tuple[bool, list[tuple[str, int]]]] = []
        self.calls: list[tuple[str, str, str]] = []
        self.functions: set[tuple[str, str]] = set()
        self.names: dict[str, str] = {}
        self.n_passed = self.n_failed = 0
        self.first_failure = ""
        self.namespace: dict[str, Any] = {}

    def run(self, command: list[str]) -> None:
        """The command's program, as `__main__`, watched."""
        watch = {"trace": self.trace, "compare": self.profile}.get(self.mode)
        sys.argv = command[1:] if command[0] == "python" else command
        if self.mode == "trace" and watch:
            sys.settrace(watch)
        elif watch:
            sys.setprofile(watch)
        if command[1:2] == ["-m"]:
            sys.argv = command[2:]
            sys.path[0] = os.getcwd()
            if command[2] == "pytest":
                self.pytest(command[3:])
            runpy.run_module(command[2], run_name="__main__", alter_sys=True)
        else:
            self.script(command[1])

    def pytest(self, arguments: list[str]) -> None:
        """Every test is an event of its own."""
        import pytest

        recorder = self

        class Plugin:
            def pytest_runtest_logreport(self, report: Any) -> None:  # noqa: ANN401
                if report.when == "call" or report.failed:
                    recorder.event(is_passing=not report.failed)

        sys.exit(int(pytest.main(["-q", "-p", "no:cacheprovider", *arguments], plugins=[Plugin()])))

    def script(self, path: str) -> None:
        """A script whose asserts are told apart: one that fails is noted, and the next is tried."""
        sys.path[0] = os.path.dirname(os.path.realpath(path))
        with open(path, "rb") as file:
            tree = ast.parse(file.read(), path)
        module = type(sys)("__main__")
        module.__file__ = path
        sys.modules["__main__"] = module
        self.namespace = module.__dict__
        self.namespace["__agent_runtime_event__"] = self.held
        tree = ast.fix_missing_locations(Split().visit(tree))
        exec(compile(tree, os.path.realpath(path), "exec", dont_inherit=True), self.namespace)

    def held(self, line: int, error: BaseException | None) -> None:
        """An assert held, or not; the program's own errors inside it count the same."""
        if error is not None and not self.first_failure:
            self.first_failure = f"line {line}: {type(error).__name__}: {error}"[:300]
        self.event(is_passing=error is None)

    def event(self, *, is_passing: bool) -> None:
        """One more observation, with the lines that ran since the last one."""
        self.n_passed += is_passing
        self.n_failed += not is_passing
        if len(self.events) < MAX_EVENTS and self.mode == "trace":
            self.events.append((is_passing, sorted(self.lines)))
        self.lines.clear()

    # --- watching

    def trace(self, frame: FrameType, event: str, _: object) -> Any:  # noqa: ANN401
        """sys.settrace: lines of files in the folder."""
        name = self.relative(frame.f_code.co_filename)
        if not name:
            return None
        if (event == "line" or event == "call") and frame.f_lineno:  # a module is called at line 0
            self.lines.add((name, frame.f_lineno))
        return self.trace

    def profile(self, frame: FrameType, event: str, _: object) -> None:
        """sys.setprofile: calls into the program from outside of the file that defines the function."""
        if event != "call":
            return
        name = self.relative(frame.f_code.co_filename)
        if not name or frame.f_code.co_name.startswith("<"):
            return
        self.functions.add((name, frame.f_code.co_name))
        caller = frame.f_back
        is_entry = caller is not None and (
            caller.f_code.co_filename != frame.f_code.co_filename or caller.f_code.co_name == "<module>"
        )
        if is_entry and len(self.calls) < MAX_CALLS:
            count = frame.f_code.co_argcount
            arguments = [frame.f_locals.get(key) for key in frame.f_code.co_varnames[:count]]
            with contextlib.suppress(Exception):
                text = repr(arguments)
                if len(text) < MAX_REPR and ast.literal_eval(text) == arguments:
                    self.calls.append((name, frame.f_code.co_name, text))

    def relative(self, path: str) -> str:
        """A file's name in the folder; empty for what lies elsewhere or in no file."""
        if path not in self.names:
            real = os.path.realpath(path)
            is_own = real.startswith(self.folder) and not path.startswith("<")  # <frozen codecs> is no file
            self.names[path] = real[len(self.folder) :] if is_own else ""
        return self.names[path]

    # --- what came of it

    def report(self) -> dict[str, Any]:
        """What this mode is for."""
        if self.mode == "trace":
            return {"events": self.events, "rest": sorted(self.lines)}
        if self.mode == "compare":
            return {"calls": self.calls, "functions": sorted(self.functions), "outputs": self.outputs()}
        return {}

    def outputs(self) -> list[tuple[str, bool]]:
        """What the program's functions give for the plan's inputs."""
        return [self.output(*given) for given in self.plan.get("inputs", ())]

    def output(self, name: str, function: str, text: str) -> tuple[str, bool]:
        """One call's result as text, or the kind of its exception; and whether it is that."""
        try:
            found = self.function(name, function)
            signal.signal(signal.SIGALRM, give_up)
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            arguments = copy.deepcopy(ast.literal_eval(text))
            result = settled(found(*arguments))
            return ADDRESS.sub("", repr((result, arguments)))[:MAX_REPR], False
        except BaseException as error:
            return type(error).__name__, True
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def function(self, name: str, function: str) -> Any:  # noqa: ANN401
        """A function of the program by its file and name."""
        for module in list(sys.modules.values()):
            file = getattr(module, "__file__", None)
            if file and self.relative(file) == name and hasattr(module, function):
                return getattr(module, function)
        return self.namespace[function]


def settled(result: Any) -> Any:  # noqa: ANN401
    """What a coroutine comes to and what a generator yields: the objects themselves tell nothing."""
    if hasattr(result, "__await__"):
        import asyncio  # noqa: TID251  (the standard library is all that there is inside)

        async def awaited() -> Any:  # noqa: ANN401
            return await result

        return asyncio.run(awaited())
    return list(itertools.islice(result, MAX_ITEMS)) if isinstance(result, Iterator) else result


def give_up(*_: object) -> None:
    """The call takes too long."""
    raise TimeoutError


class Split(ast.NodeTransformer):
    """Turns `assert x` into a try statement that tells how it went and goes on."""

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        """One assert."""
        event, line = "__agent_runtime_event__", node.lineno
        handled = f"try:\n    pass\nexcept Exception as {event}e:\n    {event}({line}, {event}e)\n"
        (template,) = ast.parse(f"{handled}else:\n    {event}({line}, None)").body
        assert isinstance(template, ast.Try)
        template.body = [node]
        return ast.copy_location(template, node)


if __name__ == "__main__":
    main()
