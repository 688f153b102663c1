"""What a calculation gives: its text, its short form, whether a relation fails, and the exact value with its type.

All of it is plain data, so that a worker can send it and a trace can keep it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal[
    "integer", "fraction", "decimal", "boolean", "date", "time", "text", "expression", "quantity", "list"
]


@dataclass(frozen=True, slots=True)
class Typed:
    """An exact value as text, and what it is.

    integer 351; fraction 5/6; decimal: digits of what is irrational or too long to be exact; boolean true; date
    2024-02-29 (with a time: 2024-02-29 08:00); time: a time of day or a length of time, 9:30; quantity: an integer or
    fraction with a `unit`; list: its `items`; expression: what has a root, a constant or a variable in it.
    """

    kind: Kind
    text: str
    unit: str = ""
    items: tuple["Typed", ...] = ()


@dataclass(frozen=True, slots=True)
class Calculated:
    """A result as it is shown, and whether a relation in it fails; `value` is None where it is too long to carry."""

    text: str
    brief: str
    outcome: Literal["ok", "false"] = "ok"
    is_truncated: bool = False
    value: Typed | None = None


def sent(result: Calculated) -> dict[str, Any]:
    """A result as JSON, for `received`."""
    message = {field: getattr(result, field) for field in result.__slots__}
    message["value"] = result.value and _written(result.value)
    return message


def _written(value: Typed) -> list[Any]:
    return [value.kind, value.text, value.unit, list(map(_written, value.items))]


def received(reply: Mapping[str, Any]) -> Calculated:
    """The result that a worker sent as JSON."""
    value = reply["value"]
    return Calculated(**{**reply, "value": None if value is None else _typed(value)})


def _typed(value: Sequence[Any]) -> Typed:
    kind, text, unit, items = value
    return Typed(kind, text, unit, tuple(map(_typed, items)))
