"""The search tree as lines of a terminal: one branch after the other, indented only where the search forked.

A line is a `rich.text.Text`, so that nothing in a thought or a result is read as markup. Long texts are cut to a
few lines; the trace has them whole. Branches that are over shrink to one line where there is no room for more.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from rich.console import Console
from rich.text import Text

from agent_runtime.search.graph import SearchGraph
from agent_runtime.terminal.printable import printable, printable_lines
from agent_runtime.terminal.writers import writer
from agent_runtime.trace.events import ActionSampled
from agent_runtime.types import Action, Backtrack, FinalAnswer, Malformed, Node, Plan, Step

THOUGHT_LINES = 2
CHECK_LINES = 3
RESULT_LINES = 4
PLAN_ITEMS = 6
MIN_TEXT_WIDTH = 24  # a deep fork on a narrow terminal wraps rather than vanish
VERDICT_MARKS = {
    "confirmed": ("✓", "bold green"),
    "supported": ("✓", "green"),
    "refuted": ("✗", "red"),
    "unchecked": ("·", "dim"),
}
OBJECTION_LINES = 2
STATE_MARKS = {"dead_end": ("✗ dead end", "red"), "pruned": ("○ pruned", "dim")}


@dataclass(slots=True)
class Branches:
    """Draws the graph, and under their parents the actions that have been sampled and have no node yet."""

    graph: SearchGraph
    console: Console
    width: int
    pending: Mapping[int, list[ActionSampled]] = field(default_factory=dict)  # by parent
    is_running: bool = False  # whether an open end may still grow
    is_short: bool = False  # whether branches that are over take one line each
    _alive: set[int] = field(default_factory=set)

    def lines(self) -> Iterator[Text]:
        """All lines, from the first action on."""
        if self.is_short:
            self._alive = self._ancestors_of_the_living()
        stack = self._children(self.graph.root, "")
        while stack:
            nodes, lead, guide = stack.pop()
            if self.is_short and nodes[0].id not in self._alive:
                yield self._summary(nodes, lead)
                continue
            yield from self._node(nodes[0], lead, guide)
            stack += self._children(nodes[0], guide)
        for sampled in self.pending.get(self.graph.root.id, []):
            yield from self._under_way(sampled, "├╴", "│ ")

    def _children(self, node: Node, guide: str) -> list[tuple[list[Node], str, str]]:
        """What to draw after a node, last first, each with the lead of its first line and of the others.

        Each child stands alone; where there is no room, those that are over stand together.
        """
        children = self.graph.children(node.id)
        over = [child for child in children if child.id not in self._alive] if self.is_short else []
        groups = [over] if over else []
        groups += [[child] for child in children if not self.is_short or child.id in self._alive]
        if len(groups) == 1 and node.parent_id is not None:
            return [(groups[0], guide, guide)]
        n_last = len(groups) - 1
        return [
            (nodes, guide + ("╰╴" if n == n_last else "├╴"), guide + ("  " if n == n_last else "│ "))
            for n, nodes in reversed(list(enumerate(groups)))
        ]

    def _ancestors_of_the_living(self) -> set[int]:
        """Nodes on a branch that is still open, or that answered."""
        alive: set[int] = set()
        ends = [*self.graph.frontier(), *self.graph.answers(), *map(self.graph.node, self.pending)]
        for end in ends:
            node: Node | None = end
            while node is not None and node.id not in alive:
                alive.add(node.id)
                node = None if node.parent_id is None else self.graph.node(node.parent_id)
        return alive

    # --- one node

    def _node(self, node: Node, lead: str, guide: str) -> Iterator[Text]:
        assert node.action is not None
        mark = VERDICT_MARKS[node.verdict.kind]
        word = "" if node.verdict.kind == "unchecked" else f"{node.verdict.kind} "
        score = f"{word}{node.path_score:.2f}"
        yield from self._action(node.action, lead, guide, mark, score, writer(node))
        if node.observation is not None:
            color = VERDICT_MARKS[node.verdict.kind][1]
            yield from self._wrapped("↳ ", node.observation.brief, guide + "  ", RESULT_LINES, color)
        for objection in node.verdict.objections if node.verdict.kind != "refuted" else ():
            yield from self._wrapped("! ", objection.text, guide + "  ", OBJECTION_LINES, "yellow")
        if node.state in STATE_MARKS:
            label, color = STATE_MARKS[node.state]
            reason = f": {printable(node.reason)}" if node.reason else ""
            yield self._line(guide, Text(label + reason, style=color))
        for sampled in self.pending.get(node.id, []) if node.parent_id is not None else []:
            yield from self._under_way(sampled, guide, guide)
        is_end = node.state == "open" and not self.graph.children(node.id) and node.id not in self.pending
        if is_end and self.is_running:
            yield self._line(guide, Text("◌ open", style="cyan"))

    def _under_way(self, sampled: ActionSampled, lead: str, guide: str) -> Iterator[Text]:
        by = "" if sampled.origin == "model" else sampled.origin
        yield from self._action(sampled.action, lead, guide, ("◌", "cyan"), "", by)
        if isinstance(sampled.action, Step) and sampled.action.check:
            yield self._line(guide, Text("  ↳ running", style="cyan"))

    def _action(
        self, action: Action, lead: str, guide: str, mark: tuple[str, str], score: str, by: str
    ) -> Iterator[Text]:
        sign, color = mark
        score = "  ".join(part for part in (by, score) if part)
        match action:
            case Plan():
                items = [f"{n}. {item}" for n, item in enumerate(action.items, 1)]
                texts = items[:PLAN_ITEMS] + (["…"] if len(items) > PLAN_ITEMS else [])
                for n, item in enumerate(texts or ["(an empty plan)"]):
                    head = Text.assemble((f"{'  ' if n else '▪ '}", "bold blue"), (printable(item), "blue"))
                    if by and not n:
                        head.append(f"  {by}", "dim")
                    yield self._line(guide if n else lead, head)
            case Step():
                yield from self._thought(sign, color, action.thought, lead, guide, score)
                if action.check is not None:
                    yield from self._wrapped(
                        f"{printable(action.check.tool)} ",
                        action.check.input,
                        guide + "  ",
                        CHECK_LINES,
                        "cyan",
                    )
            case Backtrack():
                yield from self._thought("↩", "yellow", action.reason, lead, guide, score)
            case FinalAnswer():
                yield from self._thought("★", "bold green", action.text, lead, guide, score)
            case Malformed():
                yield from self._thought("✗", "red", f"no action: {action.error}", lead, guide, score)

    def _thought(
        self, sign: str, color: str, thought: str, lead: str, guide: str, score: str
    ) -> Iterator[Text]:
        """The first lines of a text, with its mark before it and its score at the right margin."""
        room = max(MIN_TEXT_WIDTH, self.width - len(guide) - len(score) - 4)
        style = "bold green" if sign == "★" else ""
        for n, line in enumerate(self._cut(" ".join(printable_lines(thought)), room, THOUGHT_LINES, style)):
            if n:
                yield self._line(guide + "  ", line)
                continue
            line.truncate(room, overflow="ellipsis", pad=True)
            yield self._line(lead, Text.assemble((f"{sign} ", color), line, "  ", (score, "dim")))

    def _wrapped(self, label: str, text: str, guide: str, max_lines: int, style: str) -> Iterator[Text]:
        """A text under a label, each of its own lines wrapped, cut after `max_lines`."""
        room = max(MIN_TEXT_WIDTH, self.width - len(guide) - len(label))
        lines: list[Text] = []
        source = printable_lines(text.rstrip())
        for one in source:
            lines += self._cut(one, room, max_lines, style)
            if len(lines) >= max_lines:
                break
        hidden = len(source) - max_lines
        for n, line in enumerate(lines[:max_lines]):
            yield self._line(guide, Text.assemble((" " * len(label) if n else label, "dim"), line))
        if hidden > 0:
            yield self._line(guide, Text(f"{' ' * len(label)}… {hidden} more", style="dim"))

    def _cut(self, text: str, room: int, max_lines: int, style: str) -> list[Text]:
        # a text far longer than what is shown is not wrapped to its end
        wrapped = Text(text[: room * (max_lines + 1)], style=style).wrap(self.console, room)
        lines = list(wrapped[:max_lines])
        if len(wrapped) > max_lines:
            lines[-1].truncate(room - 1, overflow="ellipsis")
            lines[-1].append("…" if not lines[-1].plain.endswith("…") else "")
        return lines

    def _summary(self, nodes: list[Node], lead: str) -> Text:
        """Branches that are over, in one line: how many actions they took and why the last one ended."""
        below, why = list(nodes), ""
        for one in below:
            why = one.reason or why
            below += self.graph.children(one.id)
        branches = "" if len(nodes) == 1 else f"{len(nodes)} branches, "
        length = f"{len(below)} action{'' if len(below) == 1 else 's'}"
        return self._line(lead, Text(f"✗ {branches}{length}, given up: {printable(why)}", style="dim"))

    def _line(self, guide: str, text: Text) -> Text:
        line = Text.assemble((guide, "dim"), text, no_wrap=True)
        line.truncate(self.width, overflow="ellipsis")
        return line
