"""The gate: what it lets through works in DuckDB, and nothing else gets that far."""

import contextlib

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_runtime_tools.sql_functions import FUNCTIONS, TABLE_FUNCTIONS
from agent_runtime_tools.sql_gate import Gate, Refused, near

READS = """
SELECT CAST('1' AS INTEGER), TRY_CAST('x' AS DATE), 1::DECIMAL(10, 2), '{"a": 1}'::JSON ->> 'a'
SELECT * EXCLUDE (id) REPLACE (amount * 2 AS amount) FROM sales
SELECT CASE WHEN id = 1 THEN 'a' ELSE 'b' END, id IS NULL, id IN (1, 2), id NOT BETWEEN 1 AND 2 FROM sales
SELECT [x * 2 FOR x IN l IF x > 1], list_transform(l, lambda x: x + 1), l[1], l[1:2], s.a, s['a'] FROM sales
SELECT sum(amount) OVER (PARTITION BY region ORDER BY d ROWS 1 PRECEDING) FROM sales QUALIFY row_number() OVER () = 1
SELECT region, count(*) FROM sales GROUP BY ALL HAVING count(*) > 0 ORDER BY ALL DESC NULLS LAST LIMIT 5 OFFSET 1
SELECT region, count(*), grouping(region) FROM sales GROUP BY ROLLUP (region)
SELECT DISTINCT ON (region) * FROM sales ORDER BY id LIMIT 50%
SELECT * FROM sales a JOIN sales b USING (id) LEFT JOIN sales c ON a.id = c.id CROSS JOIN sales d
SELECT * FROM sales a ASOF JOIN sales b ON a.id = b.id AND a.d >= b.d
SELECT * FROM sales a, LATERAL (SELECT a.id + 1) t(x) WHERE EXISTS (SELECT 1) AND a.id >= ANY (SELECT 1)
SELECT * FROM sales USING SAMPLE 10%
SELECT 1 AS a UNION ALL BY NAME SELECT 2 AS a EXCEPT SELECT 3 INTERSECT SELECT 4
WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 10) SELECT sum(n) FROM r
WITH a AS MATERIALIZED (SELECT 1) SELECT * FROM a
VALUES (1, 'x'), (2, 'y')
SELECT unnest(l), unnest(s) FROM sales
SELECT COLUMNS('i.*') FROM sales
SELECT 'a' COLLATE NOCASE = 'A', DATE '2024-01-01' + INTERVAL (id) MONTH, EXTRACT(year FROM d) FROM sales
SELECT 'a' LIKE 'b', 'a' ILIKE 'b', 'a' SIMILAR TO 'b', 'a' ~ 'b', 'a' GLOB 'b', 5 // 2, 5 % 2, 2 ** 3, ~1, @(-1)
SELECT arg_max(id, amount), string_agg(region, ',' ORDER BY id), count(DISTINCT id) FILTER (WHERE id > 1) FROM sales
SELECT {'a': 1}, MAP {'k': 1}, ROW(1, 2), struct_pack(a := 1), COALESCE(id, 1), NULLIF(id, 1), TRY(1 / 0) FROM sales
SELECT * FROM (PIVOT sales ON region IN ('EU') USING sum(amount) GROUP BY id)
UNPIVOT (SELECT id, amount FROM sales) ON amount INTO NAME n VALUE v
FROM sales SELECT id WHERE id = 1
DESCRIBE sales
SUMMARIZE sales
SHOW TABLES
SHOW ALL TABLES
EXPLAIN SELECT * FROM sales
SELECT * FROM range(3) t(x), generate_series(1, 2), unnest([1, 2]) u(y)
SELECT * FROM memory.main.sales, main.sales AS b
SELECT column_name FROM information_schema.columns WHERE table_name = 'sales'
SELECT CURRENT_DATE, current_timestamp, now(), today()
SELECT date_trunc('month', d), strftime(d, '%Y-%m') FROM sales WHERE d::VARCHAR LIKE '2024%'
SELECT doubled(id) FROM sales
SELECT * FROM big_sales(100)
""".strip().splitlines()

WRITES_AND_ESCAPES = """
INSERT INTO sales (id) VALUES (9)
UPDATE sales SET id = 9
MERGE INTO sales USING sales AS b ON sales.id = b.id WHEN MATCHED THEN DELETE
CREATE VIEW v AS SELECT 1
CREATE MACRO m() AS 1
CREATE SEQUENCE s
CREATE TYPE t AS ENUM ('a')
ALTER TABLE sales ADD COLUMN x INTEGER
COMMENT ON TABLE sales IS 'x'
ANALYZE
CHECKPOINT
BEGIN
ROLLBACK
SET VARIABLE x = 1
RESET threads
ATTACH ':memory:' AS x
IMPORT DATABASE '/tmp'
EXPLAIN ANALYZE SELECT 1
EXPLAIN (ANALYZE) SELECT 1
EXPLAIN DELETE FROM sales
EXPLAIN EXPLAIN SELECT 1
EXPLAIN ANALYZE WITH d AS (DELETE FROM sales RETURNING *) SELECT * FROM d
WITH i AS (INSERT INTO sales (id) VALUES (9) RETURNING *) SELECT * FROM i
SELECT * FROM (WITH d AS (DELETE FROM sales RETURNING *) SELECT * FROM d)
SELECT (WITH d AS (DELETE FROM sales RETURNING id) SELECT max(id) FROM d)
SELECT 1; SELECT 2
SELECT $1
SELECT ?
SELECT getvariable('x')
SELECT set_config('a', 'b')
SELECT nextval('s'), setval('s', 1), currval('s')
SELECT setseed(0.5)
SELECT current_setting('temp_directory')
SELECT "CURRENT_SETTING"('temp_directory')
SELECT system.main.current_setting('temp_directory')
SELECT main.getenv('HOME')
SELECT 'temp_directory'.current_setting()
SELECT list_transform(['temp_directory'], lambda x: current_setting(x))
SELECT [current_setting(x) FOR x IN ['temp_directory']]
SELECT * REPLACE (current_setting('threads') AS id) FROM sales
SELECT sum(id) FILTER (WHERE current_setting('threads') = '1') FROM sales
SELECT sum(id) OVER (ORDER BY current_setting('threads')) FROM sales
SELECT 1 ORDER BY current_setting('threads')
SELECT 1 LIMIT (SELECT current_setting('threads')::INT)
VALUES (current_setting('threads'))
SELECT write_log('x')
SELECT sleep_ms(10)
SELECT pg_sleep(1)
SELECT txid_current()
SELECT json_serialize_sql('SELECT 1')
SELECT json_serialize_plan('SELECT 1')
FROM query('SELECT 1')
FROM query_table('sales')
FROM read_text('/etc/passwd')
FROM read_blob('/etc/passwd')
FROM read_csv_auto('/etc/passwd')
FROM duckdb_functions()
FROM duckdb_settings
FROM duckdb_tables
FROM sqlite_master
FROM pragma_database_list
FROM pragma_table_info('sales')
FROM pg_catalog.pg_class
FROM information_schema.schemata
FROM system.main.duckdb_tables
FROM "/etc/passwd"
FROM 'https://example.com/x.csv'
FROM test_all_types()
FROM histogram('duckdb_settings', name)
DESCRIBE duckdb_settings
SUMMARIZE '/etc/passwd'
SHOW duckdb_settings
SHOW DATABASES
SHOW VARIABLES
SELECT * FROM (SHOW DATABASES)
SELECT * FROM (WITH duckdb_settings AS (SELECT 1) SELECT 1), duckdb_settings
WITH "/etc/passwd" AS (SELECT 1) SELECT * FROM "/etc/passwd"
SELECT * FROM sales AT (VERSION => 1)
PIVOT sales ON region USING first(current_setting('threads'))
FROM big_sales(current_setting('threads')::INT)
""".strip().splitlines()


@pytest.fixture(scope="module")
def database():
    with duckdb.connect() as database:
        row = "SELECT 1 AS id, 'EU' AS region, 9.5 AS amount, DATE '2024-01-01' AS d, [1, 2] AS l, {'a': 1} AS s"
        database.execute(f"CREATE TABLE sales AS {row}")
        database.execute("CREATE MACRO doubled(x) AS x * 2")
        database.execute("CREATE MACRO big_sales(least) AS TABLE SELECT * FROM sales WHERE amount > least")
        yield database


@pytest.fixture
def gate(database: duckdb.DuckDBPyConnection) -> Gate:
    views = database.execute("SELECT lower(view_name) FROM duckdb_views() WHERE internal").fetchall()
    macros = frozenset({"doubled", "big_sales"})
    return Gate({"sales": ("id", "amount")}, macros, "memory", frozenset(row[0] for row in views))


@pytest.mark.parametrize("statement", READS)
def test_a_statement_that_only_reads_is_let_through_and_works(gate, database, statement):
    gate.check(database, statement)

    assert database.execute(statement).description


@pytest.mark.parametrize("statement", WRITES_AND_ESCAPES)
def test_whatever_writes_or_leaves_the_tables_is_refused(gate, database, statement):
    with pytest.raises(Refused):
        gate.check(database, statement)


@pytest.mark.parametrize(
    "statement", ["SELECT 1\0", "SELECT '\x1b[2J'", "SELECT '\ud800'", "SELECT 1" + "+1" * 20_000]
)
def test_text_that_no_check_needs_is_refused_before_it_is_parsed(gate, database, statement):
    with pytest.raises(Refused):
        gate.check(database, statement)


def test_the_functions_that_the_bar_names_are_on_no_list():
    named = {
        "json_execute_serialized_sql",
        "query",
        "query_table",
        "current_setting",
        "getvariable",
        "setseed",
    }
    named |= {
        "setval",
        "nextval",
        "write_log",
        "checkpoint",
        "sleep_ms",
        "pg_sleep",
        "getenv",
        "read_csv",
        "glob",
    }

    listed = FUNCTIONS | TABLE_FUNCTIONS

    assert not listed & named
    assert not [
        name for name in listed if name.startswith(("duckdb_", "pragma_", "pg_", "read_", "__internal"))
    ]


def test_every_listed_function_that_this_duckdb_has_is_one_that_only_computes(database):
    """A pinned name must not come to mean a table function that reads: those have no scalar form."""
    scalars = database.execute(
        "SELECT DISTINCT lower(function_name) FROM duckdb_functions()"
        " WHERE function_type NOT IN ('scalar', 'aggregate', 'macro', 'window', 'table_macro')"
    ).fetchall()

    assert {name for (name,) in scalars} & FUNCTIONS <= TABLE_FUNCTIONS | {"repeat", "json_each"}


def test_a_refused_table_names_the_near_ones(gate, database):
    with pytest.raises(Refused, match='no table "sale"; near: sales'):
        gate.check(database, "SELECT * FROM sale")


def test_what_passed_comes_back_parsed_so_that_the_text_is_read_no_third_time(gate, database):
    parser = duckdb.connect()  # the gate needs no table

    statement = gate.check(parser, "SELECT sum(amount) AS s FROM sales -- and nothing else")

    assert gate.check(parser, "SELECT sum(amount) AS s FROM sales -- and nothing else") is statement
    assert (
        database.execute(statement).fetchall() == database.execute("SELECT sum(amount) FROM sales").fetchall()
    )
    parser.close()


def test_a_text_that_passed_is_remembered(gate, database):
    gate.check(database, "SELECT 1")
    database_that_must_not_be_asked = None

    gate.check(database_that_must_not_be_asked, "SELECT 1")


def test_near_names_leave_out_what_is_not_like_the_name_where_there_are_many():
    assert near("order_party", ["ordering_party", *(f"x{i}" for i in range(20))]) == "; near: ordering_party"


WORDS = sorted({word for statement in (*READS, *WRITES_AND_ESCAPES) for word in statement.split()})


@settings(max_examples=300, deadline=None)
@given(text=st.text(max_size=200) | st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join))
def test_any_text_passes_or_is_refused(database, text):
    gate = Gate({"sales": ("id",)})

    with contextlib.suppress(Refused):
        gate.check(database, text)

    assert database.execute("SELECT count(*) FROM sales").fetchone() == (1,)
