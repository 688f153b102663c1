"""`python -m agent_runtime.models.embedded [GGUF]`: fetch the weights now, so that later runs need no network."""

import sys
from pathlib import Path

from agent_runtime.errors import AgentRuntimeError, ConfigError
from agent_runtime.models.embedded.progress import progress
from agent_runtime.models.embedded.weights import embedded_folder


def main() -> int:
    """Fetch, convert, and say where the weights are."""
    gguf = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    try:
        with progress() as report:
            folder = embedded_folder(report, gguf)
    except AgentRuntimeError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2 if isinstance(error, ConfigError) else 3
    sys.stdout.write(f"{folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
