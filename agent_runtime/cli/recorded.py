"""The settings of a recorded run: those it was started with, the secrets as they are configured now."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from agent_runtime.config import RunConfig
from agent_runtime.errors import InputError
from agent_runtime.trace.reader import read


def recorded_config(trace: Path, overrides: dict[str, Any] | None = None) -> RunConfig:
    """The configuration of the run in `trace`; an override that is None counts as not given.

    What the run was started without (no limit, say) it stays without, whatever is configured now.

    Raises:
        InputError: The trace does not say how its run began, or names a setting that there is not.
    """
    started = read(trace).started
    if started is None:
        raise InputError(f"{str(trace)!r} does not say how its run began")
    given = {key: value for key, value in (overrides or {}).items() if value is not None}
    secrets = {name for name, field in RunConfig.model_fields.items() if "Secret" in str(field.annotation)}
    defaults = {name: field.default for name, field in RunConfig.model_fields.items()}
    defaults["planner"] = "none"  # in runs of before it was a setting, what rules wrote stands as the model's
    settings = {key: value for key, value in (defaults | started.config).items() if key not in secrets}
    try:
        return RunConfig(**{**settings, **given})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{str(trace)!r}, setting {name!r}: {first['msg']}") from None
