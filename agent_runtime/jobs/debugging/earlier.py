"""What passed before a fix must still pass: the program's own tests, run before and after.

With pytest in the sandbox each test counts by itself; without it, each test file that ends well as a script does.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from agent_runtime.jobs.debugging.commands import is_test
from agent_runtime.protocols import Sandbox
from agent_runtime.types import SandboxJob

MAX_FILES = 20
PYTEST = ("python3", "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider")
PASSED = re.compile(r"^PASSED (\S.{0,500})$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class EarlierTests:
    """Runs the program's tests over a set of files."""

    sandbox: Sandbox
    scope: str
    seconds: float

    async def passing(self, files: Mapping[str, bytes]) -> frozenset[str]:
        """The names of the tests that pass.

        Raises:
            SandboxError: The sandbox failed.
        """
        tests = [name for name in files if name.endswith(".py") and is_test(name) and "conftest" not in name]
        if not tests:
            return frozenset()
        job = SandboxJob(argv=PYTEST, files=dict(files), seconds=self.seconds)
        execution = await self.sandbox.run(job, self.scope)
        if "No module named pytest" not in execution.stderr:
            return frozenset(PASSED.findall(execution.stdout))
        return frozenset([name for name in tests[:MAX_FILES] if await self._ends_well(name, files)])

    async def _ends_well(self, name: str, files: Mapping[str, bytes]) -> bool:
        job = SandboxJob(argv=("python3", name), files=dict(files), seconds=self.seconds)
        return (await self.sandbox.run(job, self.scope)).exit_code == 0
