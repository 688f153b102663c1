"""The program inside a sandbox, and how the host starts it.

It is handed to `python3 -I -S -c` as text, so any image with Python >= 3.9 will do and its version is always the
host's own. Standard library only, no pathlib: what PID 1 imports, every forked check pays for.
"""

import json
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path

MODULES = ("processes", "files", "check", "server")  # in the order of their imports
IDLE_SECONDS = 3600.0  # an assigned server may wait this long for its domain's next check
LIFE_SECONDS = 6 * 3600.0  # nothing outlives this, whatever happens to its host
MAX_INODES = 8192
BOOT = """\
import json, sys
modules, settings = json.loads(sys.argv[1])
for name, source in modules:
    module = sys.modules[name] = type(sys)(name)
    exec(compile(source, name, "exec", dont_inherit=True), module.__dict__)
module.main(settings)
"""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a server is told at its start. `limits` are rlimits of a check, where no control group holds."""

    work: str = "/work"
    scratch: tuple[str, ...] = ("/tmp", "/dev/shm")  # noqa: S108 - inside the sandbox
    limits: dict[str, int] = field(default_factory=dict)
    max_inodes: int = MAX_INODES
    niceness: int = 0
    idle_seconds: float = IDLE_SECONDS
    life_seconds: float = LIFE_SECONDS


def server_arguments(settings: Settings) -> list[str]:
    """Arguments that make a `python3` the server."""
    return ["-I", "-S", "-c", BOOT, json.dumps([_modules(), asdict(settings)])]


@cache
def _modules() -> tuple[tuple[str, str], ...]:
    here = Path(__file__).parent
    return tuple((f"{__name__}.{name}", (here / f"{name}.py").read_text()) for name in MODULES)
