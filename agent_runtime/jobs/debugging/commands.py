"""How a failing command is run: as the user wrote it, in the sandbox; and as the worker can run it in a fork.

The worker understands `python SCRIPT`, `python -m MODULE` and `pytest`. Any other command works too, but each
experiment is then a run of its own and no line is traced.
"""

import re
from collections.abc import Sequence
from pathlib import Path

PYTHON = re.compile(r"python(3(\.\d+)?)?")
PLAIN_OPTIONS = ("-q", "-qq", "-v", "-vv", "-x", "-s")  # of pytest: they leave out no test


def sandbox_command(command: Sequence[str]) -> tuple[str, ...]:
    """The command with an interpreter and runner that every sandbox has."""
    first, *rest = command
    name = Path(first).name
    if PYTHON.fullmatch(name):
        return ("python3", *rest)
    if name in ("pytest", "py.test"):
        return ("python3", "-m", "pytest", *rest)
    return tuple(command)


def worker_command(command: Sequence[str]) -> list[str] | None:
    """The command for the worker; None where it cannot run it in a fork."""
    first, *rest = sandbox_command(command)
    if first != "python3" or not rest:
        return None
    if rest[0] == "-m" and len(rest) > 1:
        return ["python", *rest]
    return None if rest[0].startswith("-") else ["python", *rest]


def runs_whole(command: Sequence[str], name: str) -> bool:
    """Whether an exit code of 0 says that all of the test file `name` passes: the script itself, or all of pytest."""
    words = worker_command(command) if command else None
    if words is None:
        return False
    if words[1:3] != ["-m", "pytest"]:
        return Path(words[1]) == Path(name)
    options = [word for word in words[3:] if word.startswith("-")]
    paths = [Path(word) for word in words[3:] if not word.startswith("-")]
    is_chosen = not paths or any(path == Path(name) or path in Path(name).parents for path in paths)
    return is_chosen and all(option in PLAIN_OPTIONS for option in options)


def is_test(name: str) -> bool:
    """Whether a file holds tests: an edit never touches it."""
    path = Path(name)
    is_named = path.name.startswith("test_") or path.stem.endswith("_test") or path.name == "conftest.py"
    return is_named or "tests" in path.parts[:-1] or "test" in path.parts[:-1]
