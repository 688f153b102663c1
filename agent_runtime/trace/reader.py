"""Reads a trace back, whatever state a crash left it in.

A last line without its newline is a record that was cut off: dropped, and kept as evidence. A complete line that
is damaged is named by number and offset, and what stands before and after it is read. A file of another kind or
of another schema is refused.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from agent_runtime.errors import InputError
from agent_runtime.search.graph import SearchGraph
from agent_runtime.trace.blobs import load_blob
from agent_runtime.trace.events import (
    SCHEMA_VERSION,
    ActionSampled,
    Event,
    NodeAdded,
    NodeClosed,
    RunFinished,
    RunStarted,
)
from agent_runtime.trace.upgrade import FIRST_SCHEMA
from agent_runtime.trace.wire import Record, decode, explain
from agent_runtime.types import Answer, Node

READABLE_SCHEMAS = (FIRST_SCHEMA, SCHEMA_VERSION)
MAX_LINE_BYTES = 2**26  # far above what is written: a file without newlines is not read whole
_FIRST = b'{"seq":0,"t":'  # how every trace begins


@dataclass(frozen=True, slots=True)
class BadLine:
    """A complete line that cannot be read: its number (from 1), its place in the file, and why."""

    number: int
    offset: int
    error: str


@dataclass(frozen=True, slots=True)
class Trace:
    """What a trace holds. `torn_tail` are the bytes of a record that was cut off at the end."""

    path: Path
    records: tuple[Record, ...]
    bad_lines: tuple[BadLine, ...] = ()
    torn_tail: bytes = b""
    n_bytes: int = 0  # of whole lines
    schema_version: int = SCHEMA_VERSION  # of the file; what is read is brought to today's

    @property
    def events(self) -> tuple[Event, ...]:
        """What happened, in order."""
        return tuple(record.event for record in self.records)

    @property
    def started(self) -> RunStarted | None:
        """How the run began; None when that line is not there."""
        first = self.records[0].event if self.records else None
        return first if isinstance(first, RunStarted) else None

    @property
    def finished(self) -> RunFinished | None:
        """How the run ended; None when it was killed, or goes on after an interruption."""
        last = self.records[-1].event if self.records else None
        return last if isinstance(last, RunFinished) else None

    @property
    def next_seq(self) -> int:
        """The number of the record that comes next."""
        return self.records[-1].seq + 1 if self.records else 0

    @property
    def seconds(self) -> float:
        """How long the run had gone on at its last record."""
        return self.records[-1].seconds if self.records else 0.0

    def ending_in(self, answer: Answer) -> "Trace":
        """The same run with another answer at its end."""
        records = [record for record in self.records if not isinstance(record.event, RunFinished)]
        end = Record(self.next_seq, self.seconds, RunFinished(answer))
        return replace(self, records=(*records, end))

    def graph(self) -> SearchGraph:
        """The search graph as the recorded events left it.

        Raises:
            InputError: The nodes do not fit together, and no damaged line explains it.
        """
        graph = SearchGraph()
        for event in self.events:
            try:
                grow(graph, event)
            except InputError:
                if not self.bad_lines:  # a child of a node that a damaged line held is left out
                    raise
        return graph

    def problems(self) -> list[str]:
        """What is wrong with the file, one line each; empty for a whole trace of a finished run."""
        lines = [f"line {bad.number} (byte {bad.offset}) is damaged: {bad.error}" for bad in self.bad_lines]
        if self.torn_tail:
            n_bytes = len(self.torn_tail)
            lines.append(f"the last {n_bytes} bytes are a record that was cut off; the rest is whole")
        if self.finished is None:
            lines.append("the run did not finish")
        return lines


def read(path: Path) -> Trace:
    """Read a trace file; what a crash or a damaged disk left is told, not raised.

    Raises:
        InputError: The file cannot be read, is no trace, or is of another schema.
    """
    records: list[Record] = []
    bad_lines: list[BadLine] = []
    sampled: dict[int, ActionSampled] = {}
    torn_tail, offset, version = b"", 0, SCHEMA_VERSION
    for number, line in enumerate(_lines(path), start=1):
        if number == 1:
            version = _require_trace(line, path)
        if not line.endswith(b"\n"):
            torn_tail = line
            break
        try:
            records.append(_with_tokens(_next_record(line[:-1], path, records, version), sampled))
        except ValueError as error:
            bad_lines.append(BadLine(number, offset, explain(error)))
        offset += len(line)
    if bad_lines and not records:
        raise InputError(f"{str(path)!r} is no trace of agent-runtime: line 1: {bad_lines[0].error}")
    return Trace(path, tuple(records), tuple(bad_lines), torn_tail, offset, version)


def _next_record(line: bytes, path: Path, before: list[Record], version: int) -> Record:
    record = decode(line, partial(load_blob, path), version)
    if before and record.seq <= before[-1].seq:
        raise ValueError(f"record {record.seq} stands behind record {before[-1].seq}")
    return record


def _with_tokens(record: Record, sampled: dict[int, ActionSampled]) -> Record:
    """Give a node the tokens that stand in its `sampled` line alone."""
    event = record.event
    if isinstance(event, ActionSampled):
        sampled[event.node_id] = event
    elif isinstance(event, NodeAdded) and not event.node.token_ids and event.node.id in sampled:
        one = sampled[event.node.id]
        node = replace(event.node, token_ids=one.token_ids, logprobs=one.logprobs)
        return replace(record, event=NodeAdded(node))
    return record


def _lines(path: Path) -> Iterator[bytes]:
    """Lines end at a newline byte alone: U+2028 or U+0085 in a text is no end of a record."""
    try:
        if not path.is_file():
            raise InputError(f"there is no trace {str(path)!r}")
        with path.open("rb") as file:
            while line := file.readline(MAX_LINE_BYTES):
                yield line
    except OSError as error:
        raise InputError(f"cannot read the trace {str(path)!r}: {error.strerror}") from error


def _require_trace(first_line: bytes, path: Path) -> int:
    """The schema of a trace; files of another kind are refused.

    A damaged first line of a trace is no reason to refuse the rest.
    """
    version = _schema_version(first_line)
    if version not in (None, *READABLE_SCHEMAS):
        known = " and ".join(map(str, READABLE_SCHEMAS))
        raise InputError(f"{str(path)!r} is a trace of schema {version}; this version reads schemas {known}")
    beginning = first_line[: len(_FIRST)]
    n_alike = sum(left == right for left, right in zip(beginning, _FIRST, strict=False))
    if 2 * n_alike < len(beginning) and first_line.strip(b"\0"):
        raise InputError(f"{str(path)!r} is no trace of agent-runtime")
    return version if isinstance(version, int) else SCHEMA_VERSION


def _schema_version(first_line: bytes) -> object:
    try:
        version = json.loads(first_line)["event"]["schema_version"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return version if type(version) is int else repr(version)


def grow(graph: SearchGraph, event: Event) -> None:
    """Do to the graph what the event says; events that say nothing of it change nothing.

    Raises:
        InputError: The event does not fit the graph.
    """
    match event:
        case RunStarted() if not len(graph):
            graph.add(Node(0, None, 0, seed=event.seed))
        case NodeAdded() if event.node.id in graph:
            graph.update(event.node)
        case NodeAdded():
            graph.add(event.node)
        case NodeClosed():
            graph.update(replace(graph.node(event.node_id), state=event.state, reason=event.reason))
        case _:
            pass
