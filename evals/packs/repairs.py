"""Pack items with a program to repair: the debugging job's fix, and what blind search over the same trials takes."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from agent_runtime.jobs.debugging.edits import in_source_order
from agent_runtime.jobs.debugging.hypotheses import Limits
from agent_runtime.jobs.debugging.job import DebugRequest, Workshop, debug
from agent_runtime.jobs.debugging.types import Report
from agent_runtime.types import Usage
from evals.packs.items import Item

SECONDS = 20.0  # of the search for one item, where no limit is given


@dataclass(frozen=True, slots=True)
class Repair:
    """The whole repaired file by the job and by blind search (None: no fix), with confidence and cost of the job."""

    text: str | None
    blind: str | None
    confidence: float
    usage: Usage


@dataclass(slots=True)
class Repairs:
    """Repairs each item once: floor and job are two readings of the same run."""

    workshop: Workshop
    seconds: float = SECONDS
    _known: dict[str, Repair] = field(default_factory=dict, init=False)

    async def of(self, item: Item) -> Repair:
        """The repair of one item, by its visible test alone.

        Raises:
            SandboxError: The sandbox failed.
        """
        if item.id not in self._known:
            self._known[item.id] = await self._repair(item)
        return self._known[item.id]

    async def _repair(self, item: Item) -> Repair:
        with tempfile.TemporaryDirectory(prefix="repair-") as place:
            folder = Path(place) / "program"
            folder.mkdir()
            item.place(folder, "repair")
            shop = self.workshop
            config = shop.config.model_copy(update={"trace": Path(place) / "trace.jsonl"})
            command = ("python", item.visible_test)
            request = DebugRequest(command, folder, item.question, limits=Limits(seconds=self.seconds))
            report = await debug(
                request, Workshop(shop.sandbox, shop.edit, shop.open_runtime, config, (), shop.model)
            )
        return _read(report, item)


def _read(report: Report, item: Item) -> Repair:
    passing = in_source_order([attempt.candidate for attempt in report.tried if attempt.is_passing])
    blind = passing[0].applied(item.files[passing[0].file]) if passing else None
    best = report.fix or report.candidate
    text = best.candidate.applied(item.files[best.candidate.file]) if best is not None else None
    return Repair(text, blind, best.confidence if best is not None else 0.0, report.usage)
