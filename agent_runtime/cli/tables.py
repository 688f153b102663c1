"""`agent-runtime tables`: how each file would be read, before anything is asked about it."""

import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from agent_runtime.assembly import Reading

READ_HELP = "Settle how a column or a file is read: FILE.COLUMN=date:dmy, FILE=header:none. Repeatable."


def tables(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Table files.", show_default=False)],
    read: Annotated[
        list[str] | None, typer.Option("--read", metavar="FILE.COLUMN=READING", help=READ_HELP)
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else on stdout.")
    ] = False,
) -> None:
    """Show how files are read: encoding, header, rows left out, types, and what is in doubt."""
    import anyio  # noqa: PLC0415  (--help needs none of it)

    from agent_runtime.assembly import read_tables  # noqa: PLC0415

    readings = anyio.run(read_tables, tuple(files), tuple(read or ()))
    if as_json:
        sys.stdout.write(
            json.dumps([dataclasses.asdict(each) for each in readings], ensure_ascii=False) + "\n"
        )
        return
    from rich.console import Console  # noqa: PLC0415

    console = Console()
    for reading in readings:
        _show(console, reading)


def _show(console: "Console", reading: "Reading") -> None:
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from agent_runtime.terminal.printable import printable  # noqa: PLC0415

    console.print(
        Text(printable(f"{reading.table} ({reading.n_rows} rows) from {reading.file}"), style="bold")
    )
    console.print(Text(printable(f"  {_manner(reading)}")))
    grid = Table("column", "type", "read as", box=None, pad_edge=True, header_style="dim")
    for column in reading.columns:
        said = "; ".join([column.reading, *column.notes, *([column.misordered] if column.misordered else [])])
        grid.add_row(*(Text(printable(cell)) for cell in (column.name, column.kind, said)))
    console.print(grid)
    for row in reading.left_out:
        console.print(Text(printable(f"  left out: {row.where} ({row.text}): {row.why}")))
    for note in reading.notes:
        console.print(Text(printable(f"  note: {note}")))
    for doubt in reading.doubts:
        console.print(Text(printable(f"  ? {doubt.text}"), style="yellow"))
        for setting in doubt.settle:
            console.print(Text(printable(f"    → --read '{setting}'"), style="yellow"))
    console.print()


def _manner(reading: "Reading") -> str:
    delimiter = {"\t": "tab", "  ": "blanks", ",": "comma", ";": "semicolon"}.get(
        reading.delimiter, repr(reading.delimiter)
    )
    parts = [
        reading.container,
        reading.encoding,
        f"delimiter {delimiter}" if reading.delimiter else "",
        f"header {reading.header}" if reading.header else "no header",
    ]
    return ", ".join(part for part in parts if part)
