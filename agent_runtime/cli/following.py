"""Follows a run from its first event to its last: shows it, ends it on a signal, tells its exit code.

The first signal ends the run with the best answer so far and a complete trace. A second one ends the process at
once; what was recorded stays whole, and workers and containers end with their host.
"""

import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

import anyio
from pydantic import TypeAdapter
from rich.console import Console

from agent_runtime.concurrency import leaf
from agent_runtime.kernel.runtime import Runtime
from agent_runtime.terminal.plain import NullView
from agent_runtime.terminal.view import View, view_on
from agent_runtime.trace.events import Event, RunFinished
from agent_runtime.types import Answer

NO_ANSWER, PART_FAILED, INTERRUPTED = 1, 3, 130
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_ANSWER: TypeAdapter[Answer] = TypeAdapter(Answer)

Opener = Callable[[], AbstractAsyncContextManager[Runtime]]
Start = Callable[[Runtime], AsyncIterator[Event]]


def follow(open_runtime: Opener, start: Start, *, as_json: bool) -> int:
    """Run to the end, shown on a terminal or as one JSON document; the exit code."""
    answer = answer_of(open_runtime, start, view_for(as_json=as_json))
    if answer is None:
        return INTERRUPTED
    if as_json:
        sys.stdout.write(json_document(answer))
        sys.stdout.flush()
    return exit_code(answer)


def answer_of(open_runtime: Opener, start: Start, view: View) -> Answer | None:
    """Run to the end, shown on `view`; None when a signal came before the run had begun."""
    return anyio.run(_follow, open_runtime, start, view)


def view_for(*, as_json: bool) -> View:
    """Where a run is shown: JSON has stdout for itself."""
    if not as_json:
        return view_on(Console())
    errors = Console(stderr=True)
    return view_on(errors) if errors.is_terminal else NullView()


def json_document(answer: Answer) -> str:
    """The answer as the one document that `--json` prints; without one, the best guess and what it lacks."""
    data = _ANSWER.dump_python(answer, mode="json")
    keys = ["value", "verdict", "grounds", "objections", "notes", "confidence", "is_calibrated", "evidence"]
    keys += ["usage", "usage_by_strategy", "stop_reason", "trace"]
    if answer.text is None:
        keys += ["candidate", "missing"]
    return json.dumps({"answer": data["text"], **{key: data[key] for key in keys}}, indent=2) + "\n"


def exit_code(answer: Answer) -> int:
    """0 answered, 1 no answer found, 3 a part failed, 130 interrupted."""
    by_reason = {"interrupted": INTERRUPTED, "failed": PART_FAILED}
    return by_reason.get(answer.stop_reason, NO_ANSWER if answer.text is None else 0)


async def _follow(open_runtime: Opener, start: Start, view: View) -> Answer | None:
    """The answer; None when a signal came before the run had begun."""
    answer: Answer | None = None
    try:
        with anyio.open_signal_receiver(*SIGNALS) as signals:
            async with anyio.create_task_group() as group:
                watch = _Watch(group.cancel_scope)
                group.start_soon(watch.signals, signals)
                async with open_runtime() as runtime:
                    with view:
                        async for event in start(runtime):
                            watch.running = runtime
                            view = _shown(event, view, runtime)
                            if isinstance(event, RunFinished):
                                answer = event.answer
                group.cancel_scope.cancel()
    except BaseExceptionGroup as error:
        raise leaf(error) from None
    return answer


def _shown(event: Event, view: View, runtime: Runtime) -> View:
    """Show an event; when nobody reads any more, the run ends, and what it still does is shown nowhere."""
    try:
        view.show(event)
    except (BrokenPipeError, SystemExit):  # rich turns the one into the other
        runtime.interrupt()
        return NullView()
    return view


class _Watch:
    """Turns the first signal into an interruption and the second into an end."""

    def __init__(self, scope: anyio.CancelScope) -> None:
        self._scope = scope
        self.running: Runtime | None = None  # from its first event on

    async def signals(self, signals: AsyncIterator[signal.Signals]) -> None:
        """Act on every signal that comes."""
        is_first = True
        async for _ in signals:
            if not is_first:
                os._exit(INTERRUPTED)
            is_first = False
            if self.running is not None:
                self.running.interrupt()
            else:
                self._scope.cancel()
