"""The answer that a plan's rows give: read from values, never from a printed table."""

import re
from decimal import Decimal

from agent_runtime.planners.flow.plans import FlowPlan
from agent_runtime.types import Cell, Observation, ResultTable

_MIDNIGHT = re.compile(r"(\d{4}-\d{2}-\d{2})[ T]00:00:00(?:\.0+)?")


def answer(plan: FlowPlan, observation: Observation | None) -> str:
    """What the rows answer; empty where there are none, some are missing from a list, or the query failed."""
    table = observation.table if observation is not None and observation.outcome == "ok" else None
    if table is None or not (rows := _rows(table)):
        return ""
    kinds = [kind for _, kind in table.columns]
    if plan.is_list:
        return _listed([_written(row[0], kinds[0]) for row in rows]) if _is_whole(table) else ""
    first = rows[0][: plan.n_columns]
    return "|".join(_written(cell, kind) for cell, kind in zip(first, kinds, strict=False))


def _rows(table: ResultTable) -> list[tuple[Cell, ...]]:
    """The rows that say something; an aggregate over nothing is NULL."""
    return [row for row in table.rows if any(cell is not None for cell in row)]


def _is_whole(table: ResultTable) -> bool:
    """Whether every row is there: a list that lacks some is wrong."""
    return table.n_rows == len(table.rows)


def _listed(items: list[str]) -> str:
    """A list whose gaps cannot be read as a part of its items: 9, 998 could be one number, Acme, Inc. two names."""
    is_misread = any(item.isdigit() or "," in item for item in items)
    return ("; " if is_misread else ", ").join(items)


def _written(cell: Cell, kind: str) -> str:
    """A cell as people write it: no zeros behind the point that say nothing, no midnight behind a day."""
    if cell is None:
        return ""
    if isinstance(cell, float) or (isinstance(cell, str) and kind.upper().startswith("DECIMAL")):
        text = format(Decimal(str(cell)), "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    if isinstance(cell, str) and (day := _MIDNIGHT.fullmatch(cell)) and kind.upper().startswith("TIMESTAMP"):
        return day.group(1)
    return str(cell)
