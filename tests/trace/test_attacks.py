"""The attack corpus on traces, case by case. A case for which nothing here speaks fails."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent_runtime.errors import InputError, TraceError
from agent_runtime.kernel.runtime import TASK_ID
from agent_runtime.trace.events import CheckStarted, Event, NodeAdded, NodeClosed, RunStarted
from agent_runtime.trace.reader import read
from agent_runtime.trace.recorder import Recorder
from agent_runtime.trace.resume import resume
from agent_runtime.types import FinalAnswer, Node, Observation
from tests.conftest import SHARED
from tests.trace.runs import a_run, started, write
from tests.trace.test_recorder import ROOT, WRITER

CORPUS = SHARED / "attacks/trace.dev.jsonl"
CASES = [json.loads(line) for line in CORPUS.read_text().splitlines()] if CORPUS.is_file() else []

Payload = dict[str, Any]
Attack = Callable[[Path, Payload, pytest.MonkeyPatch], None]


def text_survives(path: Path, text: str) -> None:
    event = NodeAdded(Node(1, 0, 1, FinalAnswer(text), Observation("python", text, text[:10])))
    assert read(write(path, [started(), event])).events[1] == event


def config_survives(path: Path, value: object) -> None:
    first = read(write(path, [started(value=value), *a_run()[1:]])).started
    assert isinstance(first, RunStarted)
    assert isinstance(first.config["value"], str | list)


def killed_at_random(path: Path, payload: Payload, monkeypatch: pytest.MonkeyPatch) -> None:
    for trial in range(min(payload["trials"], 4)):  # the whole number is a soak
        path.unlink(missing_ok=True)
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, cwd=ROOT, text=True
        ) as writer:
            assert writer.stdout is not None
            acknowledged = [int(writer.stdout.readline()) for _ in range(1 + 37 * trial)]
            writer.kill()
        numbers = [event.node_id for event in read(path).events if isinstance(event, NodeClosed)]
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) >= acknowledged[-1]


def killed_at_every_boundary(path: Path, payload: Payload, monkeypatch: pytest.MonkeyPatch) -> None:
    for n_events in range(1, len(a_run())):
        path.unlink(missing_ok=True)
        trace = read(write(path, a_run()[:n_events]))
        state = resume(trace)
        with Recorder(path, after=trace) as recorder:
            for event in a_run():
                if not state.is_recorded(event):
                    recorder.record(event)
        assert list(read(path).events) == a_run()


def killed_between_tool_and_record(path: Path, payload: Payload, monkeypatch: pytest.MonkeyPatch) -> None:
    cut = next(n for n, event in enumerate(a_run()) if isinstance(event, CheckStarted)) + 1
    state = resume(read(write(path, a_run()[:cut])))
    assert state.unknown == (a_run()[cut - 1],)
    assert state.checks == {}


def truncated(path: Path, payload: Payload, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = write(path, a_run()[:5]).read_bytes()
    for n_bytes in range(0, len(whole), 5):
        path.write_bytes(whole[:n_bytes])
        assert len(read(path).events) == whole[:n_bytes].count(b"\n")


def flipped(path: Path, payload: Payload, monkeypatch: pytest.MonkeyPatch) -> None:
    n_records = payload["records"]
    whole = write(
        path, [started(), *(NodeClosed(n, "open", "why") for n in range(1, n_records))]
    ).read_bytes()
    for n in range(200):
        offset = (n * 7919) % (len(whole) - 1)
        path.write_bytes(whole[:offset] + bytes([whole[offset] ^ 1 << n % 8]) + whole[offset + 1 :])
        trace = read(path)
        assert trace.bad_lines
        assert len(trace.events) >= n_records - 2


def short_write(path: Path, payload: Payload, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    with Recorder(path) as recorder:
        recorder.record(started())
        monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[: payload["n"]]))
        with pytest.raises(TraceError):
            recorder.record(NodeClosed(1, "open", "x"))
        monkeypatch.undo()
        recorder.record(NodeClosed(1, "open", "x"))
    assert read(path).events[1:] == (NodeClosed(1, "open", "x"),)
    assert read(path).bad_lines == ()


def symbolic_link(path: Path, payload: Payload, monkeypatch: pytest.MonkeyPatch) -> None:
    victim = path.with_name("victim")
    victim.write_text("precious")
    path.symlink_to(victim)
    with pytest.raises(TraceError), Recorder(path):
        pass
    assert victim.read_text() == "precious"


def many_sessions(path: Path, payload: Payload, monkeypatch: pytest.MonkeyPatch) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for n in range(payload["n"]):
        events: list[Event] = [
            started(f"{n}"),
            *(NodeClosed(k, "open", f"{n}") for k in range(payload["events"])),
        ]
        assert list(read(write(path.with_name(f"{n}.jsonl"), events)).events) == events
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def deleted(path: Path, payload: Payload, monkeypatch: pytest.MonkeyPatch) -> None:
    with Recorder(path) as recorder:
        recorder.record(started())
        path.unlink()
        with pytest.raises(TraceError, match="deleted"):
            recorder.record(NodeAdded(Node(1, 0, 1)))


def clock_jumps(path: Path, payload: Payload, monkeypatch: pytest.MonkeyPatch) -> None:
    real = time.time
    jumps: Iterator[int] = iter(range(0, 10**9, 1))
    monkeypatch.setattr(time, "time", lambda: real() + payload["seconds"] * next(jumps))
    seconds = [record.seconds for record in read(write(path, a_run())).records]
    assert seconds == sorted(seconds)
    assert seconds[0] >= 0


def data(path: Path, payload: Payload, monkeypatch: pytest.MonkeyPatch) -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    kinds: dict[str, Callable[[], None]] = {
        "lone surrogate \\ud800": lambda: text_survives(path, "a\ud800b"),
        "int with 5001 digits": lambda: config_survives(path, 10**5000),
        "U+2028/U+0085 in text": lambda: text_survives(path, "a\u2028b\x85c"),
        "100,000-deep list": lambda: config_survives(path, deep),
        "50 MB tool output": lambda: text_survives(path, "x" * 50_000_000),
        "secret in environment echoed by a tool": lambda: secret_is_redacted(path),
    }
    kinds[payload["value"]]()


def secret_is_redacted(path: Path) -> None:
    with Recorder(path, secrets=["sk-12345"]) as recorder:
        recorder.record(started())
        recorder.record(
            NodeAdded(Node(1, 0, 1, observation=Observation("python", "KEY=sk-12345", "sk-12345")))
        )
    assert "12345" not in path.read_text()
    assert '"redacted":2' in path.read_text()


def session_id(path: Path, payload: Payload, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not TASK_ID.fullmatch(
        payload["value"]
    )  # what the runtime does with it: tests/kernel/test_runtime.py


def benign(path: Path, payload: Payload, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = write(path, a_run()).read_bytes()
    match payload["case"]:
        case "normal run of 3 turns":
            assert read(path).problems() == []
        case "resume of a finished run":
            assert resume(read(path)).answer is not None
            assert path.read_bytes() == whole
        case "resume of a run killed during generation":
            path.write_bytes(whole[: whole.index(b"\n") + 40])
            assert resume(read(path)).pending == ()
        case "reader on an empty file":
            path.write_bytes(b"")
            assert read(path).events == ()
        case "trace from an older schema version":
            path.write_bytes(whole.replace(b'"schema_version":2', b'"schema_version":0'))
            with pytest.raises(InputError, match="schema 0"):
                read(path)
        case other:
            pytest.fail(f"nothing here speaks for {other!r}")


ATTACKS: dict[tuple[str, str], Attack] = {
    ("sigkill", "random"): killed_at_random,
    ("sigkill", "every_event_boundary"): killed_at_every_boundary,
    ("sigkill", "between_tool_execution_and_its_record"): killed_between_tool_and_record,
    ("truncate_at_every_byte", ""): truncated,
    ("bit_flip", ""): flipped,
    ("short_write", ""): short_write,
    ("trace_path_is_symlink", ""): symbolic_link,
    ("concurrent_sessions", ""): many_sessions,
    ("file_deleted_while_open", ""): deleted,
    ("clock_jump", ""): clock_jumps,
    ("data", ""): data,
    ("session_id", ""): session_id,
    ("none", ""): benign,
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_the_case_ends_as_the_corpus_says(
    case: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    payload = case["payload"]

    ATTACKS[payload["fault"], payload.get("at", "")](tmp_path / "run.jsonl", payload, monkeypatch)
