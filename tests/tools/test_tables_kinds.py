"""Files of each kind that the loader mends, made here: the value, and what is said of it."""

import bz2
import gzip
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pytest

from agent_runtime_tools.table_names import TableError
from agent_runtime_tools.tables.loading import load_file
from agent_runtime_tools.tables.remarks import remarks
from agent_runtime_tools.tables.settings import FileSettings, parse_settings

Loaded = tuple[list[tuple[Any, ...]], str]
Ask = Callable[..., Loaded]


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """Load a file; the rows of a query and all that is said of the file."""

    def ask(path: Path, query: str, *read: str) -> Loaded:
        folder = tmp_path / "work"
        folder.mkdir(exist_ok=True)
        settings = parse_settings(read, [path]).get(path, FileSettings())
        with duckdb.connect() as database:
            readings = load_file(database, path, folder, set(), settings)
            rows = database.execute(query).fetchall()
        return rows, "\n".join(line for reading in readings for line in remarks(reading))

    return ask


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


LATE = "k,v\n" + "1,5\n" * 25_000


@pytest.mark.parametrize(
    ("content", "query", "right", "said"),
    [
        # numbers
        ("k;v\na;1'234.50\nb;7.25\n", "sum(v)", 1241.75, ""),
        ('k,v\na,"12,34,567.50"\nb,"1,000.00"\n', "sum(v)", 1235567.5, ""),
        ("k;v\na;1 234,50\nb;7,25\n", "sum(v)", 1241.75, ""),
        ("k;v\na;1.234\nb;2.500\nc;987\n", "sum(v)", 4721, "could have a decimal point"),
        ("k;v;w\na;1.234;0,5\nb;2.500;1,5\n", "sum(v)", 3734, "that of the other columns"),
        ("k,v\na,1.234\nb,0.5\n", "sum(v)", 1.734, ""),
        ("k,v\na,CHF 5.50\nb,CHF 4.50\n", "sum(v)", 10, "in CHF"),
        ("k,v\na,$5\nb,€7\n", "count(*)", 2, "several currencies"),
        ("k,v\na,(1.50)\nb,2.00\n", "sum(v)", 0.5, ""),
        ("k,v\na,12 %\nb,3 %\n", "max(v)", 12, "in percent"),
        ("k,v\na,#REF!\nb,3\n", "max(v)", 3, "say nothing"),
        ("k,v\na,1e3\nb,2.5\n", "sum(v)", 1002.5, ""),
        ("k,v\na,0.1234567\nb,0.2\n", "round(sum(v), 7)", 0.3234567, ""),
        (LATE + "2,0.25\n", "sum(v)", 125000.25, ""),
        (LATE + "2,lost\n", "sum(v_as_number)", 125000, "1 cells are no number ('lost')"),
        # identifiers
        (LATE + "2,007\n", "max(v)", "5", "leading zeros"),
        ("k,v\na,00123\nb,00007\n", "min(v)", "00007", "leading zeros"),
        ("k,v\na,+4930123456\nb,+4930999999\n", "min(v)", "+4930123456", "telephone"),
        # dates and times
        ("k,v\na,2024-03-01 10:00+02:00\nb,2024-03-01 10:00Z\n", "min(v)::VARCHAR", "2024-03-01 08:00:00", "UTC"),
        ("k,v\na,2024-03-01T10:00Z\nb,2024-03-01T11:00\n", "count(*)", 2, "stays text"),
        ("k,v\na,03/04/2024\nb,05/06/2024\n", "min(v)", "03/04/2024", "day first or month first"),
        ("k,v,w\na,03/04/2024,25/12/2024\nb,05/06/2024,26/12/2024\n", "month(min(v))", 4, "of the other dates"),
        ("k,v\na,03/25/2024\nb,05/06/2024\n", "month(min(v))", 3, ""),
        ("k,v\na,31.12.2024\nb,01.02.2025\n", "year(max(v))", 2025, ""),
        ("k,v\na,5 March 2024\nb,17 April 2024\n", "month(max(v))", 4, ""),
        ("k,v\na,2024-02-30\nb,2024-02-28\nc,2024-02-27\n", "day(max(v_as_date))", 28, "2024-02-30"),
        ("k,v\na,9:30 AM\nb,2:15 PM\n", "hour(max(v))", 14, ""),
        # rows that are no rows
        ("r,v\na,10\nb,20\nTotal,30\n", "sum(v)", 30, "sum of rows above"),
        ("r,v\n2024-01-01,10\n2024-01-02,20\nTotal,30\n", "sum(v) + day(max(r))", 32, "sum of rows above"),
        ("r,v\na,10\nb,20\n,30\n", "sum(v)", 30, "sum of rows above"),
        ("r,v\na,10\nSubtotal,10\nb,20\nc,5\nSubtotal,25\nGrand total,35\n", "sum(v)", 35, "sum of rows above"),
        ("r,v\nTotal SA,10\nb,20\n", "sum(v)", 30, ""),
        ("r,v\na,10\nb,20\nTotal,99\n", "sum(v)", 30, "it is not the sum"),
        ("r,v\na,10\nb,20\nAverage,15\n", "sum(v)", 30, "mean of rows above"),
        ("r,v\nkm,m/s\n1,2\n3,4\n", "sum(v)", 6, "units"),
        ("r,v\n1,2\nr,v\n3,4\n", "sum(v)", 6, "the header again"),
        ("Report of May\n\nr,v,w\na,1,2\nb,3,4\n", "sum(v)", 4, "above the header"),
        ("From:,2024-01-01\nTo:,2024-01-31\n\nr,v,w\na,1,2\nb,3,4\n", "sum(w)", 6, "above the header"),
        ("r,v,w\na,1,2\nb,3,4\n\nMade by the bank's export\n", "sum(v)", 4, "a remark under the table"),
        ("# made by a tool, version 2\nr,v\na,1\n# half\nb,3\n", "sum(v)", 4, ""),
        # how cells are set apart
        ("sep=;\nr;v\na;1\nb;3\n", "sum(v)", 4, ""),
        ("r::v\na::1\nb::3\n", "sum(v)", 4, ""),
        ("r~v\na~1\nb~3\n", "sum(v)", 4, ""),
        ('r, "v"\na, "1"\nb, "3"\n', "sum(v)", 4, ""),
        ("r,v\r\na,1\nb,3\r\n", "sum(v)", 4, ""),
        ("r,v\ra,1\rb,3\r", "sum(v)", 4, ""),
        ("r,v,\na,1,\nb,3,\n", "sum(v)", 4, ""),
        ("v,w\nx,1,5\ny,3,6\n", "sum(v)", 4, "one name short"),
        # headers
        ("Acme,Berlin\nBolt,Paris\n", "count(*)", 1, "may be data"),
        (",2023,,2024,\nr,a,b,a,b\nx,1,2,3,4\ny,5,6,7,8\n", 'sum("2023 b")', 8, ""),
        # encodings
        ("r,v\nJos\u00e9,1\nZo\u00eb,3\n".encode("latin-1"), "min(r)", "Jos\u00e9", ""),
        ("r,v\nMot\u00f6r\u2019s,1\n".encode("cp1252"), "min(r)", "Mot\u00f6r\u2019s", ""),
        ("\u0438\u043c\u044f;v\n\u0418\u0432\u0430\u043d;3\n".encode("cp1251"), "sum(v)", 3, "a guess"),
        ("k,v\na,12E4\nb,13E7\n", "count(*)", 2, "may be a code"),
        ("r,v\nJos\u00e9,1\nb,3\n".encode("utf-16"), "sum(v)", 4, ""),
        ("r,v\nJos\u00e9,1\nb,3\n".encode("utf-16-le"), "sum(v)", 4, ""),
    ],
)  # fmt: skip
def test_a_text_file_has_its_right_value_and_what_is_odd_is_said(ask, tmp_path, content, query, right, said):
    rows, remarks = ask(write(tmp_path / "f.csv", content), f"SELECT {query} FROM f")

    value = float(rows[0][0]) if isinstance(right, float) else rows[0][0]
    assert value == right
    assert said in remarks


@pytest.mark.parametrize(
    ("name", "content", "query", "right"),
    [
        ("f.json", '{"data": [{"v": 1}, {"v": 2, "w": 3}], "n": 2}', "sum(v) + sum(w)", 6),
        ("f.json", '{"v": [1, 2], "w": [3, 4]}', "sum(v * w)", 11),
        ("f.json", '{"columns": ["v"], "data": [[1], [2]]}', "sum(v)", 3),
        ("f.json", '{"a": {"v": 1}, "b": {"v": 2}}', "max(key)", "b"),
        ("f.jsonl", '{"v": 1}\n' * 25_000 + '{"v": 1, "late": 7}\n', "sum(late)", 7),
        ("f.jsonl", '{"v": "1,234.50"}\n{"v": "7.25"}\n', "max(v)::DOUBLE", 1234.5),
        ("f.jsonl", '{"v": 0.1}\n{"v": 0.2}\n', "(sum(v) = 0.3)::INT", 1),
    ],
)
def test_json_in_the_shapes_that_programs_write(ask, tmp_path, name, content, query, right):
    rows, _ = ask(write(tmp_path / name, content), f"SELECT {query} FROM f")

    assert rows[0][0] == right


def workbook(path: Path, rows: Sequence[Sequence[object]], *merged: str) -> Path:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row in rows:
        sheet.append(list(row))
    for area in merged:
        sheet.merge_cells(area)
    book.create_sheet("notes").sheet_state = "hidden"
    book.save(path)
    return path


def test_a_workbook_with_titles_merged_cells_a_total_and_a_hidden_sheet(ask, tmp_path):
    rows: list[list[object]] = [
        ["Sales", None, None],
        [],
        ["region", "city", "v"],
        ["N", "a", 1.1],
        [None, "b", 2.2],
        ["Total", None, 3.3],
    ]
    path = workbook(tmp_path / "f.xlsx", rows, "A1:C1", "A4:A5")

    found, said = ask(path, "SELECT sum(v), count(*) FROM f WHERE region = 'N'")

    assert float(found[0][0]) == 3.3
    assert found[0][1] == 2
    assert "above the header" in said
    assert "sum of rows above" in said
    assert "hidden sheets are left out: notes" in said


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
def test_a_packed_file_is_unpacked_whatever_its_name(ask, tmp_path, pack):
    path = write(tmp_path / "f.csv", pack(b"k,v\na,1\nb,3\n"))

    assert ask(path, "SELECT sum(v) FROM f")[0] == [(4,)]


def test_names_in_an_archive_are_no_paths(ask, tmp_path):
    path = tmp_path / "f.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../escaped.csv", "k,v\na,1\n")
    before = sorted(tmp_path.parent.rglob("escaped*"))

    assert ask(path, "SELECT sum(v) FROM escaped")[0] == [(1,)]
    assert sorted(tmp_path.parent.rglob("escaped*")) == before


def test_a_bomb_is_refused_before_it_fills_the_disk(ask, tmp_path):
    path = write(tmp_path / "f.csv.gz", gzip.compress(b"0" * (80 * 2**20)))

    with pytest.raises(TableError, match="unpacks to more than"):
        ask(path, "SELECT 1")


@pytest.mark.parametrize(
    ("content", "setting", "query", "right"),
    [
        ("k,v\na,03/04/2024\n", "f.v=date:dmy", "month(min(v))", 4),
        ("k,v\na,03/04/2024\n", "f.csv.v=date:mdy", "month(min(v))", 3),
        ("k,v\na,20240304\n", "f.v=date:%Y%m%d", "month(min(v))", 3),
        ("k,v\na,1700000000\n", "f.v=epoch", "year(min(v))", 2023),
        ("k;v\na;1,234\n", "f.v=decimal-comma", "sum(v)", 1.234),
        ("k;v\na;1,234\n", "f.v=decimal-point", "sum(v)", 1234),
        ("k,v\na,5\n", "f.v=text", "min(v)", "5"),
        ("Acme,Berlin\nBolt,Paris\n", "f=header:none", "count(*)", 2),
        ("r,v\na,10\nb,20\nTotal,30\n", "f=totals:keep", "sum(v)", 60),
        ("a b\n1 2\n", "f=delimiter: ", "sum(b)", 2),
    ],
)
def test_a_setting_settles_what_is_in_doubt(ask, tmp_path, content, setting, query, right):
    rows, _ = ask(write(tmp_path / "f.csv", content), f"SELECT {query} FROM f", setting)

    value = float(rows[0][0]) if isinstance(right, float) else rows[0][0]
    assert value == right


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("f.v", "has no reading"),
        ("g.v=text", "names none of the files"),
        ("f.v=dates", "unknown reading 'dates'"),
        ("f=footer:1", "unknown setting 'footer:1'"),
        ("f.x=text", "names the column 'x'; there are: k, v"),
    ],
)
def test_a_setting_that_fits_nothing_says_what_would(ask, tmp_path, setting, message):
    with pytest.raises(TableError, match=message):
        ask(write(tmp_path / "f.csv", "k,v\na,1\n"), "SELECT 1", setting)


def test_a_workbook_that_is_called_csv_is_a_workbook(ask, tmp_path):
    workbook(tmp_path / "f.xlsx", [["k", "v"], ["a", 1], ["b", 3]]).rename(tmp_path / "f.csv")

    assert ask(tmp_path / "f.csv", "SELECT sum(v) FROM f")[0] == [(4,)]


def test_a_parquet_file_has_no_nan_in_its_sums_and_its_times_in_utc(ask, tmp_path):
    path = tmp_path / "f.parquet"
    with duckdb.connect() as database:
        database.execute(
            "COPY (FROM (VALUES (1.5, to_timestamp(0)), ('nan'::DOUBLE, to_timestamp(0))) t(v, \"at\"))"
            f" TO '{path}' (FORMAT parquet)"
        )

    rows, said = ask(path, 'SELECT sum(v), min(t."at")::VARCHAR FROM f AS t')

    assert rows == [(1.5, "1970-01-01 00:00:00")]
    assert "not a number" in said
    assert "in UTC" in said
