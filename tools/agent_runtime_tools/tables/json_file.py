"""JSON: records, one a line or in a list; else the shapes that programs write instead of records.

DuckDB says what every key holds all through the file, so a key or a fraction that comes late is found. Plain values
are read as text is, nested ones keep their structure. Numbers with more digits than a double holds are read by
Python, digit for digit.
"""

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from agent_runtime_tools.table_names import TableError, literal, quoted
from agent_runtime_tools.tables.containers import Plain
from agent_runtime_tools.tables.encoding import find_encoding, rewrite
from agent_runtime_tools.tables.json_shapes import Shape, find_shape
from agent_runtime_tools.tables.spool import plainly_named, spool_rows, spooled_reader
from agent_runtime_tools.tables.staged import STAGE, Staged, count, stage
from agent_runtime_tools.tables.types import Doubt

MAX_WHOLE_BYTES = 256 * 2**20  # what Python reads at once
MAX_OBJECT_BYTES = 64 * 2**20
NUMBERS = frozenset({"DOUBLE", "BIGINT", "UBIGINT", "HUGEINT", "UHUGEINT"})
INEXACT = frozenset({"DOUBLE", "JSON"})
LONG_NUMBER = r"[0-9][0-9.]{15,}"
MANY_KEYS = 10_000

Structure = Any  # of one key: a type name, or an object or a list of such


def stage_json(database: duckdb.DuckDBPyConnection, plain: Plain, folder: Path) -> Staged:
    """Stage one JSON file.

    Raises:
        TableError: It holds no records, in no shape that is known.
    """
    path = plain.path
    encoding = find_encoding(path, plain.name)
    if encoding.name != "utf-8":
        path = folder / "text.json"
        rewrite(plain.path, path, encoding)
    link = plainly_named(path, folder)
    structure, n_records, has_long = _structure(database, link, plain.name)
    if not isinstance(structure, dict) or (n_records == 1 and _is_object(path)):
        shape = find_shape(_whole(path, plain.name))
        if shape is not None:
            return _spooled(database, plain, shape, folder, encoding.name)
        if not isinstance(structure, dict):
            raise TableError(f"{plain.name!r} holds no records: give a list of objects, or one object a line")
    if has_long and any(_is_one_of(kind, INEXACT) for kind in structure.values()):
        return _stage_exactly(database, plain, path, structure, folder, encoding.name)
    return _stage_records(database, plain, link, structure, encoding.name)


def _structure(database: duckdb.DuckDBPyConnection, link: Path, name: str) -> tuple[Structure, int, bool]:
    """What the keys hold all through the file, how many records there are, whether a number is very long."""
    row = database.execute(
        f"SELECT json_group_structure(json), count(*), bool_or(regexp_matches(json, '{LONG_NUMBER}'))"
        f" FROM read_json_objects(?, maximum_object_size = {MAX_OBJECT_BYTES})",
        [str(link)],
    ).fetchone()
    if row is None or row[0] is None:
        raise TableError(f"{name!r} holds no records: give a list of objects, or one object a line")
    return json.loads(row[0]), int(row[1]), bool(row[2])


def _is_object(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")


def _whole(path: Path, name: str) -> object:
    if path.stat().st_size > MAX_WHOLE_BYTES:
        raise TableError(f"{name!r} is too big for its shape: write one object a line (.jsonl)")
    try:
        return json.loads(path.read_bytes(), parse_float=Decimal)
    except (ValueError, RecursionError):
        return None


def _stage_records(
    database: duckdb.DuckDBPyConnection,
    plain: Plain,
    link: Path,
    structure: Mapping[str, Structure],
    encoding: str,
) -> Staged:
    try:
        _read_records(database, link, structure, "BIGINT")
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error:  # a nested number is longer than that
        _read_records(database, link, structure, "HUGEINT")
    names = tuple(structure)
    nested = frozenset(i for i, kind in enumerate(structure.values()) if _is_nested(kind))
    return Staged(
        name=plain.stem,
        names=names,
        n_rows=count(database),
        typed=nested,
        numeric=frozenset(i for i, kind in enumerate(structure.values()) if _is_one_of(kind, NUMBERS)),
        container=" in ".join(filter(None, ["JSON", plain.container])),
        encoding=encoding,
        header="keys",
    )


def _read_records(
    database: duckdb.DuckDBPyConnection, link: Path, structure: Mapping[str, Structure], whole: str
) -> None:
    columns = ", ".join(
        f"{literal(key)}: {literal(_kind(kind, whole) if _is_nested(kind) else 'VARCHAR')}"
        for key, kind in structure.items()
    )
    cells = ", ".join(
        f"{quoted(key)} AS c{i}" if _is_nested(kind) else f"nullif(trim({quoted(key)}), '') AS c{i}"
        for i, (key, kind) in enumerate(structure.items())
    )
    database.execute(
        f"CREATE OR REPLACE TABLE {STAGE} AS SELECT {cells} FROM read_json(?, columns = {{{columns}}},"
        f" records = true, maximum_object_size = {MAX_OBJECT_BYTES})",
        [str(link)],
    )


def _is_one_of(structure: Structure, kinds: frozenset[str]) -> bool:
    return isinstance(structure, str) and structure in kinds


def _is_nested(structure: Structure) -> bool:
    return isinstance(structure, dict | list) and bool(structure)


def _kind(structure: Structure, whole: str) -> str:
    """A DuckDB type for what a key holds."""
    if isinstance(structure, list):
        return f"{_kind(structure[0], whole)}[]" if structure else "JSON[]"
    if isinstance(structure, dict):
        if not structure or len(structure) > MANY_KEYS:
            return "JSON"
        return (
            f"STRUCT({', '.join(f'{quoted(key)} {_kind(part, whole)}' for key, part in structure.items())})"
        )
    return {"UBIGINT": whole, "NULL": "VARCHAR"}.get(structure, str(structure))


def _stage_exactly(
    database: duckdb.DuckDBPyConnection,
    plain: Plain,
    path: Path,
    structure: Mapping[str, Structure],
    folder: Path,
    encoding: str,
) -> Staged:
    """Read by Python, with every digit of every number."""
    names = tuple(structure)
    doubts = tuple(
        Doubt(name, f"{name} is nested and stays JSON text; its long fractions keep 17 digits")
        for name, kind in structure.items()
        if _is_nested(kind)
    )
    rows = ([record.get(name) for name in names] for record in _exact_records(path, plain.name))
    shape = Shape(names, rows, "numbers of more than 15 digits are read digit for digit")
    return _spooled(database, plain, shape, folder, encoding, doubts)


def _spooled(
    database: duckdb.DuckDBPyConnection,
    plain: Plain,
    shape: Shape,
    folder: Path,
    encoding: str,
    doubts: tuple[Doubt, ...] = (),
) -> Staged:
    spool = folder / "spool.csv"
    spooled = spool_rows(([_flat(value) for value in row] for row in shape.rows), spool, len(shape.names))
    n_rows = stage(database, spooled_reader(spooled.width), [str(spool)], spooled.width)
    spool.unlink()
    return Staged(
        name=plain.stem,
        names=shape.names + ("",) * (spooled.width - len(shape.names)),
        n_rows=n_rows,
        numeric=spooled.numeric,
        doubts=doubts,
        notes=(shape.words,),
        container=" in ".join(filter(None, ["JSON", plain.container])),
        encoding=encoding,
        header="keys",
    )


def _flat(value: object) -> object:
    return json.dumps(value, default=float, ensure_ascii=False) if isinstance(value, dict | list) else value


def _exact_records(path: Path, name: str) -> Iterator[dict[str, object]]:
    decoder = json.JSONDecoder(parse_float=Decimal)
    with path.open(encoding="utf-8-sig") as file:
        if file.read(64).lstrip().startswith("["):
            whole = _whole(path, name)
            yield from whole if isinstance(whole, list) else ()
            return
        file.seek(0)
        for line, text in enumerate(file, 1):
            if text.strip():
                try:
                    record = decoder.decode(text)
                except ValueError:
                    raise TableError(
                        f"{name!r} line {line} is no JSON object: write one object a line"
                    ) from None
                yield record
