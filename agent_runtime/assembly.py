"""The one place where concrete models, tools, sandboxes, verifiers and strategies meet.

What is costly to import or to start (torch, Docker's client, a container) is imported or started when it is first
needed.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from agent_runtime.concurrency import leaf
from agent_runtime.config import RunConfig, cache_folder
from agent_runtime.errors import ConfigError
from agent_runtime.jobs.cashflow.macros import GUIDE, flow_macros
from agent_runtime.jobs.debugging.environment import Packages, project_packages, python_version
from agent_runtime.kernel.runtime import Parts, Runtime
from agent_runtime.limits.energy import energy_counter
from agent_runtime.limits.presets import ALLOTMENTS
from agent_runtime.models.absent import NO_MODEL, AbsentModel
from agent_runtime.planners.flow.planner import FlowPlanner
from agent_runtime.protocols import Closable, Model, Planner, Sandbox, Strategy, Tool, Verifier
from agent_runtime.scoring.calibration import Calibration, calibration_file, read_calibration
from agent_runtime.scoring.verifiers.checks import Checks
from agent_runtime.scoring.verifiers.combined import Combined
from agent_runtime.scoring.verifiers.coverage import Coverage
from agent_runtime.scoring.verifiers.emptiness import Emptiness
from agent_runtime.scoring.verifiers.judge import Judge
from agent_runtime.scoring.verifiers.remarks import Remarks
from agent_runtime.search.auto import Auto
from agent_runtime.search.beam import Beam
from agent_runtime.search.best_first import BestFirst
from agent_runtime.search.chain import Chain
from agent_runtime.search.corroborate import Corroborated
from agent_runtime.search.diverse import DiverseTrees
from agent_runtime.search.mcts import MonteCarlo
from agent_runtime.search.planned import Planned, has_sure_answer
from agent_runtime.search.vote import Vote
from agent_runtime.types import Answer, Execution, ModelCard, SandboxJob, Task
from agent_runtime_tools.calculator import Calculator
from agent_runtime_tools.code import Edit, Python
from agent_runtime_tools.database import Database
from agent_runtime_tools.tables.types import Reading as Reading

if TYPE_CHECKING:
    from agent_runtime.jobs.debugging.job import Workshop

STRATEGIES: dict[str, Callable[..., Strategy]] = {
    "auto": lambda: Auto({"chain": Chain(), "vote": Vote(4), "best_first": BestFirst()}),
    "beam": Beam,
    "best_first": BestFirst,
    "chain": Chain,
    "deep": lambda: Corroborated(BestFirst()),
    "diverse": DiverseTrees,
    "mcts": MonteCarlo,
    "standard": lambda: Corroborated(Vote(4)),
    "vote": Vote,
}
VERIFIERS: dict[str, Callable[[Model], Verifier]] = {
    "checks": lambda _: Checks(),
    "remarks": lambda _: Remarks(),
    "emptiness": lambda _: Emptiness(),
    "coverage": lambda _: Coverage(),
    "judge": Judge,
}
PLANNERS: dict[str, Callable[[], Planner]] = {"flow": FlowPlanner}
# What a number after a strategy's name counts, as in `vote:16`.
COUNTED = {
    "beam": "beams",
    "best_first": "plans",
    "diverse": "trees",
    "mcts": "rounds",
    "vote": "chains",
}
MAX_COUNT = 10_000  # far beyond what pays: a typing error should not start a search of days


@asynccontextmanager
async def open_runtime(
    config: RunConfig | None = None,
    *,
    model: Model | None = None,
    tools: Sequence[Tool] = (),
    verifier: Verifier | None = None,
    strategy: Strategy | None = None,
    planners: Sequence[Planner] | None = None,
) -> AsyncIterator[Runtime]:
    """A runtime by `config`, closed with everything it started when the block ends.

    `tools` are added to the built-in ones (the same name replaces one); `model`, `verifier`, `strategy` and `planners`
    take the place of what `config` names (`planners=()`: none).

    Raises:
        ConfigError: The configuration names something that is not there.
        ModelError: The model cannot be loaded.
        SandboxError: The sandbox that was asked for is not to be had.
    """
    config = config or RunConfig.load()
    allotment = ALLOTMENTS[config.think]
    name = config.strategy or allotment.strategy
    is_allotted = strategy is None and config.strategy is None
    sandbox = await build_sandbox(config)
    own_model = model is None
    model = model or build_model(config)
    planners = build_planners(config.planner) if planners is None else planners
    built_in: list[Tool] = []
    if config.has_tools:
        built_in = [Calculator(), _database(config.read), Python(sandbox), Edit(sandbox)]
    by_name: dict[str, Tool] = {tool.name: tool for tool in (*built_in, *tools)}
    parts = Parts(
        model,
        by_name,
        build_verifier() if verifier is None else lambda _: verifier,
        _planned(
            planners,
            strategy or _strategy_for(config, model, name, planners),
            name if strategy is None else "",
            config,
        ),
        name if strategy is None else type(strategy).__name__,
        allotment.branches if is_allotted else None,
        energy_counter,
        _calibration,
    )
    closables: list[object] = [*built_in, sandbox, *([model] if own_model else [])]
    try:
        async with anyio.create_task_group() as group:
            try:
                yield Runtime(parts, config, group)
            finally:
                group.cancel_scope.cancel()
    except BaseExceptionGroup as error:
        raise leaf(error) from None
    finally:
        with anyio.CancelScope(shield=True):
            for part in closables:
                if isinstance(part, Closable):
                    await part.aclose()


@asynccontextmanager
async def open_workshop(
    config: RunConfig, folder: Path | None = None, *, has_model: bool = True
) -> AsyncIterator["Workshop"]:
    """What the debugging job works with; `folder` is the project whose environment the program needs.

    Raises:
        ConfigError: The configuration names something that is not there.
        SandboxError: No sandbox is to be had.
    """
    from agent_runtime.jobs.debugging.job import Workshop  # noqa: PLC0415  (only this job needs it)

    packages = project_packages(folder) if folder is not None else None
    sandbox = await _sandbox_with(config, packages)
    model = build_model(config) if has_model else None
    try:
        yield Workshop(sandbox, Edit(sandbox), open_runtime, config, (Python(sandbox),), model)
    finally:
        with anyio.CancelScope(shield=True):
            if model is not None:
                await model.aclose()
            await sandbox.aclose()


async def _sandbox_with(config: RunConfig, packages: Packages | None) -> Sandbox:
    """A sandbox that shows the project's packages where its Python is the one they are for."""
    sandbox = await _choose_sandbox(config)
    if packages is None or await python_version(sandbox, "version") != packages.version:
        return sandbox
    await sandbox.aclose()
    return await _choose_sandbox(config, packages)


async def _choose_sandbox(config: RunConfig, packages: Packages | None = None) -> Sandbox:
    from agent_runtime_sandboxes.choice import choose_sandbox  # noqa: PLC0415  (Docker's client)

    mounts = packages.mounts if packages else None
    environment = packages.environment if packages else None
    return await choose_sandbox(config.sandbox, config.sandbox_image, mounts=mounts, environment=environment)


def _database(read: tuple[str, ...]) -> Database:
    """The database with the flow macros, of which models that read descriptions are told."""
    return Database(flow_macros, read=read, guide=f"A table holds transfers, so FROM may call:\n{GUIDE}")


async def read_tables(paths: tuple[Path, ...], read: tuple[str, ...] = ()) -> tuple[Reading, ...]:
    """How table files are read; `read` settles what is in doubt, as in `FILE.COLUMN=date:dmy`.

    Raises:
        InputError: A file cannot be used, or a setting names nothing that is there.
    """
    database = Database(read=read)
    task = Task("tables", "", tables=paths)
    try:
        await database.prepare(task)
        return database.readings(task)
    finally:
        await database.aclose()


def solve_sync(task: Task | str, config: RunConfig | None = None) -> Answer:
    """Solve one task in a runtime of its own: the sync twin of `open_runtime` and `Runtime.solve`."""

    async def solve() -> Answer:
        async with open_runtime(config) as runtime:
            return await runtime.solve(task)

    return anyio.run(solve)


def build_strategy(name: str) -> Strategy:
    """The strategy called `name`; `vote:16` is the vote of 16 chains, and so with every width in `COUNTED`.

    Raises:
        ConfigError: There is none; the message lists those there are.
    """
    kind, colon, count = name.partition(":")
    if kind not in STRATEGIES:
        raise ConfigError(f"unknown strategy {name!r}; there are: {', '.join(sorted(STRATEGIES))}")
    if not colon:
        return STRATEGIES[kind]()
    if kind not in COUNTED:
        raise ConfigError(f"strategy {name!r}: {kind} takes no number; {', '.join(COUNTED)} do")
    if not (count.isascii() and count.isdigit() and 0 < int(count) <= MAX_COUNT):
        raise ConfigError(
            f"strategy {name!r}: what follows the colon is how many {COUNTED[kind]}, from 1 to {MAX_COUNT:,}"
        )
    return STRATEGIES[kind](int(count))


def _calibration(card: ModelCard) -> Calibration | None:
    """The map that was fitted to a model; None where there is none."""
    return read_calibration(calibration_file(cache_folder(), card.name, card.sha256), card.name)


def build_planners(name: str) -> list[Planner]:
    """The planners that a setting stands for: `auto` is all of them, `none` is none, else the one of that name.

    Raises:
        ConfigError: There is none of that name; the message lists what there is.
    """
    if name == "none":
        return []
    if name != "auto" and name not in PLANNERS:
        raise ConfigError(f"unknown planner {name!r}; there are: auto, none, {', '.join(sorted(PLANNERS))}")
    return [make() for known, make in PLANNERS.items() if name in ("auto", known)]


def _strategy_for(config: RunConfig, model: Model, name: str, planners: Sequence[Planner]) -> Strategy | None:
    """The strategy called `name`; None where there is no model to write for it.

    Raises:
        ConfigError: There is none of that name, or neither a model nor a planner.
    """
    strategy = build_strategy(name)
    if config.model != NO_MODEL and not isinstance(model, AbsentModel):
        return strategy
    if not planners:
        raise ConfigError("with no model and no planner nobody proposes anything; name a model or a planner")
    return None


def _planned(
    planners: Sequence[Planner], strategy: Strategy | None, name: str, config: RunConfig
) -> Strategy:
    """The strategy with the planners before it; a quick run is content with an answer of theirs that is sure."""
    if not planners and strategy is not None:
        return strategy
    if config.think == "quick":
        return Planned(planners, strategy, inner_name=name, is_enough=has_sure_answer)
    return Planned(planners, strategy, inner_name=name)


def build_verifier(names: Sequence[str] = tuple(VERIFIERS)) -> Callable[[Model], Verifier]:
    """What makes the verifier of a run, of the verifiers called `names`, from the model that speaks in it.

    Raises:
        ConfigError: There is none of a name; the message lists those there are.
    """
    for name in names:
        if name not in VERIFIERS:
            raise ConfigError(f"unknown verifier {name!r}; there are: {', '.join(VERIFIERS)}")
    return lambda model: Combined(*(VERIFIERS[name](model) for name in names))


def build_model(config: RunConfig) -> Model:
    """The model that `config.model` names; its weights are loaded when it is first asked.

    Raises:
        ConfigError: The name has none of the known forms.
    """
    spec = config.model
    if spec == NO_MODEL:
        return AbsentModel()
    if spec.partition(":")[0] in {"embedded", "hf"}:  # `embedded:FILE` takes the base from a file
        local: Model = import_module("agent_runtime.models.local").LocalModel.from_spec(spec)
        return local
    if spec.startswith("openai:"):
        key = config.api_key.get_secret_value() if config.api_key else None
        server = import_module("agent_runtime.models.openai_server").OpenAIServer
        remote: Model = server.from_spec(spec, api_key=key)
        return remote
    raise ConfigError(
        f"unknown model {spec!r}; write 'embedded', 'hf:NAME-or-folder', 'openai:URL#MODEL' or 'none'"
    )


class LazySandbox:
    """Chooses and starts the real sandbox at the first job: most runs never need one."""

    def __init__(self, config: RunConfig) -> None:
        self._config = config
        self._choosing = anyio.Lock()
        self._sandbox: Sandbox | None = None

    async def run(self, job: SandboxJob, scope: str) -> Execution:
        """Run `job` in the real sandbox."""
        async with self._choosing:
            if self._sandbox is None:
                self._sandbox = await _choose_sandbox(self._config)
        return await self._sandbox.run(job, scope)

    async def release(self, scope: str) -> None:
        """Destroy what `scope` used."""
        if self._sandbox is not None:
            await self._sandbox.release(scope)

    async def aclose(self) -> None:
        """Destroy the real sandbox if one was started."""
        if self._sandbox is not None:
            await self._sandbox.aclose()


async def build_sandbox(config: RunConfig) -> Sandbox:
    """The sandbox of a configuration: one that is named must answer now, `auto` is settled at the first job.

    Raises:
        SandboxError: The named one is not to be had; the message says what to install.
    """
    if config.sandbox == "auto":
        return LazySandbox(config)
    return await _choose_sandbox(config)


def sandbox_probes() -> dict[str, Callable[[], Awaitable[str]]]:
    """What asks each kind of sandbox whether it is there; each answers in words or raises `SandboxError`."""
    from agent_runtime_sandboxes import bubblewrap, docker  # noqa: PLC0415

    return {"Docker": docker.probe, "bubblewrap": bubblewrap.probe}
