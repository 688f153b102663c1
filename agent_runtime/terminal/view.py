"""Shows a run while it happens, or again from its trace: a growing tree on a terminal, plain lines elsewhere.

It consumes the events that `stream` yields and a trace holds, and knows nothing else of a run. On a terminal the
part that fits the screen is redrawn a few times a second; at the end the whole tree stays in the scroll-back.
Without one, each node and each closing is one line, the answer and the bill a few more.
"""

import contextlib
import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group
from rich.control import Control
from rich.live import Live
from rich.panel import Panel
from rich.segment import ControlType
from rich.text import Text

from agent_runtime.errors import InputError
from agent_runtime.search.graph import SearchGraph
from agent_runtime.terminal.branches import Branches
from agent_runtime.terminal.plain import PlainView
from agent_runtime.terminal.summary import answer_lines, bill_lines, head_lines, verdict_line
from agent_runtime.trace.events import ActionSampled, Event, NodeAdded, RunFinished, RunStarted
from agent_runtime.trace.reader import Trace, grow
from agent_runtime.types import Answer

REDRAWS_PER_SECOND = 8
MAX_WIDTH = 120  # longer lines are hard to read
MAX_FINAL_LINES = 150  # of a tree that is shown whole; in a longer one, branches that are over shrink
MAX_LIVE_NODES = 300  # in a larger tree, the screen shows only the branches that live
ERASE_LINE = Control((ControlType.ERASE_IN_LINE, 2))
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


class View(Protocol):
    """Shows events; a context manager."""

    def show(self, event: Event) -> None:
        """Show one event."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def view_on(console: Console) -> View:
    """The view that fits a console: the live tree on a terminal, plain lines elsewhere."""
    return LiveView(console) if console.is_terminal and not console.is_dumb_terminal else PlainView(console)


def play(trace: Trace, view: View, speed: float = 0.0) -> None:
    """Show a recorded run, `speed` times as fast as it was; 0 shows it at once."""
    before = 0.0
    with view:
        for record in trace.records:
            if speed:
                time.sleep(max(0.0, record.seconds - before) / speed)
                before = record.seconds
            view.show(record.event)


class LiveView:
    """The tree, as it grows; when the block ends it is printed whole, with the answer and the bill."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._graph = SearchGraph()
        self._pending: dict[int, ActionSampled] = {}
        self._started: RunStarted | None = None
        self._answer: Answer | None = None
        self._began = time.monotonic()
        self._drawn: tuple[object, list[Text]] = (None, [])
        self._n_events = 0
        self._n_tokens = 0
        self._lock = threading.Lock()  # rich redraws from a thread of its own
        self._live = Live(
            console=console,
            get_renderable=self._screen,
            refresh_per_second=REDRAWS_PER_SECOND,
            transient=True,
            vertical_overflow="crop",
        )

    def show(self, event: Event) -> None:
        """Take one event; it is on the screen with the next redraw."""
        with self._lock:
            self._n_events += 1
            match event:
                case RunStarted():
                    self._started = event
                case ActionSampled():
                    self._pending[event.node_id] = event
                case NodeAdded():
                    self._pending.pop(event.node.id, None)
                    self._n_tokens += event.node.usage.n_tokens
                case RunFinished():
                    self._answer = event.answer
                case _:
                    pass
            with contextlib.suppress(InputError):  # the children of a node that a damaged trace has lost
                grow(self._graph, event)
        if not self._live.is_started:  # not before: a model that is fetched has a progress bar of its own
            self._console.control(ERASE_LINE)
            self._began = time.monotonic()
            self._live.start()

    def __enter__(self) -> Self:
        self._console.print(Text("starting …", style="dim"), end="\r")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()
        self._console.control(ERASE_LINE)
        if self._started is not None:
            self._console.print(Group(*self._whole()))

    # --- what is drawn

    @property
    def _width(self) -> int:
        return min(self._console.width, MAX_WIDTH)

    def _screen(self) -> Group:
        """What fits the screen now: the question, the newest part of the tree, how far the run is."""
        with self._lock:
            if self._started is None:
                return Group(self._status())
            head = list(head_lines(self._started, self._console, self._width))
            room = max(3, self._console.height - len(head) - 2)
            lines = self._tree_lines(room)
            if len(lines) > room:
                above = Text(f"… {len(lines) - room + 1} lines above", style="dim")
                lines = [above, *lines[1 - room :]]
            return Group(*head, *lines, self._status())

    def _tree_lines(self, room: int) -> list[Text]:
        """The tree's lines, drawn again only when something has happened."""
        key = (self._n_events, self._width, room)
        if self._drawn[0] != key:
            lines = []
            if len(self._graph) <= MAX_LIVE_NODES:
                lines = list(self._branches(is_running=True).lines())
            if not lines or len(lines) > room:
                lines = list(self._branches(is_running=True, is_short=True).lines())
            self._drawn = (key, lines)
        return self._drawn[1]

    def _branches(self, *, is_running: bool = False, is_short: bool = False) -> Branches:
        by_parent: dict[int, list[ActionSampled]] = {}
        for sampled in self._pending.values():
            by_parent.setdefault(sampled.parent_id, []).append(sampled)
        return Branches(self._graph, self._console, self._width, by_parent, is_running, is_short)

    def _status(self) -> Text:
        seconds = time.monotonic() - self._began
        frame = SPINNER[int(seconds * REDRAWS_PER_SECOND) % len(SPINNER)]
        n_open = len(self._graph.frontier())
        counts = f"{len(self._graph) - 1} actions, {n_open} open, {self._n_tokens:,} tokens"
        return Text(f"{frame} {seconds:.0f} s, {counts}", style="cyan")

    def _whole(self) -> Iterator[Text | Panel]:
        """The run as it is left in the scroll-back."""
        assert self._started is not None
        yield from head_lines(self._started, self._console, self._width)
        lines = list(self._branches().lines())
        yield from lines if len(lines) <= MAX_FINAL_LINES else self._branches(is_short=True).lines()
        if self._answer is None:
            yield Text("the run did not finish", style="yellow")
            return
        title = Text(verdict_line(self._answer), style="dim")
        style = "green" if self._answer.text is not None else "yellow"
        yield self._panel(answer_lines(self._answer), title, style)
        yield self._panel(bill_lines(self._answer), Text("bill", style="dim"), "dim")

    def _panel(self, lines: Iterator[Text], title: Text, style: str) -> Panel:
        body = Text("\n").join(lines)
        return Panel(body, title=title, title_align="left", border_style=style, width=self._width)
