"""Workbooks: every visible sheet that holds a table, with merged cells filled and the shown form of codes kept.

openpyxl reads .xlsx a row at a time, with formats; calamine reads .xls, .xlsb and .ods, values only. Formulas are
never computed: the value that was stored with them is taken, and one without any is an error that says so.
"""

import itertools
import re
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError, iterparse

import duckdb

from agent_runtime_tools.table_names import TableError
from agent_runtime_tools.tables.cells import shown
from agent_runtime_tools.tables.containers import Plain
from agent_runtime_tools.tables.layout import Layout, find_layout
from agent_runtime_tools.tables.settings import FileSettings
from agent_runtime_tools.tables.spool import cell_text, spool_rows, spooled_reader
from agent_runtime_tools.tables.staged import Staged, stage
from agent_runtime_tools.tables.types import Doubt, LeftOut

HEAD_ROWS = 200
MAX_XML_BYTES = 4 * 2**30  # of one sheet unpacked
MAX_RATIO = 400  # the XML of sheets packs well; bombs start at 1,000
SMALL_BYTES = 64 * 2**20
CODE_FORMAT = re.compile(r"0{2,}")
RANGE = re.compile(r"([A-Z]+)(\d+):([A-Z]+)(\d+)")

Cells = list[object]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet to read. `merged` are (first row, first column, last row, last column), counted from 0."""

    title: str
    rows: Iterator[Sequence[object]]
    merged: tuple[tuple[int, int, int, int], ...] = ()
    n_unstored: int = 0  # formulas without a stored value
    n_hidden_rows: int = 0


def stage_workbook(
    database: duckdb.DuckDBPyConnection, plain: Plain, folder: Path, settings: FileSettings
) -> Iterator[Staged]:
    """Stage the visible sheets one after the other.

    Raises:
        TableError: It is no workbook, or locked, or its formulas have no stored values.
    """
    is_modern = plain.ending in {".xlsx", ".xlsm"}
    try:
        sheets, hidden = _modern(plain) if is_modern else _other(plain)
        for number, sheet in enumerate(sheets):
            if sheet.n_unstored:
                raise TableError(
                    f"{plain.name!r} sheet {sheet.title!r} has {sheet.n_unstored} formulas without a stored value: "
                    "open and save it in Excel or LibreOffice, then try again"
                )
            note = f"hidden sheets are left out: {', '.join(hidden)}" if hidden and not number else ""
            staged = _stage_sheet(database, plain, sheet, folder, settings, note)
            if staged is not None:
                yield staged
    except (MemoryError, TableError, duckdb.Error):
        raise
    except Exception:  # whatever a damaged archive or its XML raises
        raise TableError(
            f"{plain.name!r} is no readable workbook (damaged, or protected by a password): save it as plain .xlsx"
        ) from None


def _modern(plain: Plain) -> tuple[Iterator[Sheet], list[str]]:
    import openpyxl  # noqa: PLC0415 - it takes 0.2 s to import, and few tasks bring a workbook

    _check_size(plain)
    file = plain.path.open("rb")  # by its bytes: openpyxl refuses a path with another ending
    try:
        book = openpyxl.load_workbook(file, read_only=True, data_only=True)
    except BaseException:
        file.close()
        raise
    hidden = [sheet.title for sheet in book.worksheets if sheet.sheet_state != "visible"]
    visible = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]

    def sheets() -> Iterator[Sheet]:
        with closing(file), closing(book), zipfile.ZipFile(plain.path) as archive:
            for sheet in visible:
                merged, n_unstored, n_hidden = _survey(archive, sheet._worksheet_path)
                title = plain.stem if len(visible) == 1 else sheet.title
                yield Sheet(title, _valued(sheet), merged, n_unstored, n_hidden)

    return sheets(), hidden


def _check_size(plain: Plain) -> None:
    with zipfile.ZipFile(plain.path) as archive:
        for info in archive.infolist():
            is_bomb = info.file_size > SMALL_BYTES and info.file_size > MAX_RATIO * max(1, info.compress_size)
            if is_bomb or info.file_size > MAX_XML_BYTES:
                raise TableError(
                    f"{plain.name!r} unpacks to {info.file_size >> 20} MiB: save the table as .csv"
                )


def _survey(archive: zipfile.ZipFile, path: str) -> tuple[tuple[tuple[int, int, int, int], ...], int, int]:
    """Merged ranges, formulas without a value, hidden rows: what openpyxl does not tell while it streams."""
    merged: list[tuple[int, int, int, int]] = []
    n_unstored = n_hidden = 0
    with archive.open(path.lstrip("/")) as source:
        try:
            for _, element in iterparse(source):  # noqa: S314 - expat refuses what expands without end
                tag = element.tag.rpartition("}")[2]
                if tag == "mergeCell" and (match := RANGE.fullmatch(element.get("ref", ""))):
                    merged.append(_numbers(match))
                elif tag == "c":
                    parts = {child.tag.rpartition("}")[2]: child.text for child in element}
                    n_unstored += "f" in parts and parts.get("v") is None and "is" not in parts
                elif tag == "row":
                    n_hidden += element.get("hidden") in {"1", "true"}
                    element.clear()
        except ParseError:
            pass  # openpyxl says what is wrong with it
    return tuple(merged), n_unstored, n_hidden


def _numbers(match: re.Match[str]) -> tuple[int, int, int, int]:
    first, top, last, bottom = match.groups()
    return int(top) - 1, _column(first), int(bottom) - 1, _column(last)


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


def _valued(sheet: Any) -> Iterator[Cells]:  # noqa: ANN401 - openpyxl is not typed
    """Rows at their places, cells as a reader of the sheet sees codes."""
    expected = 1
    for row in sheet.iter_rows():
        first = next((cell.row for cell in row if getattr(cell, "row", None)), expected)
        for _ in range(expected, first):
            yield []
        expected = first + 1
        yield [_value(cell) for cell in row]


def _value(cell: Any) -> object:  # noqa: ANN401
    value = cell.value
    if isinstance(value, int) and not isinstance(value, bool):
        form = cell.number_format
        if form and CODE_FORMAT.fullmatch(form):
            return str(value).zfill(len(form))
    return value


def _other(plain: Plain) -> tuple[Iterator[Sheet], list[str]]:
    import python_calamine  # noqa: PLC0415 - old workbooks are rare

    with plain.path.open("rb") as file:
        book = python_calamine.CalamineWorkbook.from_filelike(file)
    visible = [
        meta.name for meta in book.sheets_metadata if meta.visible == python_calamine.SheetVisibleEnum.Visible
    ]
    hidden = [meta.name for meta in book.sheets_metadata if meta.name not in visible]

    def sheets() -> Iterator[Sheet]:
        for name in visible:
            sheet = book.get_sheet_by_name(name)
            title = plain.stem if len(visible) == 1 else name
            merged = tuple((a[0], a[1], b[0], b[1]) for a, b in sheet.merged_cell_ranges or ())
            rows = (
                [None if cell == "" else cell for cell in row]
                for row in sheet.to_python(skip_empty_area=False)
            )
            yield Sheet(title, rows, merged)

    return sheets(), hidden


def _stage_sheet(
    database: duckdb.DuckDBPyConnection,
    plain: Plain,
    sheet: Sheet,
    folder: Path,
    settings: FileSettings,
    note: str,
) -> Staged | None:
    rows = _filled(sheet.rows, sheet.merged)
    head = list(itertools.islice(rows, HEAD_ROWS))
    texts = [[cell_text(cell) for cell in row] for row in head]
    if not any(cell for row in texts for cell in row):
        return None
    settled = None if settings.header is None else settings.header - 1
    layout = find_layout(texts, settled)
    spool = folder / "spool.csv"
    spooled = spool_rows(itertools.chain(head[layout.first_row :], rows), spool, len(layout.names))
    if not spooled.n_rows:
        return None
    n_rows = stage(database, spooled_reader(spooled.width), [str(spool)], spooled.width)
    spool.unlink()
    return _described(database, plain, sheet, layout, texts, spooled.width, n_rows, spooled.numeric, note)


def _filled(rows: Iterator[Sequence[object]], merged: Sequence[tuple[int, int, int, int]]) -> Iterator[Cells]:
    """Rows with the value of a merged range in each of its cells; one across the whole sheet is a title."""
    held: dict[tuple[int, int, int, int], object] = {}
    by_row: dict[int, list[tuple[int, int, int, int]]] = {}
    for area in merged:
        for number in range(area[0], min(area[2], area[0] + 100_000) + 1):
            by_row.setdefault(number, []).append(area)
    for number, row in enumerate(rows):
        cells = list(row)
        for area in by_row.get(number, ()):
            top, left, _, right = area
            if number == top:
                held[area] = cells[left] if left < len(cells) else None
            others = [c for i, c in enumerate(cells) if not left <= i <= right and c is not None]
            if not others and right > left:
                continue
            cells += [None] * (right + 1 - len(cells))
            cells[left : right + 1] = [held.get(area)] * (right + 1 - left)
        yield cells


def _described(
    database: duckdb.DuckDBPyConnection,
    plain: Plain,
    sheet: Sheet,
    layout: Layout,
    texts: Sequence[Sequence[str]],
    width: int,
    n_rows: int,
    numeric: frozenset[int],
    note: str,
) -> Staged:
    names = layout.names + ("",) * (width - len(layout.names))
    names = tuple(name.removesuffix(" 00:00:00") for name in names)
    kept = _kept_columns(database, names)
    first = layout.group if layout.group >= 0 else layout.header
    above = texts[: first if first >= 0 else layout.first_row]
    left_out = tuple(
        LeftOut(f"row {i + 1}", shown(list(row)), "above the header")
        for i, row in enumerate(above)
        if any(row)
    )
    doubts = (Doubt("", layout.doubt, (f"{plain.name}=header:none",)),) if layout.doubt else ()
    hidden = f"{sheet.n_hidden_rows} hidden rows are in the table" if sheet.n_hidden_rows else ""
    merged = (
        "cells that are merged over several rows have their value in each" if _has_tall(sheet, layout) else ""
    )
    return Staged(
        name=sheet.title,
        names=tuple(names[i] for i in kept),
        n_rows=n_rows,
        numeric=frozenset(kept.index(i) for i in numeric if i in kept),
        left_out=left_out,
        doubts=doubts,
        notes=tuple(filter(None, (note, hidden, merged))),
        container=" in ".join(filter(None, [f"sheet of {plain.ending[1:]}", plain.container])),
        header=f"row {layout.header + 1}" if layout.header >= 0 else "",
    )


def _has_tall(sheet: Sheet, layout: Layout) -> bool:
    return any(area[2] > area[0] and area[2] >= layout.first_row for area in sheet.merged)


def _kept_columns(database: duckdb.DuckDBPyConnection, names: Sequence[str]) -> list[int]:
    """Columns with a name or a value; the staged table gets these alone."""
    counts = database.execute(
        f"SELECT {', '.join(f'count(c{i})' for i in range(len(names)))} FROM stage.cells"
    ).fetchone()
    assert counts is not None
    kept = [i for i, name in enumerate(names) if name or counts[i]]
    if len(kept) < len(names):
        listed = ", ".join(f"c{i} AS k{n}" for n, i in enumerate(kept))
        renamed = ", ".join(f"k{n} AS c{n}" for n in range(len(kept)))
        database.execute(
            f"CREATE OR REPLACE TABLE stage.cells AS SELECT {renamed} FROM (SELECT {listed} FROM stage.cells)"
        )
    return kept
