"""Whatever `record` acknowledged is in the file: once, in order, and whole."""

import errno
import hashlib
import json
import math
import os
import resource
import signal
import stat
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from agent_runtime.errors import InputError, TraceError
from agent_runtime.trace.events import ActionSampled, Event, NodeAdded, NodeClosed, RunStarted
from agent_runtime.trace.reader import read
from agent_runtime.trace.recorder import Recorder
from agent_runtime.types import FinalAnswer, Node
from tests.trace.runs import a_run, started, write

ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.jsonl"


def test_what_was_recorded_reads_back_equal(path: Path):
    trace = read(write(path, a_run()))

    assert list(trace.events) == a_run()
    assert trace.problems() == []


def test_a_trace_is_its_owners_alone(path: Path):
    write(path, a_run())

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_every_line_is_ascii_json(path: Path):
    write(path, [started("Wie groß? \u2028 \x85"), *a_run()[1:]])

    assert all(json.loads(line.decode("ascii")) for line in path.read_bytes().split(b"\n")[:-1])


def test_a_folder_that_is_not_there_is_made(tmp_path: Path):
    assert read(write(tmp_path / "a" / "b" / "run.jsonl", a_run())).finished


def test_a_second_writer_is_locked_out(path: Path):
    with Recorder(path), pytest.raises(TraceError, match="locked"), Recorder(path):
        pass


def test_a_file_that_holds_something_is_never_written_over(path: Path):
    path.write_text("precious")

    with pytest.raises(InputError, match="exists"), Recorder(path):
        pass

    assert path.read_text() == "precious"


def test_an_empty_file_becomes_a_trace_with_its_rights_taken_away_from_others(path: Path):
    path.touch(0o644)

    assert read(write(path, a_run())).finished
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_symbolic_link_is_refused_and_its_target_unchanged(path: Path, tmp_path: Path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    path.symlink_to(victim)

    with pytest.raises(TraceError), Recorder(path):
        pass

    assert victim.read_text() == "precious"


@pytest.mark.parametrize("name", ["fifo", "/dev/null", "folder"])
def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path, name: str):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()

    with pytest.raises((InputError, TraceError)), Recorder(tmp_path / name):
        pass


def test_a_refused_file_leaves_no_descriptor_open(path: Path):
    path.write_text("precious")
    before = len(list(Path("/proc/self/fd").iterdir()))

    with pytest.raises(InputError), Recorder(path):
        pass

    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("score", [math.nan, math.inf])
def test_nan_is_refused_and_the_run_goes_on(path: Path, score: float):
    with Recorder(path) as recorder:
        recorder.record(started())
        with pytest.raises(TraceError, match="NaN"):
            recorder.record(NodeAdded(Node(1, 0, 1, path_score=score)))
        recorder.record(NodeAdded(Node(1, 0, 1)))

    assert len(read(path).events) == 2


def test_the_word_nan_in_a_text_is_no_nan(path: Path):
    event = NodeAdded(Node(1, 0, 1, FinalAnswer("NaN or Infinity")))

    assert read(write(path, [started(), event])).events[1] == event


def test_a_lone_surrogate_is_kept(path: Path):
    event = NodeAdded(Node(1, 0, 1, FinalAnswer("lone \ud800 surrogate")))

    assert read(write(path, [started(), event])).events[1] == event


def test_a_value_nested_too_deep_leaves_a_mark(path: Path):
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]

    first = read(write(path, [started(deep=deep)])).events[0]

    assert isinstance(first, RunStarted)
    assert "nested too deep" in str(first.config)


def test_an_integer_of_5001_digits_is_kept_as_text(path: Path):
    first = read(write(path, [started(large=10**5000)])).events[0]

    assert isinstance(first, RunStarted)
    assert int(first.config["large"].removeprefix("$int "), 16) == 10**5000


def test_a_giant_text_goes_into_a_blob_and_comes_back(path: Path):
    event = NodeAdded(Node(1, 0, 1, FinalAnswer("x" * 50_000_000)))

    trace = read(write(path, [started(), event]))

    assert trace.events[1] == event
    assert path.stat().st_size < 10_000


def test_a_changed_blob_is_not_taken_for_the_text(path: Path):
    write(path, [started(), NodeAdded(Node(1, 0, 1, FinalAnswer("x" * 2_000_000)))])
    (blob,) = (path.parent / "run.jsonl.blobs").iterdir()
    blob.write_text("forged")

    event = read(path).events[1]

    assert isinstance(event, NodeAdded)
    assert isinstance(event.node.action, FinalAnswer)
    assert event.node.action.text == f"[2000000 bytes are missing: {blob.name}]"


def test_a_text_that_looks_like_a_blob_is_only_a_text(path: Path):
    long = "x" * 2_000_000
    name = hashlib.sha256(long.encode()).hexdigest()
    events = [
        NodeAdded(Node(1, 0, 1, FinalAnswer(text))) for text in (long, f"$blob sha256:{name} 2000000 bytes")
    ]

    trace = read(write(path, [started(), *events]))

    assert list(trace.events[1:]) == events


def test_a_trace_of_schema_1_named_its_blobs_in_the_text(path: Path):
    write(path, [started(), NodeAdded(Node(1, 0, 1, FinalAnswer("x" * 2_000_000)))])
    (blob,) = (path.parent / "run.jsonl.blobs").iterdir()
    old = path.with_name("old.jsonl")
    blob.parent.rename(path.with_name("old.jsonl.blobs"))
    events = (
        b'{"task":{"id":"t","question":"q"},"prompt":{"question":"q"},"model":{"name":"m"},"strategy":"greedy",'
        b'"seed":0,"schema_version":1,"kind":"run_started"}',
        b'{"node":{"id":1,"parent_id":0,"depth":1,"action":{"text":"$blob sha256:%b 2000000 bytes","kind":"answer"}},'
        b'"kind":"node"}' % blob.name.encode(),
    )
    for seq, event in enumerate(events):
        checked = b'{"seq":%d,"t":0.000000,"event":%b' % (seq, event)
        with old.open("ab") as file:
            file.write(b'%b,"crc":"%08x"}\n' % (checked, zlib.crc32(checked)))

    (node,) = [event.node for event in read(old).events if isinstance(event, NodeAdded)]

    assert node.action == FinalAnswer("x" * 2_000_000)


def test_a_secret_never_reaches_the_file_and_its_redaction_shows(path: Path):
    secret = 'sk-"é\\1234'
    events: list[Event] = [
        started(f"my key is {secret}", headers={secret: [secret]}),
        ActionSampled(1, 0, 5, FinalAnswer(f"<{secret}>"), token_ids=(4711,)),
    ]

    with Recorder(path, secrets=[secret]) as recorder:
        for event in events:
            recorder.record(event)

    text = path.read_text()
    assert "1234" not in text
    assert "4711" not in text
    assert '"redacted":1' in text
    assert read(path).events[1] == ActionSampled(1, 0, 5, FinalAnswer("<***>"))


def test_a_secret_of_digits_leaves_numbers_alone(path: Path):
    event = NodeClosed(123456, "pruned", "123456")

    with Recorder(path, secrets=["123456"]) as recorder:
        recorder.record(started())
        recorder.record(event)

    assert read(path).events[1] == NodeClosed(123456, "pruned", "***")


def test_a_trace_deleted_under_the_run_is_noticed_at_the_next_node(path: Path):
    with Recorder(path) as recorder:
        recorder.record(started())
        path.unlink()
        with pytest.raises(TraceError, match="deleted"):
            recorder.record(NodeAdded(Node(1, 0, 1)))


def test_a_full_disk_leaves_whole_records_and_the_writer_usable(path: Path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with Recorder(path) as recorder:
            recorder.record(started())
            resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 100, hard))
            with pytest.raises(TraceError):
                recorder.record(NodeClosed(1, "pruned", "x" * 1000))
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            recorder.record(NodeClosed(1, "pruned", "there is room again"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    trace = read(path)
    assert (len(trace.events), trace.torn_tail, trace.bad_lines) == (2, b"", ())


def test_a_failed_fsync_is_told_and_never_tried_again(path: Path, monkeypatch: pytest.MonkeyPatch):
    calls = []

    def fsync(fd: int) -> None:
        calls.append(fd)
        raise OSError(errno.EIO, "Input/output error")

    with Recorder(path) as recorder:
        monkeypatch.setattr(os, "fsync", fsync)
        for event in a_run():
            recorder.record(event)
        assert not recorder.is_durable

    assert len(calls) == 1


def test_the_wall_clock_has_no_say(path: Path):
    trace = read(write(path, a_run()))
    seconds = [record.seconds for record in trace.records]

    assert seconds == sorted(seconds)
    assert [record.seq for record in trace.records] == list(range(len(a_run())))


def test_a_hundred_recorders_at_once_keep_their_events_apart(tmp_path: Path):
    recorders = [Recorder(tmp_path / f"{n}.jsonl").__enter__() for n in range(100)]
    for event_number in range(50):
        for n, recorder in enumerate(recorders):
            recorder.record(
                started(f"{n}") if event_number == 0 else NodeClosed(event_number, "open", f"{n}")
            )
    for recorder in recorders:
        recorder.__exit__(None, None, None)

    for n in range(100):
        _, *rest = read(tmp_path / f"{n}.jsonl").events
        assert rest == [NodeClosed(k, "open", f"{n}") for k in range(1, 50)]


WRITER = """
import sys
from pathlib import Path
from agent_runtime.trace.events import NodeClosed
from agent_runtime.trace.recorder import Recorder
from tests.trace.runs import started

with Recorder(Path(sys.argv[1])) as recorder:
    recorder.record(started())
    for n in range(1, 1_000_000):
        recorder.record(NodeClosed(n, "open", "x" * (n % 300)))
        sys.stdout.write(f"{n}\\n")
        sys.stdout.flush()
"""


@pytest.mark.slow
def test_a_killed_process_loses_nothing_that_was_acknowledged(path: Path):
    for n_lines in (1, 40, 400):
        path.unlink(missing_ok=True)
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, cwd=ROOT, text=True
        ) as writer:
            assert writer.stdout is not None
            for _ in range(n_lines):
                writer.stdout.readline()
            writer.kill()
            rest = writer.stdout.read().rpartition("\n")[0].splitlines()
            acknowledged = int(rest[-1]) if rest else n_lines

        trace = read(path)

        numbers = [event.node_id for event in trace.events if isinstance(event, NodeClosed)]
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) in (acknowledged, acknowledged + 1)
        assert trace.bad_lines == ()
