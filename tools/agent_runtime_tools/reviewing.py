"""The host's side of a query's review: the worker is asked how a result was derived and what speaks against it.

It is asked after the result has come, so that a review that takes too long costs the worker and not the result.
"""

from collections.abc import Awaitable, Callable

from agent_runtime.errors import SandboxError, ToolError
from agent_runtime.types import UNREAD, Remark, ResultTable
from agent_runtime_tools.serving import Message

Ask = Callable[[Message, float], Awaitable[Message]]


def notes(reply: Message) -> tuple[str, ...]:
    """What was done to the query before it ran."""
    return (f"read as {reply['dialect']}: {reply['read_as']}",) if "read_as" in reply else ()


def other_readings(reply: Message) -> tuple[Remark, ...]:
    """A doubt where the query means something else in another dialect."""
    others = reply.get("other_readings", ())
    return (Remark("reading", f"the query may also be read as {'; '.join(others)}"),) if others else ()


async def reviewed(
    ask: Ask, text: str, table: ResultTable, seconds: float
) -> tuple[tuple[str, ...], tuple[Remark, ...]]:
    """How a result was derived and what speaks against it; nothing where finding that out takes too long."""
    first = table.rows[0] if table.n_rows == 1 else ()
    found: Message = {
        "n_rows": len(table.rows),
        "is_null": all(cell is None for row in table.rows for cell in row),
        "zeros": [place for place, cell in enumerate(first) if not isinstance(cell, str) and cell == 0],
    }
    shape: tuple[str, ...] = UNREAD
    try:
        shape = tuple((await ask({"do": "shape", "text": text}, seconds))["shape"])
        reply = await ask({"do": "review", "text": text} | found, seconds)
    except (ToolError, SandboxError):  # that worker is gone; the result that it gave stands
        return shape, ()
    return shape, tuple(Remark(*remark) for remark in reply["remarks"])
