"""kill -9, for real: a process dies in the middle of a run or of a write, and nothing it had acknowledged is lost."""

import json
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agent_runtime.cli import main
from agent_runtime.trace.events import NodeClosed
from agent_runtime.trace.reader import read
from tests.trace.test_recorder import ROOT, WRITER

GOLDEN = {
    "flow": (
        "Follow the cash flow out of Meridian Trading and name the final recipient (largest outflow at each hop).",
        ("--table", "examples/transfers.csv"),
    ),
    "table": ("What is the total amount of overdue?", ("--table", "examples/invoices.csv")),
    "calculation": ("If 2 times a number plus 42 is 76, what is the number?", ()),
}
N_KILLS = 200

# `solve`, killed by itself as soon as its n-th event is recorded.
DYING = """
import os, signal, sys
from agent_runtime.cli import main
from agent_runtime.trace.recorder import Recorder

recorded, n_left = Recorder.record, int(sys.argv[1])

def record(self, event):
    global n_left
    recorded(self, event)
    n_left -= 1
    if not n_left:
        os.kill(os.getpid(), signal.SIGKILL)

Recorder.record = record
main(sys.argv[2:])
"""


def n_events_of(name: str) -> int:
    return len(read(ROOT / f"traces/{name}.jsonl").events)


def killed_and_resumed(
    name: str,
    n_events: int,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Kill the shipped question's run after `n_events`, resume it elsewhere, compare with the shipped answer."""
    question, options = GOLDEN[name]
    trace = folder / f"{name}-{n_events}.jsonl"
    command = [sys.executable, "-c", DYING, str(n_events), "solve", question, *options, "--trace", str(trace)]
    monkeypatch.chdir(ROOT)
    killed = subprocess.run(command, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    before = read(trace)
    assert len(before.events) == n_events

    monkeypatch.chdir(folder)
    with pytest.raises(SystemExit) as ended:
        main(["resume", str(trace), "--json"])

    finished = read(ROOT / f"traces/{name}.jsonl").finished
    assert finished is not None
    document = json.loads(capsys.readouterr().out)
    assert (ended.value.code, document["answer"]) == (0, finished.answer.text)
    assert document["verdict"] == finished.answer.verdict
    after = read(trace)
    assert after.events[:n_events] == before.events
    assert after.problems() == []


@pytest.mark.weights
@pytest.mark.slow
@pytest.mark.parametrize(("name", "n_events"), [("table", 1), ("table", 5), ("flow", 14)])
def test_a_shipped_run_killed_at_its_start_or_before_a_check_resumes_to_the_shipped_answer(
    name, n_events, tmp_path, capsys, monkeypatch
):
    killed_and_resumed(name, n_events, tmp_path, capsys, monkeypatch)


@pytest.mark.weights
@pytest.mark.soak
@pytest.mark.parametrize("name", GOLDEN)
def test_a_shipped_run_killed_after_any_event_resumes_to_the_shipped_answer(
    name, tmp_path, capsys, monkeypatch
):
    for n_events in range(1, n_events_of(name)):
        killed_and_resumed(name, n_events, tmp_path, capsys, monkeypatch)


@pytest.mark.soak
def test_200_kills_of_a_writer_lose_no_acknowledged_event_and_double_none(tmp_path):
    dice = random.Random(5)
    n_acknowledged = 0
    for number in range(N_KILLS):
        path = tmp_path / f"{number}.jsonl"
        n_acknowledged += acknowledged_before_a_kill(path, dice.randrange(1, 400))
    sys.stdout.write(f"{n_acknowledged:,} acknowledged events over {N_KILLS} kills\n")


def acknowledged_before_a_kill(path: Path, n_lines: int) -> int:
    """Kill a writer somewhere after its n-th event; how many it had acknowledged, each of which is in the file."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, cwd=ROOT, text=True
    ) as writer:
        assert writer.stdout is not None
        for _ in range(n_lines):
            writer.stdout.readline()
        writer.kill()
        rest = writer.stdout.read().rpartition("\n")[0].splitlines()
    acknowledged = int(rest[-1]) if rest else n_lines
    numbers = [event.node_id for event in read(path).events if isinstance(event, NodeClosed)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) in (acknowledged, acknowledged + 1)
    assert read(path).bad_lines == ()
    return acknowledged


@pytest.mark.soak
@pytest.mark.parametrize("name", GOLDEN)
def test_a_shipped_trace_cut_at_every_byte_gives_the_records_whose_newline_survived(name, tmp_path):
    whole = (ROOT / f"traces/{name}.jsonl").read_bytes()
    events = read(ROOT / f"traces/{name}.jsonl").events
    path = tmp_path / "cut.jsonl"
    for n_bytes in range(len(whole) + 1):
        path.write_bytes(whole[:n_bytes])
        trace = read(path)
        assert trace.events == events[: whole[:n_bytes].count(b"\n")]
        assert trace.torn_tail == whole[trace.n_bytes : n_bytes]
        assert trace.bad_lines == ()
