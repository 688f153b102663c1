"""Where a statement puts a column in order: MAX, MIN, ORDER BY, greater and less.

Text orders by characters, so 9 comes after 1,200. Of a column that is text and looks like numbers or dates, that is
never what was meant.
"""

from collections.abc import Container
from typing import Any

Node = dict[str, Any]

ORDERING = frozenset(
    {
        "max",
        "min",
        "arg_max",
        "arg_min",
        "max_by",
        "min_by",
        "argmax",
        "argmin",
        "median",
        "mode",
        "quantile_disc",
    }
)
COMPARING = ("COMPARE_LESSTHAN", "COMPARE_GREATERTHAN", "COMPARE_BETWEEN")


def ordered_column(node: Node, columns: Container[str]) -> str:
    """The one of `columns` (small letters) that this node of a parsed statement puts in order; empty for none."""
    kind = str(node.get("type", ""))
    if str(node.get("function_name", "")).lower() in ORDERING:
        parts = node.get("children", [])[-1:]
    elif kind == "ORDER_MODIFIER":
        parts = [order.get("expression") for order in node.get("orders", [])]
    elif kind.startswith(COMPARING):
        parts = [node.get("left"), node.get("right"), node.get("input")]
    else:
        return ""
    names = (_name(part) for part in parts if isinstance(part, dict))
    return next((name for name in names if name in columns), "")


def _name(expression: Node) -> str:
    names = expression.get("column_names") or [""]
    return str(names[-1]).lower() if expression.get("class") == "COLUMN_REF" else ""
