"""`agent-runtime trace-flow`: tables of transfers and a name in; where the money went, by whom, and the rows, out."""

import json
import sys
import tempfile
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent_runtime.errors import InputError, PartError

if TYPE_CHECKING:
    from agent_runtime.jobs.cashflow.reasoning import Reasoning
    from agent_runtime.jobs.cashflow.types import Report
    from agent_runtime.types import Answer

TRACED_NOTHING = 1


def trace_flow(
    tables: Annotated[
        list[str],
        typer.Argument(
            metavar="TABLE...",
            help="Transfers: .csv, .xlsx, .parquet, .sqlite or .duckdb; FILE#NAME for a sheet or table in it.",
            show_default=False,
        ),
    ],
    source: Annotated[
        str, typer.Option("--from", metavar="NAME", help="Whose money to follow.", show_default=False)
    ],
    target: Annotated[
        str | None, typer.Option("--to", metavar="NAME", help="Did any reach it, and how?")
    ] = None,
    method: Annotated[str, typer.Option(metavar="RULE", help="fifo, pro-rata or libr.")] = "fifo",
    since: Annotated[
        str | None, typer.Option(metavar="DAY", help="Follow what was sent from this day on.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="DAY", help="Stop at the end of this day.")] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="[FILE:]ROLE=COLUMN", help="Say what a column is. Repeatable."),
    ] = None,
    limit: Annotated[str, typer.Option(metavar="AMOUNT", help="Structuring stays below this.")] = "10000",
    days: Annotated[
        int, typer.Option(metavar="N", min=0, help="Pass-through accounts rest money so long.")
    ] = 5,
    report: Annotated[Path | None, typer.Option(metavar="DIR", help="Write the report folder here.")] = None,
    ask: Annotated[
        bool, typer.Option("--ask/--no-model", help="Let the model reason over the traced rows too.")
    ] = True,
    question: Annotated[
        str | None, typer.Option(metavar="TEXT", help="A question of your own for the model.")
    ] = None,
    model: Annotated[str | None, typer.Option(metavar="SPEC", help="As for `solve`. [embedded]")] = None,
    max_seconds: Annotated[float, typer.Option(metavar="S", help="Of the trace, without the model.")] = 600.0,
    max_memory: Annotated[
        float | None, typer.Option(metavar="GB", help="Of the trace. [8, or half of the machine's if less]")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else.")
    ] = False,
) -> None:
    """Follow the money: what became of everything that NAME paid out, to the cent and to the row."""
    import anyio  # noqa: PLC0415  (--help needs none of it)

    from agent_runtime.jobs.cashflow.process import run_trace  # noqa: PLC0415
    from agent_runtime.jobs.cashflow.types import METHODS, MODEL_FILE, REPORT_FILES, TraceRequest  # noqa: PLC0415

    chosen = next((known for known in METHODS if known == method), None)
    if chosen is None:
        raise InputError(f"--method {method!r}: it must be one of {', '.join(METHODS)}")
    request = TraceRequest(
        tables=tuple(tables),
        source=source,
        target=target,
        method=chosen,
        since=since,
        until=until,
        columns=_columns(columns or []),
        limit=limit,
        days=days,
    )
    asks = ask or question is not None
    with tempfile.TemporaryDirectory(prefix="agent-runtime-flow-") as folder:
        files = Path(folder)
        with _patience(as_json):
            memory_bytes = None if max_memory is None else int(max_memory * 2**30)
            wanted = (*(REPORT_FILES if report else ()), *((MODEL_FILE,) if asks else ()))
            found = anyio.run(run_trace, request, files, max_seconds, memory_bytes, wanted)
        if not as_json:
            _show(found)
        reasoning = _reason(found, files, question, model, as_json) if asks else None
        page = _write(found, files, report, reasoning)
    if as_json:
        sys.stdout.write(_json(found, reasoning, page))
    elif page is not None:
        sys.stdout.write(f"report: {page}\n")
    raise typer.Exit(0 if found.result.totals else TRACED_NOTHING)


def _columns(settings: list[str]) -> dict[str, str]:
    """`ROLE=COLUMN` pairs; the last of several for one role counts."""
    chosen = {}
    for setting in settings:
        role, equals, column = setting.partition("=")
        if not equals or not role.strip() or not column.strip():
            raise InputError(f"--map {setting!r}: write ROLE=COLUMN, such as payer='From Account'")
        chosen[role.strip()] = column.strip()
    return chosen


def _patience(as_json: bool) -> AbstractContextManager[object]:
    """A spinner on a terminal while the trace runs."""
    from rich.console import Console  # noqa: PLC0415

    console = Console(stderr=True)
    return nullcontext() if as_json or not console.is_terminal else console.status("tracing")


def _show(found: "Report") -> None:
    from rich.console import Console  # noqa: PLC0415

    from agent_runtime.cli.flow_screen import flow_screen  # noqa: PLC0415

    Console().print(flow_screen(found.result))


def _reason(
    found: "Report", files: Path, question: str | None, model: str | None, as_json: bool
) -> "Reasoning | None":
    """Ask the reasoning loop; a model that cannot be had takes nothing from the trace."""
    from agent_runtime.assembly import open_runtime  # noqa: PLC0415
    from agent_runtime.cli.following import answer_of, view_for  # noqa: PLC0415
    from agent_runtime.config import RunConfig  # noqa: PLC0415
    from agent_runtime.jobs.cashflow.reasoning import Reasoning, compare, question_of  # noqa: PLC0415

    if not found.result.movements:
        return None
    asked = question or question_of(found.result)
    config = RunConfig.load({"model": model})
    try:
        answer: Answer | None = answer_of(
            lambda: open_runtime(config),
            lambda runtime: runtime.stream(runtime.new_task(asked, (files / "transfers.csv",))),
            view_for(as_json=as_json),
        )
    except PartError as error:
        sys.stderr.write(f"the model could not be asked, the trace stands by itself: {error}\n")
        return None
    return None if answer is None else Reasoning(asked, answer, compare(answer, found.result))


def _write(found: "Report", files: Path, report: Path | None, reasoning: "Reasoning | None") -> Path | None:
    if report is None:
        return None
    from agent_runtime.jobs.cashflow.report import write_report  # noqa: PLC0415

    return write_report(found, files, report, reasoning)


def _json(found: "Report", reasoning: "Reasoning | None", page: Path | None) -> str:
    """Amounts in whole minor units, `digits` says of how many decimals."""
    from pydantic import TypeAdapter  # noqa: PLC0415

    from agent_runtime.jobs.cashflow.reasoning import Reasoning  # noqa: PLC0415
    from agent_runtime.jobs.cashflow.types import Report  # noqa: PLC0415

    document = TypeAdapter(Report).dump_python(found, mode="json")
    document["reasoning"] = TypeAdapter(Reasoning | None).dump_python(reasoning, mode="json")
    document["report"] = None if page is None else str(page)
    return json.dumps(document, indent=2) + "\n"
