"""The debugging job: reproduce, read the traceback, localise, search for a fix, compare, report.

Everything that runs, runs in the sandbox over a copy of the folder. What the program prints is read as a log and
nothing else: a line in it that gives orders is one more line.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from agent_runtime.config import RunConfig
from agent_runtime.errors import InputError
from agent_runtime.jobs.debugging.causes.explain import explain, explain_fix
from agent_runtime.jobs.debugging.commands import sandbox_command, worker_command
from agent_runtime.jobs.debugging.comparing import MAX_COMPARED, Ranked, compare, not_compared
from agent_runtime.jobs.debugging.earlier import Earlier, EarlierTests
from agent_runtime.jobs.debugging.edits import candidates, in_source_order
from agent_runtime.jobs.debugging.experiments import MAX_SECONDS, ExperimentRunner, Trial
from agent_runtime.jobs.debugging.hints import hints
from agent_runtime.jobs.debugging.hypotheses import Hypotheses, Limits
from agent_runtime.jobs.debugging.localise import suspects
from agent_runtime.jobs.debugging.ranking import Ranking, listing, rank, weighed
from agent_runtime.jobs.debugging.snapshot import Snapshot, copy_folder
from agent_runtime.jobs.debugging.timed import Timed
from agent_runtime.jobs.debugging.tracebacks import parse
from agent_runtime.jobs.debugging.trials import TrialledEdit
from agent_runtime.jobs.debugging.types import Candidate, Cause, Failure, Fix, Report, Suspect
from agent_runtime.jobs.debugging.verdict import (
    MIN_CONFIDENCE,
    Passed,
    diff_of,
    is_established,
    passed_fix,
    what_is_missing,
)
from agent_runtime.kernel.runtime import Runtime, new_task_id
from agent_runtime.models.absent import AbsentModel
from agent_runtime.protocols import Model, Sandbox, Tool
from agent_runtime.scoring.verifiers.checks import Checks
from agent_runtime.types import Execution, SandboxJob, Task, Usage

TEXT_ENDINGS = (".py", ".txt", ".toml", ".cfg", ".json", ".csv", ".yaml", ".yml", ".ini")
MAX_TEXT_BYTES = 200_000
EVIDENCE_CHARACTERS = 600

Opener = Callable[..., AbstractAsyncContextManager[Runtime]]


@dataclass(frozen=True, slots=True)
class DebugRequest:
    """What to debug. `words` may say what the program should do; its `>>>` examples are used to choose a fix."""

    command: tuple[str, ...]
    folder: Path
    words: str = ""
    run_seconds: float = 10.0  # of the failing command
    limits: Limits = Limits()
    n_model_actions: int = 0
    min_confidence: float = MIN_CONFIDENCE  # a fix is established above it


@dataclass(frozen=True, slots=True)
class Workshop:
    """What the job works with: a sandbox, the built-in `edit`, a runtime, and a model where there is one."""

    sandbox: Sandbox
    edit: Tool
    open_runtime: Opener
    config: RunConfig
    tools: tuple[Tool, ...] = ()
    model: Model | None = None


@dataclass(slots=True)
class _Case:
    """One failing program on its way through the job."""

    request: DebugRequest
    workshop: Workshop
    snapshot: Snapshot
    scope: str
    files: dict[str, str] = field(init=False)
    contents: dict[str, bytes] = field(init=False)
    earlier: Earlier = Earlier()  # the tests of the folder that passed before any edit
    judging: Usage = Usage()  # what ranking and choosing by likelihood cost

    def __post_init__(self) -> None:
        self.files = read_texts(self.snapshot.folder, self.snapshot.files)
        self.contents = {name: (self.snapshot.folder / name).read_bytes() for name in self.snapshot.files}

    @property
    def sources(self) -> dict[str, str]:
        """The Python files."""
        return {name: text for name, text in self.files.items() if name.endswith(".py")}

    async def reproduce(self) -> Execution:
        """Run the command as it is."""
        argv, seconds = sandbox_command(self.request.command), self.request.run_seconds
        return await self.workshop.sandbox.run(
            SandboxJob(argv=argv, files=self.contents, seconds=seconds), self.scope
        )

    def experiments(self, execution: Execution) -> ExperimentRunner | None:
        """Where experiments run; None for a command that the worker cannot run."""
        command = worker_command(self.request.command)
        if command is None:
            return None
        limit = min(self.request.run_seconds, max(0.5, 4 * execution.cpu_seconds))
        return ExperimentRunner(
            self.workshop.sandbox, self.scope, self.snapshot.folder, self.snapshot.files, command, limit
        )


async def debug(request: DebugRequest, workshop: Workshop) -> Report:
    """Find the root cause of a failing command, and a fix that a rerun confirms.

    Raises:
        InputError: The folder cannot be used.
        SandboxError: The sandbox failed.
    """
    if not request.command:
        raise InputError(
            "no command; write it after `--`, for example: agent-runtime debug -- python main.py"
        )
    scope = new_task_id()
    try:
        with tempfile.TemporaryDirectory(prefix="agent-runtime-debug-") as place:
            case = _Case(request, workshop, copy_folder(request.folder, Path(place)), scope)
            return await _debug(case)
    finally:
        await workshop.sandbox.release(scope)


def diagnose(log: str, folder: Path | None = None) -> Report:
    """The root cause of a pasted traceback, without running anything.

    Raises:
        InputError: There is no traceback in `log`, or the folder cannot be read.
    """
    failures = parse(log)
    if not failures:
        raise InputError(
            "there is no Python traceback in that text; paste it from 'Traceback' to its last line"
        )
    files: dict[str, str] = {}
    if folder is not None:
        with tempfile.TemporaryDirectory(prefix="agent-runtime-debug-") as place:
            snapshot = copy_folder(folder, Path(place))
            files = read_texts(snapshot.folder, snapshot.files)
    failure = failures[-1]
    found = suspects(failure, None, {name: text for name, text in files.items() if name.endswith(".py")})
    notes: tuple[str, ...] = (
        "nothing was run: the cause is read from the traceback" + (" and the files" if files else ""),
    )
    if failure.is_truncated:
        notes += ("the traceback is cut off; the missing part may name another cause",)
    return Report((), explain(failure, files), _evidence(failure, None), tuple(found[:10]), notes=notes)


def read_texts(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """The files that a rule may read as text: sources, requirements, small data."""
    found = {}
    for name in names:
        path = folder / name
        if path.suffix in TEXT_ENDINGS and path.stat().st_size <= MAX_TEXT_BYTES:
            try:
                with path.open(encoding="utf-8", newline="") as file:
                    found[name] = file.read()
            except UnicodeDecodeError:
                continue
    return found


async def _debug(case: _Case) -> Report:
    execution = await case.reproduce()
    failure = _failure(execution)
    if execution.exit_code == 0 and not execution.is_timeout and failure is None:
        cause = Cause("no failure", "The command ends well in the sandbox. There is nothing to repair.")
        return Report(case.request.command, cause, ("exit code 0",), left_out=case.snapshot.left_out)
    experiments = case.experiments(execution)
    trial = (await experiments.run("trace", [{}]))[0] if experiments is not None else None
    cause = explain(failure, case.files) if failure is not None else _without_traceback(execution)
    found = suspects(failure, trial, case.sources)
    if cause.file in case.sources and cause.is_certain:
        found = [Suspect(cause.file, cause.line, 1.0, "named"), *found]
    suggested = hints(failure, cause, case.sources) if failure is not None else []
    tried = candidates(case.sources, found, suggested)
    ranking = await rank(tried, case.sources, _said(execution), case.workshop.model, case.request.words)
    case.judging += ranking.usage
    search = await _search(case, ranking, found, trial, experiments, execution)
    return await _report(case, search, ranking, cause, failure, found, execution)


@dataclass(slots=True)
class _Search:
    """What the runtime's search left behind."""

    strategy: Hypotheses
    usage: Usage
    trace: str


async def _search(
    case: _Case,
    ranking: Ranking,
    found: Sequence[Suspect],
    trial: Trial | None,
    experiments: ExperimentRunner | None,
    execution: Execution,
) -> _Search:
    request, workshop = case.request, case.workshop
    model = workshop.model if request.n_model_actions else None
    tools = [Timed(tool, request.run_seconds) for tool in workshop.tools]
    edit = TrialledEdit(workshop.edit, experiments, case.sources, request.run_seconds)

    async def choose(passing: Sequence[Candidate]) -> list[Ranked]:
        return await _choose(case, passing, ranking.weights, experiments)

    strategy = Hypotheses(
        ranking.ordered, case.sources, found, choose, trial.n_passed if trial is not None else 0, request.limits,
        request.n_model_actions if model is not None else 0,
    )  # fmt: skip
    config = workshop.config.model_copy(
        update={"has_tools": False, "check_seconds": MAX_SECONDS + request.run_seconds, "sandbox": "auto"}
    )
    shown = " ".join(request.command)
    task = Task(
        case.scope,
        f"Why does `{shown}` fail, and which edit repairs it?",
        context=listing(case.sources, found, _said(execution)),
        folder=case.snapshot.folder,
        command=sandbox_command(request.command),
    )
    async with workshop.open_runtime(
        config,
        model=model or AbsentModel(),
        tools=[*tools, edit],
        verifier=Checks(),  # the reruns judge
        strategy=strategy,
        planners=(),
    ) as runtime:
        answer = await runtime.solve(task)
    return _Search(strategy, answer.usage, str(answer.trace or ""))


async def _choose(
    case: _Case,
    passing: Sequence[Candidate],
    weights: Mapping[Candidate, float],
    experiments: ExperimentRunner | None,
) -> list[Ranked]:
    """Compare what passes, and take the best that breaks nothing."""
    words = case.request.words
    judged, usage = await weighed(passing[:MAX_COMPARED], case.sources, words, case.workshop.model)
    case.judging += usage
    weights = {**weights, **judged}
    passed = set(passing)
    others = [weight for one, weight in weights.items() if one not in passed]
    unseen = fmean(others) if others else 0.0
    if experiments is not None:
        ranked = await compare(experiments, case.sources, passing, weights, words, unseen)
    else:
        ranked = not_compared(passing, weights, unseen)
    tests = EarlierTests(
        case.workshop.sandbox, case.scope, case.request.run_seconds * 3, case.request.command
    )
    case.earlier = before = await tests.passing(case.contents)
    if before.missing:
        ranked = [one.unchecked(before.missing) for one in ranked]
    for index, one in enumerate(ranked):
        if not before.names or before.names <= (await tests.passing(_with(case, one.candidate))).names:
            return ranked[index:]
    return []


def _with(case: _Case, candidate: Candidate) -> dict[str, bytes]:
    changed = candidate.applied(case.files[candidate.file]).encode()
    return {**case.contents, candidate.file: changed}


async def _report(
    case: _Case,
    search: _Search,
    ranking: Ranking,
    cause: Cause,
    failure: Failure | None,
    found: Sequence[Suspect],
    execution: Execution,
) -> Report:
    strategy, request = search.strategy, case.request
    fix, candidate, missing = None, None, ""
    if strategy.ranked:
        best = strategy.ranked[0]
        passed = Passed(strategy.ranked, len(strategy.passing), len(case.earlier.names), request.command)
        candidate = passed_fix(passed, case.files[best.candidate.file])
        if is_established(candidate, request.min_confidence):
            fix, candidate = candidate, None
            cause = explain_fix(cause, best.candidate, case.files[best.candidate.file])
        else:
            missing = what_is_missing(candidate, request.min_confidence)
    return Report(
        request.command, cause, _evidence(failure, execution), tuple(found[:10]), fix,
        tuple(strategy.attempts), len(ranking.ordered), _floor(ranking, strategy), ranking.ranked_by,
        search.usage + case.judging, search.trace, case.snapshot.left_out, (), candidate, missing,
    )  # fmt: skip


def _floor(ranking: Ranking, strategy: Hypotheses) -> str:
    """What a search without any ranking would have come to: lines from the top, operators as they come."""
    if not strategy.passing:
        return f"Blind search over the same {len(ranking.ordered)} edits finds no fix either."
    order, passing = in_source_order(ranking.ordered), set(strategy.passing)
    blind = next((n for n, one in enumerate(order, 1) if one in passing), None)
    ours = next((n for n, one in enumerate(strategy.attempts, 1) if one.is_passing), 0)
    if blind is None:
        return f"Blind single-edit search over the same edits finds no fix; this search needed {ours} trials."
    chosen = strategy.ranked[0].candidate if strategy.ranked else None
    what = "another edit that passes"
    if chosen is None:
        what = "an edit that breaks other tests"
    elif order[blind - 1] == chosen:
        what = "the same fix"
    return f"Blind single-edit search reaches {what} after {blind} trials; this search had its first after {ours}."


def _failure(execution: Execution) -> Failure | None:
    """The failure that ended the program: the last on stderr, the first that pytest reports."""
    if found := parse(execution.stderr):
        return found[-1]
    found = parse(execution.stdout)
    return found[0] if found else None


def _without_traceback(execution: Execution) -> Cause:
    if execution.is_timeout:
        return Cause(
            "timeout", "The command does not end within its time limit. Something in it waits or loops."
        )
    if execution.is_out_of_memory:
        return Cause(
            "memory", "The command was killed for using too much memory. Something in it grows without end."
        )
    tail = (execution.stderr or execution.stdout).strip().rpartition("\n")[2][:200]
    return Cause(
        "exit code",
        f"The command ends with exit code {execution.exit_code} and no traceback. Its last line: {tail}",
    )


def _said(execution: Execution) -> str:
    text = execution.stderr.strip() or execution.stdout.strip()
    return text[-EVIDENCE_CHARACTERS:]


def _evidence(failure: Failure | None, execution: Execution | None) -> tuple[str, ...]:
    said = []
    if execution is not None:
        said.append(f"The command ended with exit code {execution.exit_code} in the sandbox.")
    if failure is not None:
        for raised in failure.chain[-3:]:
            place = f" at {raised.frames[-1].file}:{raised.frames[-1].line}" if raised.frames else ""
            said.append(f"{raised.kind}: {raised.message[:200]}{place}" if raised.kind else f"cut off{place}")
    return tuple(said)


def as_data(report: Report) -> dict[str, Any]:
    """The report for JSON; of what was tried, the first hundred."""
    from pydantic import TypeAdapter  # noqa: PLC0415

    shortened = replace(report, tried=report.tried[:100])
    data: dict[str, Any] = TypeAdapter(Report).dump_python(shortened, mode="json")
    return {**data, "n_tried": len(report.tried)}


def apply_fix(fix: Fix, folder: Path) -> None:
    """Write a fix into the user's file; the one place where a file of the user's is written.

    Raises:
        InputError: The file is not as it was, or cannot be written.
    """
    path = folder / fix.candidate.file
    if path.is_symlink() or not path.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"{fix.candidate.file!r} leaves the folder; nothing was written")
    try:
        with path.open(encoding="utf-8", newline="") as file:
            old = file.read()
        if diff_of(fix.candidate, old) != fix.diff:
            raise InputError(f"{str(path)!r} has changed since it was copied; nothing was written")
        with path.open("w", encoding="utf-8", newline="") as file:
            file.write(fix.candidate.applied(old))
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be written: {error}") from None
