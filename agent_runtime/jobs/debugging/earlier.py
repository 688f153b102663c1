"""What passed before a fix must still pass: the program's own tests, run before and after.

With pytest in the sandbox each test counts by itself; without it, each test file that ends well as a script does.
Tests that the failing command runs as a whole are left out: they all pass when it does. What could not be found out
is said, so that nobody takes it for a pass.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent_runtime.jobs.debugging.commands import is_test, runs_whole
from agent_runtime.protocols import Sandbox
from agent_runtime.types import SandboxJob

MAX_FILES = 20
PYTEST = ("python3", "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider")
PASSED = re.compile(r"^PASSED (\S.{0,500})$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Earlier:
    """The names of the tests that pass. `missing` says what could not be found out; empty where all could."""

    names: frozenset[str] = frozenset()
    missing: str = ""


@dataclass(frozen=True, slots=True)
class EarlierTests:
    """Runs the program's tests over a set of files."""

    sandbox: Sandbox
    scope: str
    seconds: float
    command: Sequence[str] = ()

    async def passing(self, files: Mapping[str, bytes]) -> Earlier:
        """The tests that pass.

        Raises:
            SandboxError: The sandbox failed.
        """
        tests = [name for name in files if name.endswith(".py") and is_test(name) and "conftest" not in name]
        others = [name for name in tests if not runs_whole(self.command, name)]
        if not others:
            return Earlier()
        ignored = [f"--ignore={name}" for name in tests if name not in others]
        job = SandboxJob(argv=(*PYTEST, *ignored), files=dict(files), seconds=self.seconds)
        execution = await self.sandbox.run(job, self.scope)
        if execution.is_timeout:
            return Earlier(missing=self._late("the tests of the folder"))
        if "No module named pytest" not in execution.stderr:
            return Earlier(frozenset(PASSED.findall(execution.stdout)))
        return await self._as_scripts(others, files)

    async def _as_scripts(self, tests: Sequence[str], files: Mapping[str, bytes]) -> Earlier:
        names, missing = set(), []
        for name in tests[:MAX_FILES]:
            job = SandboxJob(argv=("python3", name), files=dict(files), seconds=self.seconds)
            execution = await self.sandbox.run(job, self.scope)
            if execution.is_timeout:
                missing.append(self._late(name))
            elif execution.exit_code == 0:
                names.add(name)
        if len(tests) > MAX_FILES:
            missing.append(f"only {MAX_FILES} of {len(tests)} other test files were run")
        return Earlier(frozenset(names), "; ".join(missing))

    def _late(self, what: str) -> str:
        return f"{what} did not end within {self.seconds:g} s, so what passed before may not pass now"
