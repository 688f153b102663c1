"""Branches made by hand: steps whose checks brought tables, then an answer."""

from dataclasses import replace

from agent_runtime.types import (
    Cell,
    Check,
    FinalAnswer,
    Node,
    Observation,
    ResultTable,
    Step,
    Value,
    Verdict,
)

Rows = tuple[tuple[Cell, ...], ...]


def table(*rows: tuple[Cell, ...]) -> ResultTable:
    width = len(rows[0]) if rows else 1
    return ResultTable(tuple((f"c{index}", "VARCHAR") for index in range(width)), rows, len(rows))


def asked(
    query: str,
    *rows: tuple[Cell, ...],
    node_id: int = 1,
    shape: tuple[str, ...] = (),
    is_lookup: bool = False,
) -> Node:
    text = "\n".join(" | ".join(map(str, row)) for row in rows)
    seen = Observation("sql", text, text, table=table(*rows), shape=shape)
    step = Step("Ask.", Check("sql", query), is_lookup)
    return Node(node_id, node_id - 1, node_id, step, seen, Verdict("supported", (f"sql: {text}",)))


def computed(expression: str, value: int | str, node_id: int = 1, shape: tuple[str, ...] = ()) -> Node:
    seen = Observation("calc", str(value), str(value), value=Value("NUMBER", value), shape=shape)
    return Node(
        node_id, node_id - 1, node_id, Step("Compute.", Check("calc", expression)), seen, Verdict("supported")
    )


def answered(text: str, node_id: int = 9, verdict: Verdict = Verdict("supported")) -> Node:
    return Node(node_id, node_id - 1, node_id, FinalAnswer(text), verdict=verdict, state="answered")


def renumbered(branch: tuple[Node, ...], first: int) -> tuple[Node, ...]:
    """The same branch elsewhere in a graph."""
    return tuple(replace(node, id=first + index) for index, node in enumerate(branch))
