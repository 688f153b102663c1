"""Frames between host and sandbox: whole or refused, however they are cut; names never leave the folder."""

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.errors import InputError
from agent_runtime.types import SandboxJob
from agent_runtime_sandboxes.wire import (
    MAX_INPUT_BYTES,
    MAX_INPUT_FILES,
    BrokenFrame,
    Frames,
    decode,
    encode,
)

REPLY = {
    "exit_code": 0,
    "verdict": "",
    "wall_seconds": 0.1,
    "cpu_seconds": 0.1,
    "peak_memory_bytes": 1,
    "sizes": [2, 0],
    "truncated": [False, False],
    "files": [["a.txt", 1]],
    "left_out": [],
}


def frame(header: object, body: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack(">II", len(text), len(body)) + text + body


@given(st.binary(max_size=300), st.lists(st.integers(0, 400), max_size=6), st.booleans())
def test_a_frame_arrives_whole_however_it_is_cut(body: bytes, cuts: list[int], is_multiplexed: bool):
    data = frame({"a": 1}, body)
    pieces = [data[i:j] for i, j in zip([0, *sorted(cuts)], [*sorted(cuts), len(data)], strict=True)]
    if is_multiplexed:
        pieces = [struct.pack(">B3xI", 1, len(piece)) + piece for piece in pieces]
    frames = Frames(10_000, is_multiplexed=is_multiplexed)

    received = [frames.feed(piece) for piece in pieces]

    assert next(piece for piece in received if piece is not None) == ({"a": 1}, body)


@given(st.binary(max_size=200), st.booleans())
def test_garbage_is_refused_or_waited_for_never_an_untyped_error(data: bytes, is_multiplexed: bool):
    frames = Frames(1000, is_multiplexed=is_multiplexed)

    try:
        result = frames.feed(data)
    except BrokenFrame:
        result = None

    assert result is None or isinstance(result[0], dict)


@pytest.mark.parametrize("is_multiplexed", [True, False])
def test_a_frame_longer_than_expected_is_refused_before_it_is_read(is_multiplexed: bool):
    head = struct.pack(">II", 10, 2**31)
    data = struct.pack(">B3xI", 1, len(head)) + head if is_multiplexed else head

    with pytest.raises(BrokenFrame):
        Frames(1000, is_multiplexed=is_multiplexed).feed(data)


def test_the_servers_own_errors_are_kept_apart():
    frames = Frames(1000, is_multiplexed=True)

    assert frames.feed(struct.pack(">B3xI", 2, 4) + b"oops") is None
    assert bytes(frames.diagnostics) == b"oops"


def test_a_reply_becomes_an_execution():
    execution = decode(REPLY, b"2\nx")

    assert (execution.stdout, execution.files) == ("2\n", {"a.txt": b"x"})


@pytest.mark.parametrize(
    "change",
    [
        {"sizes": [9, 0]},
        {"sizes": [-1, 3]},
        {"files": [["../a", 1]]},
        {"files": [["/etc/passwd", 1]]},
        {"files": [["a"]]},
        {"exit_code": None},
        {"truncated": []},
        {"left_out": 3},
    ],
)
def test_a_reply_that_contradicts_itself_is_refused(change: dict[str, object]):
    with pytest.raises(BrokenFrame):
        decode({**REPLY, **change}, b"2\nx")


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../a", "a/../b", "/a", "a//b", "a/", "./a", "a\\b", "a\nb", "a\0", "\ud800", "x" * 600],
)
def test_a_name_outside_the_folder_is_refused(name: str):
    with pytest.raises(InputError):
        encode(SandboxJob(code="1", files={name: b""}), {})
    with pytest.raises(InputError):
        encode(SandboxJob(code="1", collect=(name,)), {})


@given(st.text())
def test_a_name_is_taken_as_it_is_or_refused(name: str):
    try:
        pieces = encode(SandboxJob(code="1", files={name: b"x"}), {})
    except InputError:
        return
    header = json.loads(pieces[0][8:])
    assert header["files"] == [[name, 1]]


@pytest.mark.parametrize(
    "job",
    [
        SandboxJob(),
        SandboxJob(code="1", argv=("a",)),
        SandboxJob(code="1", files={"a": b"", "a/b": b""}),
        SandboxJob(code="1", files={"a": bytes(MAX_INPUT_BYTES + 1)}),
        SandboxJob(code="1", files={str(n): b"" for n in range(MAX_INPUT_FILES + 1)}),
        SandboxJob(code="1", seconds=0),
    ],
    ids=["nothing", "both", "file and folder", "too large", "too many", "no time"],
)
def test_a_job_that_cannot_be_run_says_why(job: SandboxJob):
    with pytest.raises(InputError):
        encode(job, {})


def test_collected_names_that_are_odd_are_refused_on_the_host_too():
    with pytest.raises(BrokenFrame):
        decode(replace_name("a\nb"), b"2\nx")


def replace_name(name: str) -> dict[str, object]:
    return {**REPLY, "files": [[name, 1]]}
