"""A trace is read as far as it is whole, and every damage is named."""

from pathlib import Path

import pytest

from agent_runtime.errors import InputError
from agent_runtime.trace.events import NodeAdded, NodeClosed
from agent_runtime.trace.reader import read
from agent_runtime.trace.recorder import Recorder
from agent_runtime.types import Node
from tests.trace.runs import a_run, started, write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.jsonl"


def test_the_graph_of_a_trace_is_the_graph_of_the_run(path: Path):
    graph = read(write(path, a_run())).graph()

    assert [node.state for node in graph] == ["open", "open", "dead_end", "dead_end", "open", "answered"]
    assert graph.node(2).reason == "backtracked: no column amnt"
    assert graph.root.seed == 7
    assert [node.id for node in graph.path(5)] == [1, 4, 5]


def test_a_file_cut_at_one_byte_in_seven_gives_the_records_whose_newline_survived(path: Path):
    events = a_run()[:5]
    whole = write(path, events).read_bytes()

    for n_bytes in range(0, len(whole) + 1, 7):  # every one of a whole run: test_kills, a soak
        path.write_bytes(whole[:n_bytes])
        trace = read(path)
        assert list(trace.events) == events[: whole[:n_bytes].count(b"\n")]
        assert trace.torn_tail == whole[trace.n_bytes : n_bytes]
        assert trace.bad_lines == ()


def test_a_trace_cut_anywhere_can_be_appended_to(path: Path):
    events = a_run()
    whole = write(path, events).read_bytes()

    for n_bytes in range(1, len(whole), 97):
        path.write_bytes(whole[:n_bytes])
        trace = read(path)
        with Recorder(path, after=trace) as recorder:
            for event in events[len(trace.events) :]:
                recorder.record(event)
        assert list(read(path).events) == events
        assert not read(path).problems()


def test_what_was_cut_off_stays_beside_the_trace(path: Path):
    whole = write(path, a_run()).read_bytes()
    path.write_bytes(whole[:-9])

    with Recorder(path, after=read(path)):
        pass

    assert whole[:-9].endswith((path.parent / "run.jsonl.torn").read_bytes())


def test_a_trace_that_changed_after_it_was_read_is_not_appended_to(path: Path):
    trace = read(write(path, a_run()[:-1]))
    with Recorder(path, after=trace) as recorder:
        recorder.record(a_run()[-1])

    with pytest.raises(Exception, match="changed"), Recorder(path, after=trace):
        pass


@pytest.mark.parametrize("bit", [0, 3, 7])
def test_a_flipped_bit_anywhere_is_named_and_the_rest_is_read(path: Path, bit: int):
    whole = write(path, a_run()).read_bytes()

    for offset in range(0, len(whole) - 1, 29):
        damaged = bytearray(whole)
        damaged[offset] ^= 1 << bit
        path.write_bytes(damaged)
        trace = read(path)
        assert trace.bad_lines or trace.torn_tail
        assert all(bad.offset <= offset for bad in trace.bad_lines[:1])
        assert len(trace.events) >= len(a_run()) - 2
        trace.graph()


def test_a_damaged_line_is_named_by_its_number_and_place(path: Path):
    lines = write(path, a_run()).read_bytes().split(b"\n")
    lines[2] = lines[2].replace(b"Acme", b"Acne").replace(b"sum", b"sun")
    path.write_bytes(b"\n".join(lines))

    (bad,) = read(path).bad_lines

    assert (bad.number, bad.offset) == (3, len(lines[0]) + len(lines[1]) + 2)
    assert "checksum" in bad.error


def test_a_record_that_comes_twice_is_named(path: Path):
    lines = write(path, a_run()).read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([lines[0], lines[1], lines[1], *lines[2:]]))

    trace = read(path)

    assert [bad.number for bad in trace.bad_lines] == [3]
    assert list(trace.events) == a_run()


def test_a_tail_of_nuls_is_dropped(path: Path):
    write(path, a_run()[:-1])
    with path.open("ab") as file:
        file.write(b"\0" * 4096)

    trace = read(path)

    assert list(trace.events) == a_run()[:-1]
    assert len(trace.torn_tail) == 4096


def test_an_empty_file_has_no_records(path: Path):
    path.touch()

    trace = read(path)

    assert (trace.events, trace.started, trace.finished, len(trace.graph())) == ((), None, None, 0)


@pytest.mark.parametrize(
    "content",
    [
        b"src,dst\nA,B\n",
        b"{}\n",
        b'{"question": "?"}\n',
        b"\x89PNG\r\n\x1a\n" * 99,
        b'{"seq":3,"x":1}\n',
        b"\n",
    ],
)
def test_a_file_of_another_kind_is_refused(path: Path, content: bytes):
    path.write_bytes(content)

    with pytest.raises(InputError, match="no trace"):
        read(path)


@pytest.mark.parametrize("version", [0, 3, "9"])
def test_another_schema_is_refused_by_its_version(path: Path, version: object):
    whole = write(path, a_run()).read_text()
    path.write_text(whole.replace('"schema_version":2', f'"schema_version":{version}'.replace("'", '"')))

    with pytest.raises(InputError, match=f"schema {version}"):
        read(path)


@pytest.mark.parametrize("name", ["missing.jsonl", ""])
def test_a_path_without_a_file_is_named(tmp_path: Path, name: str):
    with pytest.raises(InputError, match="no trace"):
        read(tmp_path / name)


def test_the_children_of_a_damaged_node_are_left_out_of_the_graph(path: Path):
    write(path, [started(), NodeAdded(Node(1, 0, 1)), NodeAdded(Node(2, 1, 2)), NodeAdded(Node(3, 0, 1))])
    path.write_bytes(path.read_bytes().replace(b'"id":1,', b'"id":9,'))

    assert [node.id for node in read(path).graph()] == [0, 3]


def test_nodes_that_do_not_fit_together_are_refused(path: Path):
    with pytest.raises(InputError, match="parent 7"):
        read(write(path, [started(), NodeAdded(Node(1, 7, 1))])).graph()


def test_ten_thousand_events_read_whole(path: Path):
    write(path, [started(), *(NodeClosed(n, "open", "x") for n in range(10_000))])

    assert len(read(path).events) == 10_001
