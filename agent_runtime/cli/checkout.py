"""Commands that live outside the wheel, beside the data that they need: training and benchmarks."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from agent_runtime.errors import ConfigError

PLACES = {"bench": "evals.command", "train": "agent_runtime_training.command"}


def from_checkout(name: str) -> Any:  # noqa: ANN401 - a command or a group of them
    """The command called `name`; where there is no checkout, one that says so."""
    try:
        return getattr(import_module(PLACES[name]), name)
    except ModuleNotFoundError as error:
        if error.name is None or not PLACES[name].startswith(error.name):
            raise  # a defect in the command itself
        return _refusal(name)


def _refusal(name: str) -> Callable[[], None]:
    def refuse() -> None:
        raise ConfigError(f"`{name}` needs a checkout of the repository: clone it, then `make dev` there")

    refuse.__doc__ = f"(needs a checkout of the repository) `{name}`."
    return refuse
