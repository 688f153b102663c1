"""No rows, or nothing but NULL, settle nothing by themselves: a wrong filter brings them as well as a right one.

A count of 0 behind a filter is the same finding; only the tool can tell a count from a stored 0, so that is its remark.
What a tool has remarked on itself is not said twice.
"""

from collections.abc import Sequence

from agent_runtime.types import Node, Objection, Prompt, ResultTable, Verdict

EMPTY = "empty"


class Emptiness:
    """Objects to a table that says nothing."""

    async def judge(self, prompt: Prompt, paths: Sequence[tuple[Node, ...]]) -> list[Verdict]:
        """One verdict a path, for its last node."""
        return [_judged(path[-1]) for path in paths]


def _judged(node: Node) -> Verdict:
    seen = node.observation
    if seen is None or seen.table is None or not is_empty(seen.table):
        return Verdict()
    if any(remark.kind == EMPTY for remark in seen.remarks):
        return Verdict()
    return Verdict(objections=(Objection(EMPTY, "nothing came back, which settles nothing by itself"),))


def is_empty(table: ResultTable) -> bool:
    """Whether a table has no row, or nothing but NULL."""
    return all(cell is None for row in table.rows for cell in row)
