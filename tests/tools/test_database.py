"""The sql tool: results, errors, limits, and what is left of a check afterwards."""

import os
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent_runtime.concurrency import gather
from agent_runtime.dialogue.results import two_decimals
from agent_runtime.errors import InputError, ToolError, ToolTimeout
from agent_runtime.protocols import Closable, PreparedTool, Tool
from agent_runtime.types import Observation, ResultTable, TableFunction, Task
from agent_runtime_tools import database as database_module
from agent_runtime_tools.database import Database, DatabaseLimits

TRANSFERS = (
    "when_booked,ordering_party,receiving_party,eur\n2024-01-01,Acme,Bolt,9000.5\n2024-01-02,Bolt,Cora,8000\n"
)
BOMB = "SELECT levenshtein(repeat('a', 200000), repeat('b', 200000))"
PRIVATE = "agent-runtime-tables-*"


@pytest.fixture(autouse=True)
def private_temporary_folder(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A temporary folder that no other process uses: what is left in it was left by the test."""
    folder = str(tmp_path_factory.mktemp("private"))
    monkeypatch.setenv("TMPDIR", folder)
    monkeypatch.setattr(tempfile, "tempdir", folder)


@pytest.fixture
def task(tmp_path: Path) -> Task:
    path = tmp_path / "transfers.csv"
    path.write_text(TRANSFERS)
    return Task("t", "", tables=(path,))


@pytest.fixture
async def database(task) -> AsyncIterator[Database]:
    database = Database()
    await database.prepare(task)
    yield database
    await database.aclose()


def children() -> set[int]:
    """Our worker processes, as the kernel lists them."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == os.getpid() and b"database_worker" in command:
            found.add(int(folder.name))
    return found


def private_folders() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob(PRIVATE))


def test_the_tool_meets_the_protocols():
    database: Tool = Database()

    assert isinstance(database, PreparedTool)
    assert isinstance(database, Closable)


# --- results


async def test_a_result_is_exact_for_the_evidence_and_brief_for_the_model(database, task):
    observation = await database.run("SELECT eur, eur / 7 AS part FROM transfers ORDER BY eur", task, 10.0)

    assert observation.text == "eur | part\n8000.0 | 1142.857142857143\n9000.5 | 1285.7857142857142"
    assert observation.brief == "eur | part\n8000 | 1142.85714286\n9000.5 | 1285.78571429"
    assert two_decimals(observation) == "eur | part\n8000 | 1142.86\n9000.5 | 1285.79"
    assert observation.table == ResultTable(
        (("eur", "DECIMAL(18,1)"), ("part", "DOUBLE")),
        (("8000.0", 1142.857142857143), ("9000.5", 1285.7857142857142)),
        2,
    )


async def test_more_than_ten_rows_are_counted_in_the_brief_form(database, task):
    observation = await database.run("SELECT x FROM range(12) t(x)", task, 10.0)

    assert observation.brief == "\n".join(["x", *map(str, range(10)), "(12 rows, the first 10 shown)"])
    assert two_decimals(observation) == "\n".join(["x", *map(str, range(10)), "(12 rows)"])
    assert observation.text == "\n".join(["x", *map(str, range(12))])


async def test_no_rows_are_said_to_be_none(database, task):
    observation = await database.run("SELECT eur FROM transfers WHERE eur > 1e9", task, 10.0)

    noticed = "note: no rows came back, which settles nothing by itself"
    assert (observation.text, observation.brief) == (f"eur\n(0 rows)\n{noticed}", f"(0 rows)\n{noticed}")
    assert two_decimals(observation) == "(0 rows)"


async def test_a_long_result_is_cut_with_a_note(database, task):
    observation = await database.run("SELECT x FROM range(5000) t(x)", task, 10.0)

    assert observation.is_truncated
    assert observation.text.endswith("\n199\n(5000 rows, the first 200 shown)")
    assert observation.table is not None
    assert (len(observation.table.rows), observation.table.n_rows) == (200, 5000)


async def test_counting_stops_where_it_helps_nobody(database, task):
    observation = await database.run("SELECT x FROM range(100000000000) t(x)", task, 10.0)

    assert observation.brief.endswith("\n9\n(more than 100000 rows, the first 10 shown)")
    assert observation.table is not None
    assert observation.table.n_rows is None


async def test_a_huge_cell_is_cut(database, task):
    observation = await database.run("SELECT repeat('x', 1000000) AS c", task, 10.0)

    assert observation.is_truncated
    assert len(observation.text) < 3_000
    assert len(observation.brief) < 200


KINDS = [
    ("NULL", None, "NULL", "NULL"),
    ("''", "", '""', '""'),
    ("'NULL'", "NULL", '"NULL"', '"NULL"'),
    ("'NaN'::DOUBLE", "NaN", "NaN", "NaN"),
    ("'NaN'", "NaN", '"NaN"', '"NaN"'),
    ("'-inf'::DOUBLE", "-Infinity", "-Infinity", "-Infinity"),
    ("true", True, "true", "true"),
    ("'North | South'", "North | South", '"North | South"', '"North | South"'),
    ("'a\nb'", "a\nb", r'"a\nb"', r'"a\nb"'),
    ("0.05::DOUBLE / 12", 0.05 / 12, "0.004166666666666667", "0.00416666666667"),
    ("0.0841::DOUBLE", 0.0841, "0.0841", "0.0841"),
    ("0.1::FLOAT", 0.1, "0.1", "0.1"),
    ("1e300", 1e300, "1e+300", "1e+300"),
    ("9007199254740993", 9007199254740993, "9007199254740993", "9007199254740993"),
    ("123456789012345.67::DOUBLE", 123456789012345.67, "123456789012345.67", "123456789012346"),
    ("12.50::DECIMAL(9, 2)", "12.50", "12.50", "12.5"),
    (
        "12345678901234567890.123::DECIMAL(38, 3)",
        "12345678901234567890.123",
        *["12345678901234567890.123"] * 2,
    ),
    ("INTERVAL 1 MONTH", "1 month", "1 month", "1 month"),
    ("INTERVAL 30 DAY", "30 days", "30 days", "30 days"),
    ("'infinity'::DATE", "infinity", "infinity", "infinity"),
    ("DATE '2024-01-02'", "2024-01-02", "2024-01-02", "2024-01-02"),
    ("TIMESTAMP '2024-01-02 03:04:05'", "2024-01-02 03:04:05", *["2024-01-02 03:04:05"] * 2),
    ("TIMESTAMPTZ '2024-01-02 03:04:05+00'", "2024-01-02 03:04:05+00", *["2024-01-02 03:04:05+00"] * 2),
    ("TIMESTAMP_NS '2024-01-02 03:04:05.123456789'", *["2024-01-02 03:04:05.123456789"] * 3),
    ("[1.5, 2]::DOUBLE[]", "[1.5, 2.0]", "[1.5, 2.0]", "[1.5, 2.0]"),
    ("{'k': DATE '2024-01-02'}", *["{'k': 2024-01-02}"] * 3),
    ("'\\xAA'::BLOB", "aa", "aa", "aa"),
]


@pytest.mark.parametrize(("written", "cell", "exact", "brief"), KINDS)
async def test_a_cell_keeps_its_value_and_cannot_be_taken_for_another(
    database, task, written, cell, exact, brief
):
    observation = await database.run(f"SELECT {written} AS c", task, 10.0)

    assert observation.table.rows == ((cell,),)
    assert observation.text.splitlines()[:2] == ["c", exact]
    assert observation.brief.splitlines()[:2] == ["c", brief]


async def test_rows_written_out_by_the_database_keep_their_order_and_their_names(database, task):
    query = "SELECT n, INTERVAL 1 MONTH * n AS n FROM range(5) t(n) ORDER BY n DESC; -- newest first"

    observation = await database.run(query, task, 10.0)

    assert observation.table.columns == (("n", "BIGINT"), ("n", "INTERVAL"))
    assert [row[0] for row in observation.table.rows] == [4, 3, 2, 1, 0]
    assert observation.table.rows[1] == (3, "3 months")


async def test_columns_that_do_not_fit_are_named(database, task):
    columns = ", ".join(f"repeat('x', 100) AS column_{number}" for number in range(8))

    observation = await database.run(f"SELECT {columns}", task, 10.0)

    assert observation.brief.endswith("\n(and 4 more columns: column_4, column_5, column_6, column_7)")
    assert len(observation.table.rows[0]) == 8


# --- remarks and shapes


async def test_what_speaks_against_a_query_stands_below_its_rows(database, task):
    observation = await database.run(
        "SELECT count(*) AS n FROM transfers WHERE ordering_party = 'ACME'", task, 10.0
    )

    literal, empty = observation.remarks
    assert (literal.kind, literal.is_refuting) == ("literal", True)
    assert (empty.kind, empty.is_refuting) == ("empty", False)
    assert observation.brief == (
        "n\n0\nwarning: no 'ACME' in ordering_party; near: 'Acme' (1 row)\n"
        "note: the count is 0: no row passes the conditions"
    )
    assert observation.text == observation.brief
    assert observation.shape == ("aggregate", "filter", "scan:transfers")


async def test_a_review_that_takes_too_long_is_left_out_and_the_result_stands(database, task, monkeypatch):
    monkeypatch.setattr(database_module, "REVIEW_SECONDS", 0.0)

    observation = await database.run(
        "SELECT count(*) AS n FROM transfers WHERE ordering_party = 'ACME'", task, 10.0
    )

    assert observation.table.rows == ((0,),)
    assert (observation.shape, observation.remarks) == (("unread",), ())


# --- queries in the words of another database


@pytest.mark.parametrize(
    ("query", "row", "dialect"),
    [
        ("SELECT NVL(receiving_party, 'none') FROM transfers ORDER BY eur LIMIT 1", ("Cora",), "mysql"),
        ("SELECT TOP 1 ordering_party FROM transfers ORDER BY eur DESC", ("Acme",), "tsql"),
        ("SELECT ISNULL(eur, 0) FROM transfers ORDER BY 1 LIMIT 1", ("8000.0",), "tsql"),
        ("SELECT TO_CHAR(when_booked, 'YYYY-MM') FROM transfers LIMIT 1", ("2024-01",), "postgres"),
        ("SELECT DATE_FORMAT(when_booked, '%Y') FROM transfers LIMIT 1", ("2024",), "mysql"),
        ('SELECT eur FROM transfers WHERE ordering_party = "Acme"', ("9000.5",), "mysql"),
    ],
)
async def test_a_query_of_another_dialect_is_run_in_duckdbs_words_and_that_is_said(
    database, task, query, row, dialect
):
    observation = await database.run(query, task, 10.0)

    assert observation.table.rows == (row,)
    assert f"\nnote: read as {dialect}: SELECT" in observation.brief
    assert not observation.remarks


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (
            "SELECT date(when_booked, '+1 month') FROM transfers",
            "Wrong number of arguments",
        ),  # nothing is dropped
        ('SELECT "ordering_prty" FROM transfers', 'no column "ordering_prty"; near: ordering_party'),
        ('SELECT eur FROM transfers WHERE "ordering_prty" = receiving_party', 'no column "ordering_prty"'),
        ("DELETE FROM transfers", "only one SELECT"),
        ("SELECT NVL(x, 0) FROM read_csv('/etc/passwd')", "no function"),
    ],
)
async def test_what_no_dialect_has_whole_stays_an_error(database, task, query, message):
    with pytest.raises(ToolError, match=message):
        await database.run(query, task, 10.0)


# --- errors


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT order_party FROM transfers", 'no column "order_party"; near: ordering_party'),
        ("SELECT t.order_party FROM transfers t", 'no column "order_party"; near: ordering_party'),
        ("SELECT * FROM transfers WHERE recieving_party = 'x'", 'no column "recieving_party"; near: receiving_party'),
        ("SELECT * FROM transfer", 'no table "transfer"; near: transfers'),
        ("SELECT sume(eur) FROM transfers", 'no function "sume"; near: sum'),
        ("SELECT 1 FROM transfers WHERE when_booked LIKE '2024-01%'", "LIKE compares texts, not DATE"),
        ("SELECT 1 FROM transfers WHERE when_booked > 2023", "DATE and a number cannot be compared: year(x) = 2023"),
        ("SELECT ordering_party + 'x' FROM transfers", "texts are joined by ||, not by +"),
        ("SELECT 1 FROM public.transfers", 'no schema "public": write the table alone, transfers'),
        ("SELEC 1", 'syntax error at or near "SELEC"'),
        ("", "write exactly one SELECT statement"),
        ("DROP TABLE transfers", "only one SELECT that reads the tables is allowed here"),
        ("SELECT 1; SELECT 2", "write exactly one SELECT statement"),
        ("SELECT '\ud800'", "the statement holds control characters: write plain text"),
        ("SELECT error('x')", 'no function "error"'),
        ("PIVOT transfers ON eur USING count(*)", "PIVOT needs its values: PIVOT t ON c IN ('a', 'b') USING sum(x)"),
    ],
)  # fmt: skip
async def test_a_wrong_statement_is_a_short_error_with_the_near_names(database, task, query, message):
    with pytest.raises(ToolError) as caught:
        await database.run(query, task, 10.0)

    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


async def test_a_task_without_tables_has_nothing_to_query(database):
    with pytest.raises(ToolError, match="no table file came with the question"):
        await database.run("SELECT 1", Task("other", ""), 10.0)


async def test_two_tasks_do_not_see_each_others_tables(database, task, tmp_path):
    (tmp_path / "secrets.csv").write_text("k,v\n1,2\n")
    other = Task("other", "", tables=(tmp_path / "secrets.csv",))
    await database.prepare(other)

    with pytest.raises(ToolError, match='no table "secrets"'):
        await database.run("SELECT * FROM secrets", task, 10.0)


# --- macros


async def test_macros_of_a_job_can_be_called_and_outlive_a_killed_worker(task):
    macros = [
        "CREATE MACRO cents(x) AS x * 100",
        "CREATE MACRO out_of(who) AS TABLE SELECT receiving_party, eur FROM transfers WHERE ordering_party = who",
    ]
    database = Database(macros)
    await database.prepare(task)
    query = "SELECT receiving_party, cents(eur) AS c FROM out_of('Acme')"

    with pytest.raises(ToolTimeout):
        await database.run(BOMB, task, 0.2)
    observation = await database.run(query, task, 10.0)
    await database.aclose()

    assert observation.brief == "receiving_party | c\nBolt | 900050"


async def test_table_macros_are_told_with_parameters_and_columns(task):
    macros = [
        "CREATE MACRO cents(x) AS x * 100",
        "CREATE MACRO out_of(who, least := 0) AS TABLE SELECT receiving_party, eur FROM transfers "
        "WHERE ordering_party = who AND eur >= least",
        "CREATE MACRO rows_of(name) AS TABLE SELECT * FROM query_table(name)",
    ]
    database = Database(macros)

    functions = (await database.prepare(task)).functions
    await database.aclose()

    assert functions == (
        TableFunction("out_of", ("least",), ("receiving_party", "eur")),
        TableFunction("rows_of"),
    )


async def test_a_macro_that_does_not_fit_the_tables_is_named_as_the_reason(task):
    database = Database(["CREATE MACRO broken(x) AS ("])

    with pytest.raises(InputError, match="a macro does not fit the tables"):
        await database.prepare(task)
    await database.aclose()


async def test_macros_may_be_made_for_the_tables_of_the_task(task):
    database = Database(lambda tables: [f"CREATE MACRO n_columns() AS {len(tables[0].columns)}"])
    await database.prepare(task)

    observation = await database.run("SELECT n_columns() AS n", task, 10.0)
    await database.aclose()

    assert observation.brief == "n\n4"


# --- limits


async def test_a_bomb_ends_at_its_limit_with_its_process_and_the_next_check_works(database, task):
    before = children()
    started = time.monotonic()

    with pytest.raises(ToolTimeout):
        await database.run(BOMB, task, 1.0)
    seconds = time.monotonic() - started
    gone = before - children()
    observation = await database.run("SELECT count(*) AS n FROM transfers", task, 10.0)

    assert seconds >= 1.0
    assert len(gone) == 1
    assert observation.brief == "n\n2"


async def test_a_cancelled_check_leaves_no_process_at_work(database, task):
    before = children()

    with anyio.move_on_after(0.3):
        await database.run(BOMB, task, 30.0)

    assert len(before - children()) == 1


async def test_a_query_that_needs_too_much_memory_is_an_error(database, task):
    with pytest.raises(ToolError):
        await database.run("SELECT length(repeat('a', 4000000000))", task, 10.0)

    assert (await database.run("SELECT 1 AS n", task, 10.0)).brief == "n\n1"


async def test_sixteen_checks_at_once_are_all_answered(database: Database, task: Task):
    def ask(number: int) -> Callable[[], Awaitable[Observation]]:
        return lambda: database.run(f"SELECT {number} AS n, count(*) AS c FROM transfers", task, 30.0)

    observations = await gather([ask(number) for number in range(16)])

    assert [observation.brief for observation in observations] == [f"n | c\n{n} | 2" for n in range(16)]


async def test_a_killed_check_takes_no_other_one_with_it(database, task):
    outcomes = []

    async def ask(query: str, seconds: float) -> None:
        try:
            outcomes.append((await database.run(query, task, seconds)).brief)
        except ToolTimeout:
            outcomes.append("timeout")

    async with anyio.create_task_group() as group:
        group.start_soon(ask, BOMB, 1.0)
        group.start_soon(ask, "SELECT count(*) AS n FROM transfers", 10.0)

    assert sorted(outcomes) == ["n\n2", "timeout"]


async def test_a_load_that_takes_too_long_is_killed_and_leaves_nothing(task):
    database = Database(limits=DatabaseLimits(load_seconds=0.0))

    with pytest.raises(InputError, match=r"'transfers.csv' takes more than 0 s to load"):
        await database.prepare(task)
    await database.aclose()

    assert not children()
    assert not private_folders()


# --- what is left


async def test_closing_leaves_no_process_and_no_file(task):
    database = Database()
    await database.prepare(task)
    await database.run("SELECT 1", task, 10.0)

    await database.aclose()

    assert not children()
    assert not private_folders()


async def test_closing_ends_a_check_under_way_and_starts_nothing_new(task):
    database = Database()
    await database.prepare(task)
    ends = []

    async def ask() -> None:
        try:
            await database.run(BOMB, task, 60.0)
        except ToolError as error:
            ends.append(type(error))

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        await database.aclose()

    assert ends == [ToolError]
    assert not children()


async def test_the_tables_have_no_name_on_disk_once_they_are_loaded(database):
    assert not [file for folder in private_folders() for file in folder.rglob("tables.duckdb")]


async def test_a_worker_that_something_else_killed_is_replaced(database, task):
    (worker,) = database._tasks["t"].idle
    ended = os.pidfd_open(worker.pid)
    os.kill(worker.pid, signal.SIGKILL)
    select.select([ended], [], [], 5.0)
    os.close(ended)

    assert (await database.run("SELECT count(*) AS n FROM transfers", task, 10.0)).brief == "n\n2"


async def test_releasing_a_task_twice_is_no_error(database, task):
    await database.release(task)
    await database.release(task)

    with pytest.raises(ToolError):
        await database.run("SELECT 1", task, 10.0)


async def test_changes_to_the_file_after_loading_change_no_answer(database, task):
    task.tables[0].write_text("x\n1\n")

    with pytest.raises(ToolTimeout):
        await database.run(BOMB, task, 0.2)

    assert (await database.run("SELECT count(*) AS n FROM transfers", task, 10.0)).brief == "n\n2"


OWNER = """
import sys
from pathlib import Path
sys.path[:0] = [{root!r}, {tools!r}]
import anyio
from agent_runtime.types import Task
from agent_runtime_tools import database as database_module
from agent_runtime_tools.database import Database

async def main():
    task, database = Task("t", "", tables=(Path({table!r}),)), Database()
    await database.prepare(task)
    loaded = database._tasks["t"].idle[0].pid
    print(loaded, flush=True)
    await database.run({bomb!r}, task, 60.0)

anyio.run(main)
"""


def test_a_killed_host_leaves_no_worker_and_no_file(task):
    root = Path(__file__).parents[2]
    code = OWNER.format(root=str(root), tools=str(root / "tools"), table=str(task.tables[0]), bomb=BOMB)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        worker = os.pidfd_open(int(owner.stdout.readline()))
        owner.send_signal(signal.SIGKILL)

    is_gone = bool(select.select([worker], [], [], 5.0)[0])
    os.close(worker)

    assert is_gone
    assert not private_folders()


async def test_a_worker_cannot_write_any_file_once_the_tables_are_locked(database):
    (worker,) = database._tasks["t"].idle

    assert resource.prlimit(worker.pid, resource.RLIMIT_FSIZE) == (0, 0)


# --- whatever is written to it

WORDS = """
SELECT FROM transfers eur ordering_party sum( avg( ( ) , * = <> 'x' " ; -- /* */ 1 9e999 NULL WITH r AS RECURSIVE
UNION ALL GROUP BY ORDER LIMIT OFFSET WHERE CAST( DATE INTERVAL [ ] { } :: . range( unnest( PIVOT ON USING DESCRIBE
SHOW EXPLAIN ANALYZE INSERT INTO DELETE VALUES lambda x: -> $1 ? COLUMNS( OVER ( CASE WHEN THEN END IN BETWEEN AND
NOT EXISTS( JOIN LEFT ASOF LATERAL
"""
STATEMENTS = st.text(max_size=300) | st.lists(
    st.sampled_from([*WORDS.split(), "\x00", "\ud800", "\u202e"]), max_size=25
).map(" ".join)


async def fuzz(database: Database, task: Task, text: str) -> None:
    try:
        observation = await database.run(text, task, 5.0)
    except ToolError as error:
        assert str(error)  # noqa: PT017 - either outcome is right, this is its law
    else:
        assert observation.brief


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=STATEMENTS)
async def test_any_text_is_an_observation_or_a_tool_error(database, task, text):
    await fuzz(database, task, text)


@pytest.mark.soak
@settings(max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=STATEMENTS)
async def test_ten_thousand_texts_are_observations_or_tool_errors(database, task, text):
    await fuzz(database, task, text)


async def test_the_cells_that_a_question_names_are_found(database: Database, tmp_path: Path):
    file = tmp_path / "open_orders.csv"
    file.write_text("client,status,region\nAcme Ltd,open,west\nAcme,paid,n\nO'Hara & Sons,overdue,west\n")
    question = (
        "Of the open orders: how much did ACME LTD and O'Hara & Sons owe in the west, not the northwest?"
    )

    context = await database.prepare(Task("t", question, (file,)))

    assert context.mentions == ("Acme Ltd", "O'Hara & Sons", "west")
