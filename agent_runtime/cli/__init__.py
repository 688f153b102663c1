"""The command line. What a command runs is imported when it runs, so that `--help` is there at once."""

from agent_runtime.cli.app import main

__all__ = ["main"]
