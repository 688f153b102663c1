"""`agent-runtime debug`: a failing command or a pasted traceback in; root cause, verified fix and evidence out."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent_runtime.errors import InputError

if TYPE_CHECKING:
    from agent_runtime.jobs.debugging.types import Report

NO_FIX = 1
MODEL_ACTIONS = 4  # of the model's own chain, before the enumerated edits are tried
MAX_LOG_BYTES = 16 * 2**20


def debug(
    command: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="-- COMMAND...", help="The failing command, as you run it.", show_default=False
        ),
    ] = None,
    traceback: Annotated[
        Path | None, typer.Option("--traceback", metavar="FILE", help="Read this log instead; - is stdin.")
    ] = None,
    repo: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The program's folder. [the current one for a command]")
    ] = None,
    image: Annotated[
        str | None, typer.Option(metavar="NAME", help="A Docker image that has what the program needs.")
    ] = None,
    about: Annotated[
        str, typer.Option(metavar="TEXT", help="What the program should do; >>> examples are used.")
    ] = "",
    model: Annotated[str | None, typer.Option(metavar="SPEC", help="As for `solve`. [embedded]")] = None,
    ask: Annotated[
        bool, typer.Option("--ask/--no-model", help="Let the model rank the edits and think on its own.")
    ] = True,
    sandbox: Annotated[
        str | None, typer.Option(metavar="KIND", help="docker, bubblewrap, process or auto. [auto]")
    ] = None,
    max_seconds: Annotated[float, typer.Option(metavar="S", help="Of the search for a fix.")] = 60.0,
    run_seconds: Annotated[float, typer.Option(metavar="S", help="Of one run of the command.")] = 10.0,
    min_confidence: Annotated[
        float | None,
        typer.Option(metavar="C", help="Call an edit that passes a fix above this confidence. [0.5]"),
    ] = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Write the fix into your files, after asking.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --apply: do not ask.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else.")
    ] = False,
) -> None:
    """Debug a failing program in a sandbox: what is wrong, why, and an edit that makes it pass."""
    if (traceback is None) == (not command):
        raise InputError(
            "give either a command after `--` or --traceback FILE, such as: debug -- python main.py"
        )
    folder = repo or Path.cwd()
    if traceback is not None:
        from agent_runtime.jobs.debugging.job import diagnose  # noqa: PLC0415

        report = diagnose(_read_log(traceback), repo)
    else:
        settings = {
            "model": model,
            "sandbox": sandbox,
            "sandbox_image": image,
            "min_confidence": min_confidence,
        }
        report = _run(tuple(command or ()), folder, about, settings, ask, max_seconds, run_seconds)
    _show(report, as_json=as_json)
    if apply:
        _apply(report, folder, is_asked=not yes)
    is_done = report.fix is not None or report.cause.kind == "no failure" or traceback is not None
    raise typer.Exit(0 if is_done else NO_FIX)


def _run(
    command: tuple[str, ...],
    folder: Path,
    about: str,
    settings: dict[str, str | float | None],
    ask: bool,
    max_seconds: float,
    run_seconds: float,
) -> "Report":
    import anyio  # noqa: PLC0415  (--help needs none of it)

    from agent_runtime.assembly import open_workshop  # noqa: PLC0415
    from agent_runtime.config import RunConfig  # noqa: PLC0415
    from agent_runtime.jobs.debugging.hypotheses import Limits  # noqa: PLC0415
    from agent_runtime.jobs.debugging.job import DebugRequest  # noqa: PLC0415
    from agent_runtime.jobs.debugging.job import debug as debug_program  # noqa: PLC0415
    from agent_runtime.jobs.debugging.verdict import MIN_CONFIDENCE  # noqa: PLC0415

    if settings["sandbox_image"]:
        if settings["sandbox"] not in (None, "auto", "docker"):
            raise InputError(f"--image is for docker; leave --sandbox {settings['sandbox']} out")
        settings = {**settings, "sandbox": "docker"}
    config = RunConfig.load(dict(settings))
    limits = Limits(seconds=max_seconds)
    is_set = "min_confidence" in config.model_fields_set  # its default is meant for answers
    sure = config.min_confidence if is_set else MIN_CONFIDENCE
    request = DebugRequest(
        command=command,
        folder=folder,
        words=about,
        run_seconds=run_seconds,
        limits=limits,
        n_model_actions=MODEL_ACTIONS if ask else 0,
        min_confidence=sure,
    )

    async def work() -> "Report":
        async with open_workshop(config, folder, has_model=ask) as workshop:
            return await debug_program(request, workshop)

    return anyio.run(work)


def _read_log(path: Path) -> str:
    """The text of a log, however it is encoded.

    Raises:
        InputError: It cannot be read.
    """
    try:
        if str(path) == "-":
            return sys.stdin.buffer.read(MAX_LOG_BYTES).decode("utf-8", "replace")
        with path.open("rb") as file:
            return file.read(MAX_LOG_BYTES).decode("utf-8", "replace")
    except OSError as error:
        raise InputError(f"the log {str(path)!r} cannot be read: {error}") from None


def _show(report: "Report", *, as_json: bool) -> None:
    from agent_runtime.jobs.debugging.job import as_data  # noqa: PLC0415
    from agent_runtime.jobs.debugging.report import as_text  # noqa: PLC0415
    from agent_runtime.terminal.printable import printable  # noqa: PLC0415

    if as_json:
        sys.stdout.write(json.dumps(as_data(report), indent=2) + "\n")
        return
    for line in as_text(report).split("\n")[:-1]:
        sys.stdout.write(f"{printable(line)}\n")


def _apply(report: "Report", folder: Path, *, is_asked: bool) -> None:
    """Write the fix where the file still is as it was copied.

    Raises:
        InputError: The file has changed since, or cannot be written.
    """
    from agent_runtime.jobs.debugging.job import apply_fix  # noqa: PLC0415

    if report.fix is None:
        sys.stderr.write("no fix is established; nothing was written\n")
        return
    name = report.fix.candidate.file
    if is_asked and not typer.confirm(f"write this change into {folder / name}?", err=True):
        return
    apply_fix(report.fix, folder)
    sys.stderr.write(f"changed {folder / name}\n")
