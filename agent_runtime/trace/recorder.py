"""Writes the events of a run to its trace: append-only, one line an event, one writer a file.

When `record` returns, the line is with the kernel: killing the process loses nothing. Reaching the disk takes an
fsync of milliseconds, so a thread of its own does that after each node; only the end of a run waits for it.
What a power loss may take is therefore at most the nodes of the last milliseconds. Not covered: a file system
that lies about fsync.
"""

import contextlib
import fcntl
import logging
import os
import stat
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from agent_runtime.errors import InputError, TraceError
from agent_runtime.trace.blobs import keep_blob
from agent_runtime.trace.events import ActionSampled, Event, NodeAdded, RunFinished
from agent_runtime.trace.reader import Trace
from agent_runtime.trace.wire import Encoder

logger = logging.getLogger(__name__)

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class Recorder:
    """The one writer of a trace; a context manager. `after` continues the trace that was read.

    `secrets` are texts that must not be written; each becomes `***`. `is_durable` turns False when an fsync
    has failed: what was recorded is readable, and a power loss may take it.

    Raises:
        InputError: The file is there already, or is nothing a trace can be written to.
        TraceError: The file cannot be opened, or another process writes it.
    """

    def __init__(self, path: Path, secrets: Sequence[str] = (), after: Trace | None = None) -> None:
        self.path = path
        self.is_durable = True
        self._after = after
        self._encoder = Encoder(secrets, partial(keep_blob, path))
        self._seq = after.next_seq if after else 0
        self._sampled: dict[int, ActionSampled] = {}  # not yet followed by their nodes
        self._started = 0.0
        self._fd = -1
        self._n_bytes = 0
        self._sync_wanted = threading.Event()
        self._is_closing = False
        self._syncer = threading.Thread(target=self._sync_loop, name="trace-sync", daemon=True)

    def __enter__(self) -> Self:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._fd = os.open(self.path, _FLAGS, 0o600)
        except OSError as error:
            raise TraceError(f"cannot write a trace to {str(self.path)!r}: {error.strerror}") from error
        try:
            self._take_over()
        except BaseException:
            os.close(self._fd)
            raise
        self._started = time.monotonic() - (self._after.seconds if self._after else 0.0)
        self._syncer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_closing = True
        self._sync_wanted.set()
        self._syncer.join()
        os.close(self._fd)
        self._fd = -1

    def _take_over(self) -> None:
        """Become the only writer of a file in the state in which it is expected."""
        if not stat.S_ISREG(os.fstat(self._fd).st_mode):
            raise InputError(f"cannot write a trace to {str(self.path)!r}: it is no regular file")
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TraceError(f"{str(self.path)!r} is locked: another run writes this trace") from None
        n_bytes = os.fstat(self._fd).st_size
        if self._after is None and n_bytes:
            raise InputError(f"{str(self.path)!r} exists: name another trace, or resume this one")
        if self._after is not None:
            if n_bytes != self._after.n_bytes + len(self._after.torn_tail):
                raise TraceError(f"{str(self.path)!r} has changed since it was read")
            self._set_torn_tail_aside(self._after)
        self._n_bytes = self._after.n_bytes if self._after else 0
        os.fchmod(self._fd, 0o600)
        _sync_folder(self.path.parent)

    def _set_torn_tail_aside(self, after: Trace) -> None:
        """A record that was cut off stays as evidence beside the trace; the trace goes on at a whole line."""
        if after.torn_tail:
            aside = self.path.with_name(f"{self.path.name}.torn")
            with os.fdopen(os.open(aside, _FLAGS, 0o600), "ab") as file:
                file.write(after.torn_tail)
            os.ftruncate(self._fd, after.n_bytes)

    def record(self, event: Event) -> None:
        """Append one event; when this returns, a kill of the process cannot lose it.

        Raises:
            TraceError: The event could not be written; the file holds whole records still.
        """
        line = self._encoder.line(self._slim(event), self._seq, time.monotonic() - self._started)
        self._append(line)
        self._seq += 1
        if isinstance(event, NodeAdded | RunFinished):
            self._require_name()
            if isinstance(event, RunFinished):
                self._sync()
            else:
                self._sync_wanted.set()

    def _slim(self, event: Event) -> Event:
        """Tokens are the bulk of a trace: a node's stand in its `sampled` line and are not written again."""
        if isinstance(event, ActionSampled):
            self._sampled[event.node_id] = event
        elif isinstance(event, NodeAdded) and (sampled := self._sampled.pop(event.node.id, None)):
            node = event.node
            if (node.token_ids, node.logprobs) == (sampled.token_ids, sampled.logprobs):
                return NodeAdded(replace(node, token_ids=(), logprobs=()))
        return event

    def _append(self, line: bytes) -> None:
        reason = "the disk took a part of a record only"
        try:
            n_written = os.write(self._fd, line)
        except OSError as error:
            n_written, reason = 0, error.strerror or str(error)
        if n_written != len(line):
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self._n_bytes)
            raise TraceError(f"cannot write the trace {str(self.path)!r}: {reason}")
        self._n_bytes += n_written

    def _require_name(self) -> None:
        if os.fstat(self._fd).st_nlink == 0:
            raise TraceError(f"the trace {str(self.path)!r} was deleted while the run wrote it")

    def _sync_loop(self) -> None:
        while not self._is_closing:
            self._sync_wanted.wait()
            self._sync_wanted.clear()
            self._sync()

    def _sync(self) -> None:
        """Bring the file to the disk; a failure is never retried: the kernel may have dropped the pages."""
        try:
            if self.is_durable:
                os.fsync(self._fd)
        except OSError as error:
            self.is_durable = False
            logger.warning("the trace %s may not survive a power loss: %s", self.path, error.strerror)


def _sync_folder(folder: Path) -> None:
    """A new file is safe once its name is."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
