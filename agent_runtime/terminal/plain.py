"""A run as plain lines: one for each node and each closing, a few more for the answer and the bill."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.text import Text

from agent_runtime.terminal.printable import printable, printable_lines
from agent_runtime.terminal.summary import answer_lines, bill_lines, head_lines, verdict_line
from agent_runtime.terminal.writers import writer
from agent_runtime.trace.events import Event, NodeAdded, NodeClosed, RunFinished, RunStarted
from agent_runtime.types import Backtrack, FinalAnswer, Malformed, Node, Plan, Step

MAX_HEAD_WIDTH = 120
MAX_LINE_CHARACTERS = 400
MAX_RESULT_CHARACTERS = 100


class NullView:
    """Shows nothing."""

    def show(self, event: Event) -> None:
        """Let the event go."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


class PlainView(NullView):
    """One line an event: for pipes, files and logs."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def show(self, event: Event) -> None:
        """Print one event."""
        match event:
            case RunStarted():
                for line in head_lines(event, self._console, MAX_HEAD_WIDTH):
                    self._print(line)
            case NodeAdded() if event.node.action is not None:
                self._print(Text(_short(_node_line(event.node))))
            case NodeClosed():
                state = event.state.replace("_", " ")
                self._print(Text(_short(f"#{event.node_id} {state}: {printable(event.reason)}")))
            case RunFinished():
                self._print(Text(f"answer ({verdict_line(event.answer)}):"))
                for line in (*answer_lines(event.answer), *bill_lines(event.answer)):
                    self._print(line)
            case _:
                pass

    def _print(self, line: Text) -> None:
        self._console.print(line, soft_wrap=True)


def _node_line(node: Node) -> str:
    """A node in one line: what was done, what came back, what that makes of it."""
    match node.action:
        case Plan():
            text = "plan: " + "; ".join(node.action.items)
        case Step(check=None):
            text = node.action.thought
        case Step(check=check) if check is not None:
            text = f"{node.action.thought} | {check.tool}: {check.input}"
        case Backtrack():
            text = f"backtrack: {node.action.reason}"
        case FinalAnswer():
            text = f"answer: {node.action.text}"
        case Malformed():
            text = f"no action: {node.action.error}"
        case _:
            text = ""
    result = f" | {node.observation.brief}" if node.observation else ""
    verdict = f" | {node.verdict.kind}" if node.verdict.kind != "unchecked" else ""
    closed = f" | {node.state.replace('_', ' ')}: {node.reason}" if node.reason else ""
    said, came = " ".join(printable_lines(text)), " / ".join(printable_lines(result.rstrip()))
    came = _short(came, MAX_RESULT_CHARACTERS)
    by = f", {writer(node)}" if node.origin != "model" else ""
    return f"#{node.id} (after #{node.parent_id}{by}) {_short(said)}{came}{verdict}{printable(closed)}"


def _short(text: str, limit: int = MAX_LINE_CHARACTERS) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
