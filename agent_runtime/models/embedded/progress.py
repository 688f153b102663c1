"""A progress bar on stderr while the weights are made; silent where nothing has to be done."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

from agent_runtime.models.embedded.fetch import Report


@contextmanager
def progress() -> Iterator[Report]:
    """Yield a `Report` that draws a bar from its first call on; lines instead where stderr is no terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True))
    tasks: dict[str, TaskID] = {}

    def report(what: str, done: float, total: float) -> None:
        if what not in tasks:
            bar.start()
            tasks[what] = bar.add_task(f"{what} the embedded model", total=total)
        bar.update(tasks[what], completed=done, total=total)

    try:
        yield report
    finally:
        if tasks:  # a bar that was never drawn would end in a blank line
            bar.stop()
