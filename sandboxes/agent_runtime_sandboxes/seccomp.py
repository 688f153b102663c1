"""The system-call filter for bubblewrap: the profile that Docker gets as JSON, compiled by libseccomp.

libseccomp is on practically every Linux (apt and systemd need it); without it there is no filter and so no
sandbox. An allow-list fails closed: a call that this libseccomp does not know is refused.
"""

import ctypes
import errno
import json
import os
import tempfile
from ctypes.util import find_library
from functools import cache
from pathlib import Path
from typing import Any

from agent_runtime.errors import SandboxError

PROFILE = Path(__file__).parent / "seccomp.json"
ALLOW = 0x7FFF0000
ERRNO = 0x00050000
COMPARE = {"SCMP_CMP_EQ": 4, "SCMP_CMP_MASKED_EQ": 7}


class _Argument(ctypes.Structure):
    _fields_ = (
        ("index", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("first", ctypes.c_uint64),
        ("second", ctypes.c_uint64),
    )


@cache
def compiled_filter() -> bytes:
    """The profile as a BPF program for this machine.

    Raises:
        SandboxError: libseccomp is not there, or refuses the profile.
    """
    library = _library()
    profile = json.loads(PROFILE.read_text())
    context = library.seccomp_init(ERRNO | profile["defaultErrnoRet"])
    try:
        for rule in profile["syscalls"]:
            _add(library, context, rule)
        with tempfile.TemporaryFile() as file:
            _check(library.seccomp_export_bpf(context, file.fileno()))
            file.seek(0)
            return file.read()
    finally:
        library.seccomp_release(context)


def open_filter() -> int:
    """A file descriptor from which bubblewrap reads the filter; the caller closes it."""
    read_end, write_end = os.pipe()
    program = compiled_filter()  # a few KiB: fits into the pipe
    os.write(write_end, program)
    os.close(write_end)
    return read_end


def _library() -> ctypes.CDLL:
    name = find_library("seccomp") or "libseccomp.so.2"
    try:
        library = ctypes.CDLL(name)
    except OSError:
        raise SandboxError(
            "bubblewrap needs libseccomp for its system-call filter; `apt-get install libseccomp2`"
        ) from None
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_release.argtypes = [ctypes.c_void_p]
    library.seccomp_export_bpf.argtypes = [ctypes.c_void_p, ctypes.c_int]
    library.seccomp_syscall_resolve_name.argtypes = [ctypes.c_char_p]
    library.seccomp_rule_add_array.argtypes = [
        ctypes.c_void_p,
        ctypes.c_uint32,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.POINTER(_Argument),
    ]
    return library


def _add(library: ctypes.CDLL, context: int, rule: dict[str, Any]) -> None:
    action = ALLOW if rule["action"] == "SCMP_ACT_ALLOW" else ERRNO | rule.get("errnoRet", errno.EPERM)
    arguments = [
        _Argument(arg["index"], COMPARE[arg["op"]], arg["value"], arg.get("valueTwo", 0))
        for arg in rule.get("args", ())
    ]
    array = (_Argument * len(arguments))(*arguments)
    for name in rule["names"]:
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:  # negative: not a system call of this machine
            _check(library.seccomp_rule_add_array(context, action, number, len(arguments), array))


def _check(code: int) -> None:
    if code < 0:
        raise SandboxError(f"libseccomp refuses the sandbox's profile: {os.strerror(-code)}")
