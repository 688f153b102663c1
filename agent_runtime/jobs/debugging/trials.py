"""The `edit` tool of a debugging run: a quick trial first, and the user's own command in full where that passes.

A wrapper of the built-in tool. The trials of calls that come at the same time run as one experiment, each in a fork
of one interpreter. A trial can refute; it never confirms: an observation `ok` always comes from a run of the user's own
command in a clean sandbox.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import anyio

from agent_runtime.jobs.debugging.experiments import ExperimentRunner, Trial, variant
from agent_runtime.jobs.debugging.own_edits import edit_candidate
from agent_runtime.jobs.debugging.types import Candidate
from agent_runtime.protocols import Tool
from agent_runtime.types import Check, Observation, ResultTable, Task

JOINING_SECONDS = (
    0.005  # in which calls join a batch: far less than it takes, enough for all that start together
)
N_HELD = "n_passed"  # the column of an observation that tells how many asserts or tests held
BRIEF_CHARACTERS = 300


@dataclass(slots=True)
class _Batch:
    """The trials that run together, and what came of them."""

    candidates: list[Candidate] = field(default_factory=list)
    trials: list[Trial] = field(default_factory=list)
    error: BaseException | None = None
    is_done: anyio.Event = field(default_factory=anyio.Event)


class TrialledEdit:
    """Reruns the command with an edit, in full only where a trial in `experiments` (None: there are none) passes.

    A full run may take `run_seconds`; what a batch of trials may take, the experiments set themselves.
    """

    name = "edit"

    def __init__(
        self,
        inner: Tool,
        experiments: ExperimentRunner | None,
        sources: Mapping[str, str],
        run_seconds: float,
    ) -> None:
        self.description = inner.description
        self._inner = inner
        self._experiments = experiments
        self._sources = sources
        self._run_seconds = run_seconds
        self._joining: _Batch | None = None

    async def run(self, text: str, task: Task, seconds: float) -> Observation:
        """Rerun the failing command with the edit `text`.

        Raises:
            ToolError: The edit is malformed.
            SandboxError: The sandbox failed.
        """
        candidate = edit_candidate(Check(self.name, text), self._sources)
        if candidate is None or self._experiments is None:
            return await self._inner.run(text, task, min(seconds, self._run_seconds))
        trial = await self._trial(candidate, self._experiments)
        if trial.is_passing or trial.is_lost:
            found = await self._inner.run(text, task, min(seconds, self._run_seconds))
        else:
            said = trial.said or "the command still fails"
            found = Observation(self.name, said, said[:BRIEF_CHARACTERS], "false")
        return replace(found, table=ResultTable(((N_HELD, "INTEGER"),), ((trial.n_passed,),), 1))

    async def _trial(self, candidate: Candidate, experiments: ExperimentRunner) -> Trial:
        """The trial of one edit, run with those of the calls that came together with it."""
        batch = self._joining
        if batch is not None:
            batch.candidates.append(candidate)
            place = len(batch.candidates) - 1
            await batch.is_done.wait()
        else:
            self._joining = batch = _Batch([candidate])
            place = 0
            await self._lead(batch, experiments)
        if batch.error is not None:
            raise batch.error
        return batch.trials[place]

    async def _lead(self, batch: _Batch, experiments: ExperimentRunner) -> None:
        """Let others join, then run the batch; what goes wrong goes wrong for all of it."""
        try:
            await anyio.sleep(JOINING_SECONDS)
            self._joining = None
            variants = [variant(one, self._sources) for one in batch.candidates]
            batch.trials = await experiments.run("screen", variants)
        except BaseException as error:
            batch.error = error
            raise
        finally:
            self._joining = None if self._joining is batch else self._joining
            batch.is_done.set()


def n_held(observation: Observation | None) -> int:
    """How many asserts or tests held in the trial of an edit; 0 where there was none."""
    table = observation.table if observation is not None else None
    if table is None or [name for name, _ in table.columns] != [N_HELD]:
        return 0
    (cell,) = table.rows[0]
    return cell if isinstance(cell, int) else 0
