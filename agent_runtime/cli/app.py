"""`agent-runtime`: the commands, and how every one of them ends.

Exit codes: 0 answered, 1 no answer found, 2 bad input, 3 a part failed, 130 interrupted. An error is one line on
stderr; a traceback is shown for `--debug` alone.
"""

import gc
import io
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from agent_runtime.cli.calibrate import calibrate
from agent_runtime.cli.checkout import PLACES, add_from_checkout
from agent_runtime.cli.clean import clean
from agent_runtime.cli.debug import debug
from agent_runtime.cli.doctor import doctor
from agent_runtime.cli.export import export
from agent_runtime.cli.replay import replay
from agent_runtime.cli.resume import resume
from agent_runtime.cli.review import review
from agent_runtime.cli.solve import solve
from agent_runtime.cli.tables import tables
from agent_runtime.cli.trace_flow import trace_flow
from agent_runtime.errors import AgentRuntimeError, ConfigError

DISTRIBUTION = "lrm-runtime"
BAD_INPUT, PART_FAILED, INTERRUPTED = 2, 3, 130
# Objects between two garbage collections. Importing torch and transformers makes 600,000 that stay: looking for
# garbage among them every 700 took a sixth of the time.
GC_THRESHOLD = 100_000

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
for command in (solve, trace_flow, debug, tables, resume, replay, review, export, calibrate, doctor, clean):
    app.command()(command)
for name in PLACES:
    add_from_checkout(app, name)


def _show_version(is_wanted: bool) -> None:
    if is_wanted:
        from importlib.metadata import version  # noqa: PLC0415  (slow to import)

        sys.stdout.write(f"agent-runtime {version(DISTRIBUTION)}\n")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Think, check each step with a tool, backtrack at dead ends, answer with evidence."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and end the process with its exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    gc.set_threshold(GC_THRESHOLD)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # no text may end a run because a terminal cannot show it
            stream.reconfigure(errors="backslashreplace")
    try:
        app(list(arguments), prog_name="agent-runtime")
    except AgentRuntimeError as error:
        if "--debug" in arguments:
            raise
        _fail(str(error), BAD_INPUT if isinstance(error, ConfigError) else PART_FAILED)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:  # the outermost edge
        if "--debug" in arguments:
            raise
        _fail(f"{type(error).__name__}: {error} (this is a defect; --debug shows where)", PART_FAILED)


def _fail(message: str, exit_code: int) -> None:
    """One line on stderr, with nothing in it that a terminal would act on."""
    from agent_runtime.terminal.printable import printable  # noqa: PLC0415  (--help needs none of it)

    sys.stderr.write(f"error: {printable(' '.join(message.split()))}\n")
    sys.exit(exit_code)
