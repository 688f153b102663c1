"""The project's own packages: its virtual environment, shown read-only inside the sandbox where Python matches.

Not covered: editable installs that point outside of the environment, and compiled packages that need libraries of
the host which the sandbox's image lacks; `--image` is for those.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from agent_runtime.protocols import Sandbox
from agent_runtime.types import SandboxJob

INSIDE = "/project-packages"
NAMES = (".venv", "venv", "env", ".env")
VERSION = re.compile(r"python(\d+\.\d+)")


@dataclass(frozen=True, slots=True)
class Packages:
    """A folder of installed packages and the version of Python that they are for."""

    folder: Path
    version: str

    @property
    def mounts(self) -> dict[Path, str]:
        """What the sandbox is to show."""
        return {self.folder: INSIDE}

    @property
    def environment(self) -> dict[str, str]:
        """How its Python finds them."""
        return {"PYTHONPATH": INSIDE}


def project_packages(folder: Path) -> Packages | None:
    """The packages of the environment in `folder`, else of the active one; None where there is none."""
    active = os.environ.get("VIRTUAL_ENV")
    roots = [*(folder / name for name in NAMES), *([Path(active)] if active else [])]
    for root in roots:
        if (root / "pyvenv.cfg").is_file():
            for place in sorted(root.glob("lib/python*/site-packages")):
                match = VERSION.fullmatch(place.parent.name)
                if match is not None:
                    return Packages(place.resolve(), match[1])
    return None


async def python_version(sandbox: Sandbox, scope: str) -> str:
    """The version of Python inside, as `3.11`; empty where there is none.

    Raises:
        SandboxError: The sandbox failed.
    """
    job = SandboxJob(code="import sys; print('%d.%d' % sys.version_info[:2])")
    execution = await sandbox.run(job, scope)
    await sandbox.release(scope)
    return execution.stdout.strip() if execution.exit_code == 0 else ""
