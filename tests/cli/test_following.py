"""A run as the command line follows it: exit codes, one JSON document, signals."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import anyio
import pytest

from agent_runtime.assembly import open_runtime
from agent_runtime.cli import main
from agent_runtime.cli.following import exit_code, follow
from agent_runtime.config import RunConfig
from agent_runtime.errors import ModelError
from agent_runtime.kernel.runtime import Parts, Runtime
from agent_runtime.models.scripted import Script, ScriptedModel, branches
from agent_runtime.scoring.verifiers.checks import Checks
from agent_runtime.scoring.verifiers.combined import Combined
from agent_runtime.scoring.verifiers.judge import Judge
from agent_runtime.search.chain import Chain
from agent_runtime.terminal.plain import PlainView
from agent_runtime.trace.events import Event, RunFinished
from agent_runtime.trace.reader import read
from agent_runtime.types import Action, Answer, Completion, Judgement, Plan, Request, StopReason, Usage
from tests.fakes import PLAN, Adder, answer, step

ROOT = Path(__file__).parents[2]
SOURCES = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in ("", "tools", "sandboxes")),
}
GOOD = branches([PLAN, step("2+3"), answer("5")])


def opener(
    script: Script, trace: Path, model: ScriptedModel | None = None
) -> Callable[[], AbstractAsyncContextManager[Runtime]]:
    @asynccontextmanager
    async def open_runtime() -> AsyncIterator[Runtime]:
        parts = Parts(model or ScriptedModel(script), {"calc": Adder()}, lambda _: Checks(), Chain(), "chain")
        async with anyio.create_task_group() as group:
            yield Runtime(parts, RunConfig.load({"trace": trace, "min_confidence": 0.4}), group)

    return open_runtime


def ask(runtime: Runtime) -> AsyncIterator[Event]:
    return runtime.stream("How much is 2+3?")


def silent(request: Request) -> Action:
    return PLAN


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    return tmp_path / "run.jsonl"


def test_an_answered_question_exits_with_zero_and_shows_the_answer(
    trace: Path, capsys: pytest.CaptureFixture[str]
):
    assert follow(opener(GOOD, trace), ask, as_json=False) == 0
    assert "answer (supported" in capsys.readouterr().out


def test_json_is_one_document_and_nothing_else_on_stdout(trace: Path, capsys: pytest.CaptureFixture[str]):
    follow(opener(GOOD, trace), ask, as_json=True)

    out, err = capsys.readouterr()
    document = json.loads(out)
    keys = [
        "answer",
        "value",
        "verdict",
        "grounds",
        "objections",
        "notes",
        "confidence",
        "is_calibrated",
        "evidence",
        "usage",
        "usage_by_strategy",
        "stop_reason",
        "trace",
    ]
    assert list(document) == keys
    assert document["usage_by_strategy"] == {"chain": document["usage"]}
    assert (document["answer"], document["trace"], err) == ("5", str(trace), "")
    assert document["evidence"][0]["input"] == "2+3"


def test_no_answer_found_exits_with_one(trace: Path):
    assert follow(opener(silent, trace), ask, as_json=True) == 1


def test_a_part_that_fails_leaves_as_its_own_error_and_a_complete_trace(trace: Path):
    def broken(request: Request) -> Action:
        raise ModelError("the server is gone")

    with pytest.raises(ModelError, match="gone"):
        follow(opener(broken, trace), ask, as_json=True)

    finished = read(trace).finished
    assert finished is not None
    assert finished.answer.stop_reason == "failed"


class Hanging(ScriptedModel):
    """Hangs when it is asked for its second action."""

    async def generate(self, requests: Sequence[Request]) -> list[Completion]:
        if len(self.requests) == 1:
            await anyio.sleep_forever()
        return await super().generate(requests)


class Signalling(Hanging):
    """Sends this process a signal and hangs."""

    async def generate(self, requests: Sequence[Request]) -> list[Completion]:
        if len(self.requests) == 1:
            os.kill(os.getpid(), signal.SIGINT)
        return await super().generate(requests)


def test_a_signal_ends_the_run_with_a_complete_trace_and_130(trace: Path, capsys: pytest.CaptureFixture[str]):
    assert follow(opener(GOOD, trace, Signalling(GOOD)), ask, as_json=True) == 130

    finished = read(trace).finished
    assert finished is not None
    assert finished.answer.stop_reason == "interrupted"
    assert json.loads(capsys.readouterr().out)["stop_reason"] == "interrupted"


def test_a_signal_before_the_run_has_begun_ends_it_too(trace: Path):
    @asynccontextmanager
    async def slow_to_open() -> AsyncIterator[Runtime]:
        os.kill(os.getpid(), signal.SIGTERM)
        await anyio.sleep_forever()
        async with opener(GOOD, trace)() as runtime:
            yield runtime

    assert follow(slow_to_open, ask, as_json=True) == 130
    assert not trace.exists()


@pytest.mark.parametrize(
    ("text", "reason", "code"),
    [
        ("5", "answered", 0),
        ("5", "budget", 0),
        (None, "budget", 1),
        (None, "not_established", 1),
        ("5", "interrupted", 130),
        (None, "failed", 3),
    ],
)
def test_the_exit_code_tells_how_it_ended(text: str | None, reason: StopReason, code: int):
    assert exit_code(Answer(text, 0.5, "unchecked", (), Usage(), reason)) == code


def test_an_interrupted_run_is_resumed_to_its_answer(trace: Path):
    follow(opener(GOOD, trace, Signalling(GOOD)), ask, as_json=True)

    code = follow(opener(GOOD, trace), lambda runtime: runtime.resume(trace), as_json=True)

    assert code == 0
    assert [type(event) for event in read(trace).events].count(RunFinished) == 2


def test_a_reader_that_goes_away_ends_the_run_with_a_complete_trace(
    trace: Path, monkeypatch: pytest.MonkeyPatch
):
    def closed(self: PlainView, event: Event) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(PlainView, "show", closed)

    assert follow(opener(GOOD, trace, Hanging(GOOD)), ask, as_json=False) == 130
    finished = read(trace).finished
    assert finished is not None
    assert finished.answer.stop_reason == "interrupted"


STUBBORN = """
import sys
from pathlib import Path
import anyio
from agent_runtime.cli.following import follow
from tests.cli.test_following import GOOD, ask, opener
from agent_runtime.models.scripted import ScriptedModel

class Stubborn(ScriptedModel):
    async def generate(self, requests):
        print("ready", flush=True)
        with anyio.CancelScope(shield=True):
            await anyio.sleep_forever()

follow(opener(GOOD, Path(sys.argv[1]), Stubborn(GOOD)), ask, as_json=True)
"""


@pytest.mark.slow
def test_a_second_signal_ends_the_process_whatever_hangs(trace: Path):
    with subprocess.Popen(
        [sys.executable, "-c", STUBBORN, str(trace)], stdout=subprocess.PIPE, cwd=ROOT, env=SOURCES
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=1)

    assert process.returncode == 130
    assert read(trace).bad_lines == ()


# --- decided anew

FIVE: list[Action] = [Plan(("Add two and three",)), step("2+3"), answer("5")]
EIGHT: list[Action] = [Plan(("Add four and four",)), step("4+4"), answer("8")]


def distrustful(request: Request) -> Judgement:
    """A judge that thinks little of every branch that adds two and three."""
    score = 0.1 if any(node.action == FIVE[1] for node in request.path) else 0.9
    return Judgement(score, Usage(judge_tokens=7))


@pytest.fixture
def judged_vote(trace: Path) -> Path:
    """A vote of two chains that a judge had a say in."""

    async def vote() -> Answer:
        model = ScriptedModel(branches(FIVE, EIGHT), distrustful)
        config = RunConfig.load({"trace": trace, "strategy": "vote:2"})
        async with open_runtime(config, model=model, verifier=Combined(Checks(), Judge(model))) as runtime:
            return await runtime.solve("How much?")

    assert anyio.run(vote).text == "8"
    return trace


LENIENT = ("--min-confidence", "0.2")  # of two answers that nobody judged neither is sure


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ([], "8"),
        (["--verifier", "checks,judge"], "8"),
        (["--verifier", "checks,remarks", *LENIENT], "5"),
        (["--verifier", "checks", *LENIENT], "5"),
        (["--strategy", "vote:1", "--verifier", "checks", *LENIENT], "5"),
    ],
)
def test_a_run_is_decided_anew_by_another_strategy_and_another_verifier(
    judged_vote: Path, options: list[str], text: str, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit) as ended:
        main(["replay", str(judged_vote), "--json", *options])

    assert (ended.value.code, json.loads(capsys.readouterr().out)["answer"]) == (0, text)


@pytest.mark.parametrize(("verifier", "n_tokens"), [("checks,judge", 4 * 7), ("checks", 0)])
def test_a_run_that_is_decided_anew_is_billed_for_the_judge_that_it_asks(
    judged_vote: Path, verifier: str, n_tokens: int, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit):
        main(["replay", str(judged_vote), "--json", "--verifier", verifier])

    assert json.loads(capsys.readouterr().out)["usage"]["judge_tokens"] == n_tokens


def test_a_verifier_that_there_is_not_is_refused(judged_vote: Path, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        main(["replay", str(judged_vote), "--verifier", "luck"])

    assert ended.value.code == 2
    assert (
        "unknown verifier 'luck'; there are: checks, remarks, emptiness, coverage, judge"
        in capsys.readouterr().err
    )
