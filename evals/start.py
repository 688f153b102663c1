"""How long a start takes: importing the package, and `solve` from the warm cache to its first line and first token.

Each run is a fresh process; seconds count from before it is started. The first token is the first that is drawn from
the model's logits: tokens that the grammar forces come earlier.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

from agent_runtime.models.local import LocalModel
from agent_runtime.types import Completion, Request

QUESTION = "What is the total amount of overdue?"
TABLE = "examples/invoices.csv"
MARK = "first token at "
IMPORT = "import time; t = time.perf_counter(); import agent_runtime; print(time.perf_counter() - t)"


def first_token() -> None:
    """Run `solve` in this process; the time of day of the first drawn token goes to stderr."""
    model: Any = LocalModel
    generate = model.generate

    async def timed(self: LocalModel, requests: Sequence[Request]) -> list[Completion]:
        await (
            self.card()
        )  # imports the engine: an import at the top would load it sooner than a user's start does
        from agent_runtime.engine.requests import RunningRequest

        running: Any = RunningRequest
        write = running.write

        def marked(self: RunningRequest, token: int, logprob: float) -> bool:
            sys.stderr.write(f"{MARK}{time.time()}\n")
            running.write = write
            return bool(write(self, token, logprob))

        running.write = marked
        model.generate = generate
        return list(await generate(self, requests))

    model.generate = timed
    from agent_runtime.cli import main

    main(["solve", QUESTION, "--table", TABLE])


def measure() -> tuple[float, float, float]:
    """Seconds of one import of the package; from a start of `solve` to its first line; to its first token."""
    done = subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True)
    started = time.time()
    command = [sys.executable, "-m", "evals.start", "--child"]
    pipe: Any = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.readline()
        header = time.time() - started
        token = next(float(line.removeprefix(MARK)) for line in child.stderr if line.startswith(MARK))
        child.kill()
    return float(done.stdout), header, token - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        first_token()
        return
    measure()  # warms the disk cache
    runs = [measure() for _ in range(arguments.runs)]
    names = ("import agent_runtime", "solve: first line", "solve: first token")
    for name, seconds in zip(names, zip(*runs, strict=True), strict=True):
        print(f"{name:22} {statistics.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f})")


if __name__ == "__main__":
    main()
