"""A reasoning runtime: plans, tool-checked steps, tree search and thinking budgets around any model you host.

`open_runtime` and `RunConfig` are loaded on first use, so that importing the package costs nothing.
"""

from typing import TYPE_CHECKING, Any

from agent_runtime.errors import AgentRuntimeError, ToolError
from agent_runtime.types import Answer, Observation, Task

if TYPE_CHECKING:
    from agent_runtime.assembly import open_runtime, solve_sync
    from agent_runtime.config import RunConfig

__all__ = [
    "AgentRuntimeError",
    "Answer",
    "Observation",
    "RunConfig",
    "Task",
    "ToolError",
    "open_runtime",
    "solve_sync",
]

_LAZY = {
    "RunConfig": "agent_runtime.config",
    "open_runtime": "agent_runtime.assembly",
    "solve_sync": "agent_runtime.assembly",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401  # PEP 562
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415  # keeps this namespace clean

    return getattr(import_module(_LAZY[name]), name)
