"""A host process for the tests to kill: `python host.py KIND` runs a check that sleeps for a minute."""

import sys

import anyio

from agent_runtime.types import SandboxJob
from agent_runtime_sandboxes import BubblewrapSandbox, DockerSandbox

JOB = SandboxJob(code="import time; time.sleep(60)", seconds=60.0)


async def main(kind: str) -> None:
    sandbox = DockerSandbox() if kind == "docker" else BubblewrapSandbox()
    await sandbox.run(SandboxJob(code="pass"), "a")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await sandbox.run(JOB, "a")


if __name__ == "__main__":
    anyio.run(main, sys.argv[1])
