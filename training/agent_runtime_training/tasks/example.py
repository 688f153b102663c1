"""One training task: a question, its tables or files, a teacher's trace with real results, and the oracle's answer.

The context is rendered by the database tool's own code, so that the text a model is trained on is the text it
meets at run time. What an answer must match lives in `checking`.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from agent_runtime.types import Action, Malformed, Node, NodeState, Observation, Step, Verdict
from agent_runtime_training.tasks.rendering import csv_cell, render_context

Split = Literal["train", "heldout"]
Cell = str | int | float | Decimal | date | datetime | None
Row = tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class TableData:
    """A table as a generator made it: (column, DuckDB type) pairs and rows."""

    name: str
    columns: tuple[tuple[str, str], ...]
    rows: tuple[Row, ...]

    def context(self) -> str:
        """What the model reads of the table."""
        return render_context(self.name, self.columns, self.rows)

    def csv(self) -> str:
        """The same table as a CSV file; an empty field is a null."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([name for name, _ in self.columns])
        writer.writerows([csv_cell(cell) for cell in row] for row in self.rows)
        return out.getvalue()


@dataclass(frozen=True, slots=True)
class Turn:
    """One action of the teacher with what its check brought.

    `is_mistake`: put in on purpose (a wrong query, a wrong first hypothesis). Nobody is trained to write it;
    the model is trained on what follows, and the judge learns that the step is bad.
    """

    action: Action
    observation: Observation | None = None
    is_mistake: bool = False


@dataclass(frozen=True, slots=True)
class Example:
    """A task with a verified trace. `template` names the wording it was made from; `answer` is the oracle's."""

    id: str
    family: str
    kind: str
    split: Split
    question: str
    answer: str
    turns: tuple[Turn, ...]
    template: str
    tables: tuple[TableData, ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    command: tuple[str, ...] = ()
    context: str = ""

    def path(self) -> tuple[Node, ...]:
        """The trace as a path of the search graph, the root first."""
        return tuple(self._nodes())

    def _nodes(self) -> Iterator[Node]:
        yield Node(0, None, 0)
        for index, turn in enumerate(self.turns, start=1):
            state: NodeState = "answered" if turn.action.kind == "answer" else "open"
            yield Node(
                id=index,
                parent_id=index - 1,
                depth=index,
                action=turn.action,
                observation=turn.observation,
                verdict=verdict_of(turn),
                state=state,
            )


def verdict_of(turn: Turn) -> Verdict:
    """What the result of a turn's check alone says about it."""
    if isinstance(turn.action, Malformed):
        return Verdict("refuted", (turn.action.error,))
    if not isinstance(turn.action, Step) or turn.observation is None:
        return Verdict()
    return Verdict("supported" if turn.observation.outcome == "ok" else "refuted", (turn.observation.text,))
