"""Every error that the runtime raises on purpose: one tree, a class for each one who acts next.

::

    AgentRuntimeError
    ├── ConfigError             the user, before any work starts     (CLI exit code 2)
    │   └── InputError          the user: a question, table or trace that cannot be used
    ├── PartError               the operator: a part failed          (CLI exit code 3)
    │   ├── ModelError          model or its server
    │   ├── SandboxError        engine, image or container; never what the program in it did
    │   └── TraceError          the trace cannot be written
    ├── ToolError               the model: becomes an observation
    │   └── ToolTimeout
    ├── ActionSyntaxError       the model: becomes an observation
    └── BudgetExceeded          the strategy: the search ends with the best answer so far
"""


class AgentRuntimeError(Exception):
    """Base of the tree; catch it to catch everything the runtime raises on purpose."""


class ConfigError(AgentRuntimeError):
    """A setting is wrong or names something that is not there; the message says what would be right."""


class InputError(ConfigError):
    """A question, table, trace or other file of the user's cannot be used; the message says why."""


class PartError(AgentRuntimeError):
    """A part of the runtime (model, sandbox, trace) failed; retrying the same call may not help."""


class ModelError(PartError):
    """The model cannot be loaded, or failed while it decoded."""


class SandboxError(PartError):
    """The sandbox itself failed: engine, image or container, never the program that ran in it."""


class TraceError(PartError):
    """The trace cannot be written, or is locked by another writer."""


class ToolError(AgentRuntimeError):
    """A check cannot be carried out as it was written; the model reads the message as its result."""


class ToolTimeout(ToolError):
    """A check did not end within its time limit and was killed."""

    def __init__(self, tool: str, limit_seconds: float) -> None:
        super().__init__(f"{tool} did not finish within {limit_seconds:g} s")
        self.tool = tool
        self.limit_seconds = limit_seconds


class ActionSyntaxError(AgentRuntimeError):
    """What the model wrote is no action of the protocol."""

    def __init__(self, message: str, text: str) -> None:
        super().__init__(message)
        self.text = text


class BudgetExceeded(AgentRuntimeError):
    """A budget has no room for the next pass: `spent` of `limit` in `kind` is gone."""

    def __init__(self, kind: str, limit: float, spent: float) -> None:
        super().__init__(f"{kind} budget: {spent:g} of {limit:g} spent")
        self.kind = kind
        self.limit = limit
        self.spent = spent
