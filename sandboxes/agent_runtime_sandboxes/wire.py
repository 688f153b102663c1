"""Jobs and results on the wire between the host and the server inside a sandbox: pure, no waiting.

A frame is `>II` (header bytes, body bytes), a JSON header, a body. Docker wraps what comes out of a container
in frames of its own (stream, length); `Frames` takes both apart and refuses anything longer than it was told
to expect, because the other end is not trusted to be honest.
"""

import json
import struct
from pathlib import PurePosixPath
from typing import Any

from agent_runtime.errors import InputError
from agent_runtime.types import Execution, SandboxJob

MAX_INPUT_BYTES = 32 * 2**20  # half of the working folder's size
MAX_INPUT_FILES = 4_000
MAX_COLLECT_BYTES = 8 * 2**20
MAX_COLLECT_FILES = 256
MAX_HEADER_BYTES = 2**20
MAX_NAME_BYTES = 512
ENVIRONMENT = {
    "HOME": "/tmp",  # noqa: S108 - inside the sandbox
    "LANG": "C.UTF-8",
    "MALLOC_ARENA_MAX": "2",  # threads of numpy's libraries would reserve memory they never use
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",  # what a killed program printed is there to read
}

Header = dict[str, Any]


class BrokenFrame(Exception):
    """What came is no frame of ours."""


def encode(job: SandboxJob, environment: dict[str, str]) -> list[bytes]:
    """A job as the pieces of one frame.

    Raises:
        InputError: The job is not one, or its files are too many, too large, or named outside the folder.
    """
    if bool(job.code) == bool(job.argv):
        raise InputError("a sandbox job has either code or a command")
    for name in (*job.files, *job.collect):
        _check_name(name)
    _check_sizes(job)
    header: Header = {
        "argv": list(job.argv),
        "code": job.code,
        "files": [[name, len(data)] for name, data in job.files.items()],
        "collect": list(job.collect),
        "collect_bytes": MAX_COLLECT_BYTES,
        "collect_files": MAX_COLLECT_FILES,
        "seconds": job.seconds,
        "memory_bytes": job.memory_bytes,
        "output_bytes": job.output_bytes,
        "environment": {**ENVIRONMENT, **environment},
    }
    text = json.dumps(header).encode()
    n_body = sum(map(len, job.files.values())) + len(job.stdin)
    return [struct.pack(">II", len(text), n_body) + text, *job.files.values(), job.stdin]


def max_reply_bytes(job: SandboxJob) -> int:
    """The longest honest reply to `job`."""
    return MAX_HEADER_BYTES + MAX_COLLECT_BYTES + 2 * job.output_bytes


def decode(header: Header, body: bytes) -> Execution:
    """What a reply says.

    Raises:
        BrokenFrame: The reply lacks a field or contradicts itself.
    """
    try:
        return _execution(header, body)
    except (KeyError, TypeError, ValueError, InputError) as error:
        raise BrokenFrame(f"a reply that makes no sense: {error!r}") from None


def _execution(header: Header, body: bytes) -> Execution:
    sizes = [*header["sizes"], *(size for _, size in header["files"])]
    parts = _cut(body, sizes)
    names = [str(name) for name, _ in header["files"]]
    is_stdout_truncated, is_stderr_truncated = header["truncated"]
    return Execution(
        exit_code=int(header["exit_code"]),
        stdout=parts[0].decode("utf-8", "replace"),
        stderr=parts[1].decode("utf-8", "replace"),
        is_stdout_truncated=bool(is_stdout_truncated),
        is_stderr_truncated=bool(is_stderr_truncated),
        is_timeout=header["verdict"] == "timeout",
        is_out_of_memory=header["verdict"] == "memory",
        wall_seconds=float(header["wall_seconds"]),
        cpu_seconds=float(header["cpu_seconds"]),
        peak_memory_bytes=int(header["peak_memory_bytes"]),
        files={_checked(name): data for name, data in zip(names, parts[2:], strict=True)},
        left_out=tuple(f"{name}: {why}" for name, why in header["left_out"][:MAX_COLLECT_FILES]),
    )


class Frames:
    """Takes a stream of bytes apart into one frame. `limit` is the longest frame that is accepted."""

    def __init__(self, limit: int, *, is_multiplexed: bool) -> None:
        self._limit = limit
        self._is_multiplexed = is_multiplexed
        self._outer = bytearray()
        self._inner = bytearray()
        self.diagnostics = bytearray()  # the server's standard error, where it shares the stream

    def feed(self, data: bytes) -> tuple[Header, bytes] | None:
        """Take the next bytes; the frame when it is whole.

        Raises:
            BrokenFrame: It is no frame, or one that is too long.
        """
        if self._is_multiplexed:
            self._outer += data
            self._demultiplex()
        else:
            self._inner += data
        return self._frame()

    def _demultiplex(self) -> None:
        while len(self._outer) >= 8:
            stream, size = struct.unpack_from(">B3xI", self._outer)
            if size > self._limit:
                raise BrokenFrame(f"a piece of {size} bytes")
            if len(self._outer) < 8 + size:
                return
            piece = self._outer[8 : 8 + size]
            del self._outer[: 8 + size]
            if stream == 1:
                self._inner += piece
            elif len(self.diagnostics) < 4096:
                self.diagnostics += piece

    def _frame(self) -> tuple[Header, bytes] | None:
        if len(self._inner) < 8:
            return None
        n_header, n_body = struct.unpack_from(">II", self._inner)
        if n_header > MAX_HEADER_BYTES or n_header + n_body > self._limit:
            raise BrokenFrame(f"a frame of {n_header} + {n_body} bytes")
        end = 8 + n_header + n_body
        if len(self._inner) < end:
            return None
        if len(self._inner) > end:
            raise BrokenFrame("more than one frame")
        try:
            header = json.loads(self._inner[8 : 8 + n_header])
        except ValueError as error:
            raise BrokenFrame(f"a header that is no JSON: {error}") from None
        if not isinstance(header, dict):
            raise BrokenFrame("a header that is no object")
        return header, bytes(self._inner[8 + n_header :])


def _cut(body: bytes, sizes: list[int]) -> list[bytes]:
    if any(size < 0 for size in sizes) or sum(sizes) != len(body):
        raise ValueError("sizes and body differ")
    parts, start = [], 0
    for size in sizes:
        parts.append(body[start : start + size])
        start += size
    return parts


def _checked(name: str) -> str:
    _check_name(name)
    return name


def _check_name(name: str) -> None:
    path = PurePosixPath(name)
    is_odd = any(ord(letter) < 32 or letter in "\\\x7f" or "\ud800" <= letter <= "\udfff" for letter in name)
    if is_odd or not name or str(path) != name or path.is_absolute() or ".." in path.parts or name == ".":
        raise InputError(f"{name!a} is no file name below the working folder; write it like 'src/a.py'")
    if len(name.encode()) > MAX_NAME_BYTES or len(path.parts) > 16:
        raise InputError(f"the file name {name[:60]!r}... is too long or too deep")


def _check_sizes(job: SandboxJob) -> None:
    n_bytes = sum(map(len, job.files.values())) + len(job.stdin) + len(job.code)
    if len(job.files) > MAX_INPUT_FILES or n_bytes > MAX_INPUT_BYTES:
        raise InputError(
            f"{len(job.files)} files of {n_bytes} bytes are too much for the sandbox: "
            f"at most {MAX_INPUT_FILES} files and {MAX_INPUT_BYTES // 2**20} MiB"
        )
    folders = {str(parent) for name in job.files for parent in PurePosixPath(name).parents}
    if both := folders & set(job.files):
        raise InputError(f"{min(both)!r} is a file and a folder at the same time")
    if job.seconds <= 0 or job.output_bytes < 0 or job.memory_bytes <= 0:
        raise InputError("the limits of a sandbox job are positive")
