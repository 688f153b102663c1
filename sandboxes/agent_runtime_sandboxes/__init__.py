"""Where code that nobody has read runs: Docker, bubblewrap, or (by name only) a plain process."""

from agent_runtime_sandboxes.bubblewrap import BubblewrapSandbox
from agent_runtime_sandboxes.choice import choose_sandbox
from agent_runtime_sandboxes.docker import DockerSandbox
from agent_runtime_sandboxes.process import ProcessSandbox

__all__ = ["BubblewrapSandbox", "DockerSandbox", "ProcessSandbox", "choose_sandbox"]
