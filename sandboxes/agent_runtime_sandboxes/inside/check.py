"""The forked process of one check: forgets the server, takes on its limits, becomes the code or the command.

It looks like a freshly started interpreter to the code (own `__main__`, streams, `sys.path`), and it ends as one
does, but for the teardown of modules: that touches every page shared with the server and costs more than the check.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import json
import linecache
import os
import resource
import signal
import site
import sys
import threading
import traceback
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from agent_runtime_sandboxes.inside.processes import PR_SET_DUMPABLE, prctl

MAX_FILE_BYTES = 64 * 2**20
SOURCE = "<python>"  # what a traceback calls the check's code
SIGNALS = (signal.SIGALRM, signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
CHUNK = 65536


def detach(streams: Sequence[int], folder: str, header: dict[str, Any], settings: dict[str, Any]) -> None:
    """Turn the forked child into a process that knows nothing of the server."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.set_wakeup_fd(-1)
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.setsid()
    for target, fd in enumerate(streams):
        os.dup2(fd, target)
    os.closerange(3, 64)  # the channel above all; the server opens a dozen files, the lowest numbers
    limits = {"CPU": int(header["seconds"]) + 2, "FSIZE": MAX_FILE_BYTES, "CORE": 0, **settings["limits"]}
    for name, value in limits.items():
        kind = getattr(resource, f"RLIMIT_{name}")
        hard = resource.getrlimit(kind)[1]
        limit = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (limit, limit))
    prctl(PR_SET_DUMPABLE, 1)  # its own /proc/self is its own again
    if settings["niceness"]:
        os.nice(settings["niceness"])
    os.environ.update(header["environment"])
    os.chdir(folder)


def execute(argv: list[str]) -> None:
    """Become the command `argv`; like a shell, 127 says that there is no such command."""
    name = sys.executable if argv[0] in ("python", "python3") else argv[0]
    try:
        os.execvp(name, argv)  # noqa: S606 - what this is for
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        os.write(2, f"{argv[0]}: {why}\n".encode("utf-8", "replace"))
        os._exit(127)


def interpret(code: str, search_path: list[str]) -> int:
    """Run Python source as `__main__` of a clean interpreter, in the working folder; its exit code."""
    for name in [name for name in sys.modules if name.startswith("agent_runtime_sandboxes")]:
        del sys.modules[name]
    sys.argv, sys.path[:] = [SOURCE], [os.getcwd(), *search_path]
    for fd, name in enumerate(("stdin", "stdout", "stderr")):
        errors = "backslashreplace" if fd == 2 else "surrogateescape"
        stream = open(fd, "w" if fd else "r", 1 if fd else -1, "utf-8", errors, closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    module = sys.modules["__main__"] = ModuleType("__main__")
    linecache.cache[SOURCE] = (len(code), None, code.splitlines(keepends=True), SOURCE)
    try:
        exec(compile(code, SOURCE, "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - what this is for
        exit_code = 0
    except SystemExit as error:
        exit_code = _exit_status(error.code)
    except BaseException as error:
        own_frames = error.__traceback__.tb_next if error.__traceback__ else None
        traceback.print_exception(type(error), error, own_frames)
        exit_code = 1
    return _finish(module, exit_code)


def search_path() -> list[str]:
    """Where a check finds packages. A child finds out: `.pth` files may hold code, and none of it runs in PID 1."""
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            sys.path[:] = [path for path in sys.path if path]
            site.main()
            os.write(write_end, json.dumps(sys.path).encode())
        finally:
            os._exit(0)
    os.close(write_end)
    with open(read_end, "rb") as pipe:
        text = pipe.read(CHUNK)
    os.waitpid(pid, 0)
    site.setquit()
    site.setcopyright()
    site.sethelper()
    return [str(path) for path in json.loads(text)] if text else list(sys.path)


def _exit_status(code: object) -> int:
    """What `sys.exit(code)` means to the operating system."""
    if code is None or isinstance(code, int):
        return (code or 0) & 0xFF
    sys.stderr.write(f"{code}\n")
    return 1


def _finish(module: ModuleType, exit_code: int) -> int:
    try:
        threading._shutdown()  # type: ignore[attr-defined]  # waits for threads that are no daemons
        atexit._run_exitfuncs()
        module.__dict__.clear()  # files left open are written out
        gc.collect()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        with contextlib.suppress(BaseException):
            traceback.print_exc()
        return exit_code or 1
    return exit_code
