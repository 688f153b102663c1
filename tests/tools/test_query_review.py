"""What speaks against a query: texts that no cell holds, near variants, empty results, texts ordered as numbers."""

from collections import Counter
from collections.abc import Iterator

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_runtime_tools.review.review import read, remarks_on, shape_of

SETUP = """
CREATE TABLE visits (clinic VARCHAR, status VARCHAR, day DATE, seen TIMESTAMP, score VARCHAR, "Room No" VARCHAR);
INSERT INTO visits VALUES
  ('Oak Street', 'Open', '2024-01-05', '2024-01-05 09:30', '9', 'A|1'),
  ('Oak Street', 'open', '2024-02-10', '2024-02-10 10:00', '10', 'B 2'),
  ('Café Nord', 'closed', '2024-03-01', '2024-03-01 08:15', '101', 'B 2'),
  ('Elm Square', 'closed', NULL, NULL, NULL, NULL);
CREATE TABLE clinics (clinic VARCHAR, city VARCHAR);
INSERT INTO clinics VALUES ('Oak Street', 'Bergen'), ('Café Nord', 'Oslo'), ('Elm Square', 'Oslo');
CREATE TABLE nothing (word VARCHAR);
"""


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute(SETUP)
        yield connection


def tables(database: duckdb.DuckDBPyConnection) -> dict[str, list[tuple[str, str]]]:
    found = database.execute(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() ORDER BY ALL"
    ).fetchall()
    return {
        name: [(column, kind) for table, column, kind in found if table == name]
        for name in ("visits", "clinics", "nothing")
    }


def remarks(database: duckdb.DuckDBPyConnection, query: str) -> list[tuple[str, str, bool]]:
    rows = database.execute(query).fetchall()
    is_null = all(cell is None for row in rows for cell in row)
    zeros = [place for place, cell in enumerate(rows[0]) if cell == 0] if len(rows) == 1 else []
    tree = read(query, tables(database))
    assert tree is not None
    return remarks_on(tree, lambda text: database.execute(text).fetchall(), len(rows), is_null, zeros)


def literals(database: duckdb.DuckDBPyConnection, query: str) -> list[tuple[str, bool]]:
    return [(text, refutes) for kind, text, refutes in remarks(database, query) if kind == "literal"]


# --- texts that no cell holds


@pytest.mark.parametrize(
    "query",
    [
        "SELECT count(*) FROM visits WHERE clinic = 'OAK STREET'",
        "SELECT count(*) FROM visits v WHERE 'OAK STREET' = v.clinic",
        "WITH a AS (SELECT clinic AS c FROM visits) SELECT count(*) FROM a x WHERE x.c = 'OAK STREET'",
        "SELECT count(*) FROM (SELECT clinic c, day FROM visits WHERE day IS NOT NULL) t WHERE c = 'OAK STREET'",
        "SELECT city FROM clinics c WHERE EXISTS (FROM visits v WHERE v.clinic = c.clinic AND v.clinic = 'OAK STREET')",
        "SELECT count(*) FROM visits JOIN clinics USING (clinic) WHERE visits.clinic IN ('Café Nord', 'OAK STREET')",
    ],
)
def test_a_text_that_no_cell_holds_refutes_and_the_near_one_is_named(database, query):
    near = {
        "visits": "no 'OAK STREET' in clinic; near: 'Oak Street' (2 rows)",
        "clinics": "no 'OAK STREET' in clinic; near: 'Oak Street' (1 row)",
    }

    assert [(text, True) for text in (near["visits"],)] == literals(database, query)


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("clinic = 'cafe nord'", "no 'cafe nord' in clinic; near: 'Café Nord' (1 row)"),
        ("clinic = 'OakStreet'", "no 'OakStreet' in clinic; near: 'Oak Street' (2 rows)"),
        ("clinic = 'Oak Streat'", "no 'Oak Streat' in clinic; near: 'Oak Street' (2 rows)"),
        ("lower(clinic) = 'Oak Street'", "no 'Oak Street' in LOWER(clinic); near: 'oak street' (2 rows)"),
        ("clinic LIKE '%STREET%'", "no LIKE '%STREET%' in clinic; near: 'Oak Street' (2 rows)"),
        ("\"Room No\" = 'b 2'", "no 'b 2' in Room No; near: 'B 2' (2 rows)"),
        (
            "clinic = 'zzz'",
            "no 'zzz' in clinic; near: 'Oak Street' (2 rows), 'Café Nord' (1 row), 'Elm Square' (1 row)",
        ),
        ("clinic <> 'oak street'", "no 'oak street' in clinic; near: 'Oak Street' (2 rows)"),
        ("clinic NOT IN ('oak street')", "no 'oak street' in clinic; near: 'Oak Street' (2 rows)"),
        ("seen = '2024-01-05'", "no seen at 2024-01-05, but 1 row on that day: compare the day"),
    ],
)
def test_the_near_values_are_equal_in_writing_first_then_similar(database, condition, said):
    assert literals(database, f"SELECT count(*) FROM visits WHERE {condition}") == [(said, True)]


@pytest.mark.parametrize(
    "condition",
    [
        "clinic = 'Oak Street'",
        "clinic IN ('Oak Street', 'Elm Square')",
        "lower(clinic) = 'oak street'",
        "clinic LIKE 'Oak%' AND status IN ('Open', 'open')",
        "clinic <> 'Pine Road'",
        "clinic NOT LIKE '%Pine%'",
        "day = '2024-01-05'",
        "day >= DATE '2023-01-01'",
        "coalesce(status, 'none') = 'closed'",
        "upper(left(clinic, 3)) = 'OAK'",
        "clinic = '' OR clinic = 'Oak Street'",
        "status ILIKE 'OPEN'",
        "CASE status WHEN 'lost' THEN 1 WHEN 'closed' THEN 2 END = 2",
        "clinic IN (SELECT clinic FROM clinics WHERE city = 'Bergen')",
    ],
)
def test_a_right_condition_gets_no_remark(database, condition):
    assert remarks(database, f"SELECT clinic FROM visits WHERE {condition}") == []


def test_a_text_in_one_of_two_columns_is_a_doubt_at_most(database):
    query = "SELECT city FROM clinics WHERE clinic LIKE '%Berg%' OR city LIKE '%Berg%'"

    assert not any(refutes for _, refutes in literals(database, query))


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT * FROM clinics WHERE clinic = 'Bergen'", "no 'Bergen' in clinic; it stands in city (1 row)"),
        (
            "SELECT * FROM visits WHERE clinic = 'Oslo'",
            "no 'Oslo' in clinic; it stands in clinics.city (2 rows)",
        ),
    ],
)
def test_a_text_that_stands_in_another_column_is_a_doubt(database, query, said):
    assert literals(database, query) == [(said, False)]


def test_a_day_outside_the_column_is_a_doubt(database):
    said = "no day on 2023-06-01: the column runs from 2024-01-05 to 2024-03-01"

    assert literals(database, "SELECT count(*) FROM visits WHERE day = '2023-06-01'") == [(said, False)]


def test_an_empty_table_holds_no_text_and_refutes_none(database):
    assert literals(database, "SELECT count(*) FROM nothing WHERE word = 'x'") == []


# --- variants


def test_cells_that_differ_in_case_alone_and_escape_the_query_are_said(database):
    said = "status also holds 'open' (1 row), which differs from 'Open' only in case"

    assert ("variants", said, False) in remarks(database, "SELECT count(*) FROM visits WHERE status = 'Open'")


def test_cells_that_the_query_asks_for_as_well_are_no_variants(database):
    query = "SELECT count(*) FILTER (status = 'Open'), count(*) FILTER (status = 'open') FROM visits"

    assert remarks(database, query) == []


# --- results


@pytest.mark.parametrize(
    "query",
    [
        "SELECT clinic FROM visits WHERE day > '2025-01-01'",
        "SELECT max(day) FROM visits WHERE day > '2025-01-01'",
        "SELECT count(*) FROM visits WHERE day > '2025-01-01'",
        "WITH a AS (SELECT count(*) AS n FROM visits WHERE day > '2025-01-01') SELECT n FROM a",
    ],
)
def test_what_is_empty_settles_nothing(database, query):
    assert [(kind, refutes) for kind, _, refutes in remarks(database, query)] == [("empty", False)]


@pytest.mark.parametrize("query", ["SELECT 0", "SELECT count(*) FROM nothing", "SELECT sum(0) FROM visits"])
def test_a_zero_that_no_filter_made_is_a_value(database, query):
    assert remarks(database, query) == []


@pytest.mark.parametrize(
    "part", ["max(score)", "min(score)", "(SELECT score FROM visits ORDER BY score DESC LIMIT 1)"]
)
def test_numbers_kept_as_texts_are_not_ordered_in_silence(database, part):
    assert [kind for kind, *_ in remarks(database, f"SELECT {part} FROM visits LIMIT 1")] == ["text order"]


def test_a_text_cast_to_a_number_is_ordered_rightly(database):
    assert remarks(database, "SELECT max(CAST(score AS INTEGER)) FROM visits") == []


# --- shapes

QUERY = """
SELECT c.city, count(*) AS n FROM visits v JOIN clinics c ON v.clinic = c.clinic
WHERE v.status = 'Open' AND v.day > '2024-01-01' GROUP BY c.city HAVING count(*) > 1 ORDER BY n DESC LIMIT 3
"""
SAME = [
    f"WITH a AS ({QUERY}) SELECT * FROM a AS b",
    f"SELECT x.city AS town, x.n FROM ({QUERY}) AS x",
    """
    WITH p AS (SELECT clinic AS k, status AS s, day AS d FROM visits), q AS (SELECT clinic AS k, city AS t FROM clinics)
    SELECT q.t, count(*) AS m FROM p JOIN q ON p.k = q.k WHERE p.s = 'Open' AND p.d > '2024-01-01'
    GROUP BY q.t HAVING count(*) > 1 ORDER BY m DESC LIMIT 3
    """,
    QUERY.replace("'Open'", "'x'")
    .replace("> 1", ">= 7")
    .replace("DESC", "ASC")
    .replace("LIMIT 3", "LIMIT 4"),
    QUERY.replace("count(*) AS n", "max(v.score) AS n").replace("v.day", "v.seen"),
    QUERY.replace("AND v.day > '2024-01-01'", ""),
]


@pytest.mark.parametrize("query", SAME)
def test_the_same_derivation_has_the_same_shape_however_it_is_written(database, query):
    known = tables(database)

    assert shape_of(read(query, known)) == shape_of(read(QUERY, known))


@pytest.mark.parametrize(
    "query",
    [
        QUERY.replace("HAVING count(*) > 1", ""),
        QUERY.replace("LIMIT 3", ""),
        QUERY.replace("JOIN", "LEFT JOIN"),
        QUERY.replace("count(*) AS n", "count(DISTINCT v.clinic) AS n"),
    ],
)
def test_one_changed_place_changes_one_mark_at_most(database, query):
    first, other = (Counter(shape_of(read(text, tables(database)))) for text in (QUERY, query))

    assert ((first - other) + (other - first)).total() == 1


def test_another_way_to_derive_it_has_another_shape(database):
    known = tables(database)
    largest = Counter(shape_of(read("SELECT max(day) FROM visits", known)))
    first = Counter(shape_of(read("SELECT day FROM visits ORDER BY day DESC NULLS LAST LIMIT 1", known)))

    assert ((largest - first) + (first - largest)).total() >= 2


def test_a_function_that_returns_rows_is_named():
    assert shape_of(read("FROM flows_of('Acme') WHERE day > '2024-01-01'", {})) == (
        "filter",
        "scan:flows_of()",
    )


def test_what_cannot_be_read_looks_like_nothing_else():
    assert shape_of(read("SELECT FROM WHERE )", {})) == ("unread",)


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=80) | st.lists(st.sampled_from(QUERY.split()), max_size=20).map(" ".join))
def test_any_text_has_a_shape_and_no_failure(text):
    tree = read(text, {"visits": [("clinic", "VARCHAR")]})

    assert shape_of(tree)
    assert isinstance(remarks_on(tree, lambda _: [], 1, False, [0]), list)
