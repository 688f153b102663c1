"""Commands that live outside the wheel, beside the data that they need: training and benchmarks."""

from collections.abc import Callable
from importlib import import_module

import typer

from agent_runtime.errors import ConfigError

ANY_ARGUMENTS = {"allow_extra_args": True, "ignore_unknown_options": True}
PLACES = {"bench": "evals.command", "train": "agent_runtime_training.command"}


def add_from_checkout(app: typer.Typer, name: str) -> None:
    """Add the command or the group called `name`; where there is no checkout, a command that says so."""
    try:
        found = getattr(import_module(PLACES[name]), name)
    except ModuleNotFoundError as error:
        if error.name is None or not PLACES[name].startswith(error.name):
            raise  # a defect in the command itself
        app.command(name, context_settings=ANY_ARGUMENTS)(_refusal(name))
        return
    if isinstance(found, typer.Typer):
        app.add_typer(found, name=name)
    else:
        app.command(name)(found)


def _refusal(name: str) -> Callable[[], None]:
    def refuse() -> None:
        raise ConfigError(f"`{name}` needs a checkout of the repository: clone it, then `make dev` there")

    refuse.__doc__ = "Needs a checkout of the repository: clone it, then `make dev` there."
    return refuse
