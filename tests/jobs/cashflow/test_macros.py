"""The macros on a small flow whose answers can be read off by eye."""

from pathlib import Path

import duckdb
import pytest

from agent_runtime.jobs.cashflow.macros import GUIDE, NAMES, flow_macros, transfer_columns
from agent_runtime.types import TableSchema

EXAMPLE = Path(__file__).parents[3] / "examples" / "transfers.csv"
SCHEMA = (("sender", "VARCHAR"), ("receiver", "VARCHAR"), ("amount", "DOUBLE"), ("day", "INTEGER"))
ROWS = """
    ('A', 'B', 100, 1), ('B', 'C', 90, 2), ('C', 'D', 80, 2), ('C', 'D', 70, 3), ('D', 'A', 60, 4),
    ('A', 'X', 10, 1), ('X', 'D', 9, 2), ('Z', 'Z', 500, 1)"""


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute(f"CREATE TABLE wires AS SELECT * FROM (VALUES {ROWS}) v(sender, receiver, amount, day)")
    for macro in flow_macros(
        (TableSchema("notes", (("text", "VARCHAR"),), 1), TableSchema("wires", SCHEMA, 8))
    ):
        con.execute(macro)
    return con


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SELECT payee, total FROM flow_out('a')", [("B", 100), ("X", 10)]),
        ("SELECT payer, total FROM flow_in('D')", [("C", 150), ("X", 9)]),
        ("FROM flow_reach('A')", [("B", 1, 1), ("X", 1, 1), ("C", 2, 2), ("D", 2, 2)]),
        ("FROM flow_reach('A', max_hops := 1)", [("B", 1, 1), ("X", 1, 1)]),
        ("FROM flow_reach('B', since := 2)", [("C", 1, 2), ("D", 2, 3), ("A", 3, 4)]),
        ("FROM flow_sources('D')", [("C", 1, 3), ("X", 1, 2), ("B", 2, 2), ("A", 2, 1)]),
        ("FROM flow_path('A', 'D')", [(2, 2, "A -> X -> D"), (3, 3, "A -> B -> C -> D")]),
        ("FROM flow_path('D', 'B')", []),
        ("FROM flow_round_trip('A')", [(3, 4, "A -> X -> D -> A"), (4, 4, "A -> B -> C -> D -> A")]),
        ("SELECT account FROM flow_between('A', 'D')", [("X",)]),
        ("FROM flow_collectors('A')", [("C", 1, 90), ("D", 1, 9)]),
        ("FROM flow_onward('A')", [("B", 100, 90), ("X", 10, 9)]),
        ("SELECT account, n_in, n_out FROM flow_hubs() LIMIT 2", [("D", 2, 1), ("A", 1, 2)]),
        ("SELECT shape FROM flow_shape(['A', 'B', 'X'])", [("FAN-OUT",)]),
        ("SELECT shape FROM flow_shape(['C', 'D', 'X'])", [("FAN-IN",)]),
        ("SELECT shape FROM flow_shape(['A', 'B', 'C', 'D'])", [("CYCLE",)]),
        ("FROM pass_through()", [("X", 10, 9, 1.0), ("B", 100, 90, 1.0)]),
        ("FROM structuring(below := 101)", []),
    ],
)
def test_a_macro_answers_its_question(
    con: duckdb.DuckDBPyConnection, query: str, rows: list[tuple[object, ...]]
):
    assert sorted(con.execute(query).fetchall(), key=str) == sorted(rows, key=str)


def test_structuring_is_found_in_the_example():
    con = duckdb.connect()
    con.execute("CREATE TABLE transfers AS FROM read_csv(?)", [str(EXAMPLE)])
    columns = tuple(
        con.execute(
            "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = 'transfers'"
        ).fetchall()
    )
    for macro in flow_macros((TableSchema("transfers", columns, 366),)):
        con.execute(macro)

    assert con.execute("SELECT payer, payee, n FROM structuring() LIMIT 1").fetchall() == [
        ("Meridian Trading", "Kestrel Partners", 14)
    ]


def test_a_name_that_is_sql_is_only_a_name(con: duckdb.DuckDBPyConnection):
    con.execute("INSERT INTO wires VALUES ('''; DROP TABLE wires; --', 'B', 5, 1)")

    assert con.execute("SELECT payee FROM flow_out('''; DROP TABLE wires; --')").fetchall() == [("B",)]


def test_a_column_called_like_sql_is_only_a_column():
    columns = (('from " acct', "VARCHAR"), ("to", "VARCHAR"), ("select amount", "DOUBLE"), ("date", "DATE"))
    con = duckdb.connect()
    con.execute(
        """CREATE TABLE "drop" ("from "" acct" VARCHAR, "to" VARCHAR, "select amount" DOUBLE, "date" DATE)"""
    )
    con.execute("""INSERT INTO "drop" VALUES ('A', 'B', 1, '2024-01-01')""")
    for macro in flow_macros((TableSchema("drop", columns, 1),)):
        con.execute(macro)

    assert con.execute("SELECT payee FROM flow_out('A')").fetchall() == [("B",)]


def test_a_table_that_holds_no_transfers_gets_no_macros():
    assert flow_macros((TableSchema("people", (("name", "VARCHAR"), ("age", "INTEGER")), 3),)) == ()


def test_columns_are_found_by_name_and_type():
    columns = (
        ("booking_date", "DATE"),
        ("Debtor Bank", "VARCHAR"),
        ("Debtor Account", "VARCHAR"),
        ("Creditor Account", "VARCHAR"),
        ("Amount", "DECIMAL(18,2)"),
        ("Currency", "VARCHAR"),
    )

    found = transfer_columns(TableSchema("t", columns, 1))

    assert found is not None
    assert (found.payer, found.payee, found.time) == ("Debtor Account", "Creditor Account", "booking_date")


def test_the_guide_names_every_macro(con: duckdb.DuckDBPyConnection):
    made = {
        row[0]
        for row in con.execute("SELECT function_name FROM duckdb_functions() WHERE NOT internal").fetchall()
    }

    assert made == {*NAMES, "flow_moves", "flow_day"}
    assert all(f"{name}(" in GUIDE for name in NAMES)
