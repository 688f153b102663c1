"""The inside of a query: what is free in it, and which names have to be loaded ones."""

import csv
import json
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

import pytest
from llguidance import LLMatcher, LLParserLimits, LLTokenizer, TokenizerWrapper

from agent_runtime.dialogue.grammar import role_token_grammar, tagged_grammar
from agent_runtime.engine.masks import MAX_MASK_ITEMS
from agent_runtime.jobs.cashflow.macros import GUIDE, flow_macros
from agent_runtime.types import Node, Plan, Prompt, TableFunction, TableSchema, Task, ToolSpec
from agent_runtime_tools.closed_sql_grammar import closed_sql_grammar
from agent_runtime_tools.database import Database
from agent_runtime_tools.sql_grammar import sql_grammar
from tests.dialogue.byte_tokens import SPECIAL, accepted, ids_of, takes, tokens

__all__ = ["tokens"]  # the fixture

WIRES = TableSchema(
    "wire_log",
    (
        ("when_booked", "DATE"),
        ("ordering_party", "VARCHAR"),
        ("receiving_party", "VARCHAR"),
        ("eur", "DOUBLE"),
    ),
    10,
)
ODD = TableSchema(
    "odd", (("select", "INTEGER"), ("Total Amount", "DOUBLE"), ('say "x"', "VARCHAR"), ("Größe", "X")), 1
)
ORDERS = TableSchema("orders", (("product", "VARCHAR"), ("amount", "DOUBLE"), ("status", "VARCHAR")), 1)
CLIENTS = TableSchema("clients", (("name", "VARCHAR"), ("since", "DATE")), 1)
PLAN = Node(1, 0, 1, Plan(("x",)))


def written_up_to(tokens, grammar: str, query: str) -> str | None:
    """None where the query can be written; else as much of it as can."""
    ids = list(query.encode())
    n_taken = accepted(tokens, grammar, ids)
    return None if n_taken == len(ids) + 1 else query[:n_taken]


# --- the open grammar


@pytest.mark.parametrize(
    "query",
    [
        "SELECT o.product, c.name FROM orders o JOIN clients c ON o.product = c.name LIMIT 5",
        "SELECT SUM(amount) AS revenue_of_year FROM orders ORDER BY revenue_of_year DESC",
        "SELECT SUM(amount) revenue FROM orders GROUP BY ALL",
        "WITH best AS (SELECT product AS p, SUM(amount) s FROM orders GROUP BY 1) SELECT b.p FROM best b WHERE s > 3",
        "WITH a(x) AS (SELECT amount FROM orders), b AS (SELECT * FROM a) SELECT x FROM b JOIN orders ON TRUE",
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT n FROM r",
        "SELECT AVG(n_sold) FROM (SELECT COUNT(*) AS n_sold FROM orders GROUP BY product)",
        "SELECT q.n_sold FROM (SELECT COUNT(*) AS n_sold FROM orders) q",
        "SELECT * FROM (WITH t AS (SELECT 1 AS one) SELECT one FROM t)",
        'SELECT COUNT(*) AS "Number of Orders" FROM orders ORDER BY "Number of Orders"',
        "PIVOT orders ON status USING count(*) GROUP BY product",
        "SUMMARIZE orders",
        "DESCRIBE",
        "DESCRIBE orders",
        "FROM orders SELECT product",
        "SELECT CURRENT_DATE - INTERVAL '30 days'",
        "SELECT orders.amount, orders.* FROM main.orders",
        'SELECT "orders"."amount" FROM "orders"',
        "SELECT EXTRACT(YEAR FROM since), TRIM(BOTH ' ' FROM name) FROM clients",
        "SELECT name FROM clients WHERE since IS DISTINCT FROM DATE '2024-01-01'",
        "SELECT DISTINCT ON (status) status, product FROM orders ORDER BY status, amount DESC",
        "SELECT SUM(amount) FILTER (WHERE status IN('a', 'b')) OVER(PARTITION BY product) FROM orders",
        "SELECT amount::DECIMAL(18, 2), CAST(amount AS INT) FROM orders WHERE status ILIKE 'a%';",
        "SELECT list_transform([1, 2], x -> x * 2), {'a': 1} FROM orders",
        "-- revenue\nSELECT SUM(amount) FROM orders",
        "SELECT product FROM orders WHERE amount > (SELECT AVG(amount) FROM orders) UNION SELECT name FROM clients",
        "select Product from ORDERS where Orders.Status = 'x'",
        "SELECT * FROM unnest([1, 2]) AS u(n), generate_series(1, 3) g",
        "SELECT *",
    ],
)
def test_an_ordinary_query_can_be_written(tokens, query: str):
    assert written_up_to(tokens, sql_grammar([ORDERS, CLIENTS]), query) is None


@pytest.mark.parametrize(
    ("query", "up_to"),
    [
        ("SELECT product FROM order_items", "SELECT product FROM order"),
        ("SELECT product FROM orders JOIN customers ON TRUE", "SELECT product FROM orders JOIN c"),
        ("SELECT product FROM best", "SELECT product FROM "),
        ("SELECT orders.price FROM orders", "SELECT orders.pr"),
        ("SELECT Orders.price FROM orders", "SELECT Orders.pr"),
        ('SELECT "orders"."price" FROM orders', 'SELECT "orders"."pr'),
        (
            'SELECT product FROM orders WHERE status = "shipped"',
            'SELECT product FROM orders WHERE status = "s',
        ),
        ("SELECT julianday(since) FROM clients", "SELECT julianday"),
        ("SELECT * FROM read_csv('/etc/passwd')", "SELECT * FROM re"),
        ("SELECT product FROM orders; DROP TABLE orders", "SELECT product FROM orders; "),
        ("DROP TABLE orders", "D"),
        ("SELECT (amount FROM orders", "SELECT (amount FROM orders"),
        ("SELECT 'open FROM orders", "SELECT 'open FROM orders"),
        ("SELECTamount FROM orders", "SELECT"),
        ("", ""),
    ],
)
def test_where_it_can_be_decided_only_what_exists_can_be_named(tokens, query: str, up_to: str):
    written = written_up_to(tokens, sql_grammar([ORDERS, CLIENTS]), query)

    assert written is not None
    assert len(written) <= len(up_to) + 2


def test_what_follows_from_is_free_only_in_a_query_that_names_tables_itself(tokens):
    grammar = sql_grammar([ORDERS])

    assert written_up_to(tokens, grammar, "WITH best AS (SELECT 1) SELECT * FROM best") is None
    assert written_up_to(tokens, grammar, "SELECT (WITH best AS (SELECT 1) SELECT 2 FROM best)") is None
    assert (
        written_up_to(tokens, grammar, "SELECT (WITH best AS (SELECT 1) SELECT 2 FROM best) FROM best")
        is not None
    )


def test_nearly_every_right_query_of_the_pack_can_be_written(tokens, shared: Path):
    lines = (shared / "packs" / "defog_sql.dev.jsonl").read_text("utf-8").splitlines()
    items = [json.loads(line) for line in lines]

    refused = [
        item["gold_sql"]
        for item in items
        if written_up_to(tokens, sql_grammar(_tables(item["files"])), item["gold_sql"]) is not None
    ]

    assert len(refused) / len(items) < 0.04, refused  # those that call functions of another database


def test_every_valid_query_of_the_cases_can_be_written(tokens, shared: Path):
    folder = shared / "cases" / "tables"
    cases = [json.loads(line) for line in (folder / "sql.jsonl").read_text("utf-8").splitlines()]
    files = {path.name: path.read_text("utf-8") for path in (folder / "sql").iterdir()}
    grammar = sql_grammar(_tables(files))

    refused = [
        case["query"]
        for case in cases
        if case["kind"] == "ok" and "information_schema" not in case["query"]  # which the database refuses
        if written_up_to(tokens, grammar, case["query"]) is not None
    ]

    assert not refused


def _tables(files: dict[str, str]) -> list[TableSchema]:
    heads = {
        name: next(csv.reader([text.split("\n")[0].strip("\r")]))
        for name, text in files.items()
        if name.endswith(".csv")
    }
    return [
        TableSchema(name[:-4], tuple((column, "X") for column in head), 1) for name, head in heads.items()
    ]


class PunctuationTokens:
    """Bytes, and every run of up to three of the characters of a query: what large vocabularies are full of."""

    def __init__(self) -> None:
        runs = ["".join(run) for n in (2, 3) for run in product(" =-*/,.()[]{}<>:'\"|a1", repeat=n)]
        self.tokens = [bytes([byte]) for byte in range(256)] + [run.encode() for run in runs] + [b"\xff<eos>"]
        self.eos_token_id = len(self.tokens) - 1
        self.special_token_ids = [self.eos_token_id]
        self.bos_token_id = None

    def __call__(self, text: str | bytes) -> list[int]:
        return list(text.encode() if isinstance(text, str) else text)


@pytest.mark.parametrize("make", [sql_grammar, closed_sql_grammar])
def test_a_vocabulary_full_of_punctuation_stays_within_the_limit_of_a_mask(make):
    crowded = LLTokenizer(TokenizerWrapper(PunctuationTokens()))
    limits = LLParserLimits(step_max_items=MAX_MASK_ITEMS)
    grammar = LLMatcher.grammar_from_lark(make([ORDERS, CLIENTS]))

    matcher = LLMatcher(crowded, grammar, log_level=0, limits=limits)
    for byte in b"SELECT SUM((amount * 2)) FROM orders WHERE status = 'a' AND amount >= 1.5":
        matcher.compute_bitmask()
        assert matcher.consume_token(byte), matcher.get_error()


# --- the closed grammar


def sql(*tables: TableSchema, functions: Sequence[TableFunction] = ()) -> str:
    return closed_sql_grammar(tables, functions)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT order_party FROM wire_log",
        "SELECT ordering FROM wire_log",
        "SELECT eur FROM transfers",
        'SELECT "order_party" FROM wire_log',
        "SELECT w.amount FROM wire_log AS w",
        "SELECT eur FROM wire_log; DROP TABLE wire_log",
        "SELECT (eur FROM wire_log",
        "SELECT 'open FROM wire_log",
        "SELECTeur FROM wire_log",
        "SELECT read_csv('/etc/passwd')",
        "DROP wire_log",
        "",
    ],
)
def test_a_query_with_a_name_that_does_not_exist_cannot_be_written(tokens, query: str):
    assert not takes(tokens, sql(WIRES), query)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM wire_log",
        "select ordering_party, sum(eur) as total from wire_log group by 1 having sum(eur) > 1e6 order by total desc",
        "SELECT a.receiving_party FROM wire_log a JOIN wire_log AS b ON a.receiving_party = b.ordering_party",
        "WITH RECURSIVE hops AS (SELECT receiving_party AS t, 1 AS n FROM wire_log WHERE ordering_party = 'Acme' "
        "UNION ALL SELECT w.receiving_party, h.n + 1 FROM wire_log w JOIN hops h ON w.ordering_party = h.t) "
        "SELECT * FROM hops WHERE n <= 5",
        "SELECT COUNT(DISTINCT ordering_party) FROM wire_log WHERE eur IN (SELECT MAX(eur) FROM wire_log)",
        "SELECT CASE WHEN eur >= 10000 THEN 'big' ELSE 'it''s small' END AS result, COUNT(*) FROM wire_log GROUP BY 1",
        "SELECT ordering_party, ROW_NUMBER() OVER (PARTITION BY ordering_party ORDER BY eur DESC) AS rn FROM wire_log "
        "QUALIFY rn = 1",
        'SELECT "ordering_party" FROM "wire_log" LIMIT 3 OFFSET 2',
        "SELECT ROUND(100.0 * SUM(eur) FILTER (WHERE eur > 1) / NULLIF(SUM(eur), 0), 2) AS share FROM wire_log",
        "SELECT eur::INTEGER, CAST(eur AS DECIMAL(18, 2)) FROM wire_log",
        "SELECT * FROM wire_log WHERE when_booked BETWEEN DATE '2024-01-01' AND DATE '2024-01-01' + INTERVAL 3 DAY",
        "SELECT EXTRACT(year FROM when_booked), date_trunc('month', when_booked) FROM wire_log",
        "SELECT ordering_party || ' -> ' || receiving_party FROM wire_log WHERE ordering_party NOT LIKE 'A%'",
        "SELECT\n    total_eur\nFROM (\n    SELECT SUM(eur) AS total_eur\n    FROM wire_log\n)",
        "SELECT eur FROM wire_log WHERE eur > -5 AND NOT (eur IS NULL OR eur <> 3.50)",
    ],
)
def test_a_query_over_what_exists_can_be_written(tokens, query: str):
    ids = list(query.encode())

    n_taken = accepted(tokens, sql(WIRES), ids)

    assert n_taken == len(ids) + 1, query[:n_taken]


@pytest.mark.parametrize("name", ['"select"', '"Total Amount"', '"say ""x"""', '"Größe"'])
def test_odd_names_can_be_written_in_quotes(tokens, name: str):
    ids = list(f"SELECT {name} FROM odd".encode())

    assert accepted(tokens, sql(ODD), ids) == len(ids) + 1


# --- functions

EXAMPLE = Path(__file__).parents[2] / "examples" / "transfers.csv"
PAYMENTS = TableSchema(
    "transfers",
    (("date", "DATE"), ("from_company", "VARCHAR"), ("to_company", "VARCHAR"), ("amount", "DOUBLE")),
    366,
)
BOTH_WAYS = TableFunction("flow_both", ("since",), ("account", "sent_on"))


@pytest.fixture(scope="module")
async def flows() -> tuple[TableFunction, ...]:
    """The functions that the database has for the example's transfers."""
    database = Database(flow_macros)
    context = await database.prepare(Task("flows", "", tables=(EXAMPLE,)))
    await database.aclose()
    return context.functions


def guided_calls() -> Iterator[tuple[str, str]]:
    """Every call of the guide with arguments in the places of its parameters, and the columns it names."""
    for line in GUIDE.splitlines()[:-2]:
        call, columns, *_ = line.split(": ")
        for parameter, value in (
            ("[names]", "['Acme', 'Bolt''s']"),
            ("(name)", "('Acme')"),
            ("(a, b)", "('A', 'B')"),
        ):
            call = call.replace(parameter, value)
        yield call, columns


@pytest.mark.parametrize(("call", "columns"), list(guided_calls()))
async def test_every_call_of_the_guide_can_be_written(tokens, flows, call: str, columns: str):
    several = "max_hops := 3" if "max_hops" in _of(flows, call).parameters else "until := DATE '2024-06-30'"
    windows = [call, call.replace(")", ", since := '2024-01-01')").replace("(, ", "(")]
    windows.append(windows[1].replace(")", f", {several})"))
    tails = ["", " ORDER BY 1 LIMIT 3", " AS f JOIN transfers ON to_company = 'Acme'"]
    queries = [
        f"{head} {window}{tail}" for head in ("SELECT * FROM", "FROM") for window in windows for tail in tails
    ]
    if call.startswith("flow_named"):  # has no window
        queries = [f"SELECT * FROM {call}"]

    for query in queries:
        for grammar in _both_formats(flows):
            assert _can_ask(tokens, grammar, query), query


@pytest.mark.parametrize(("call", "columns"), list(guided_calls()))
async def test_what_a_function_returns_can_be_named_where_it_is_called(
    tokens, flows, call: str, columns: str
):
    query = f"SELECT {columns} FROM {call} WHERE {columns.split(', ')[-1]} IS NOT NULL"

    assert takes(tokens, sql(PAYMENTS, functions=flows), query)


def _of(flows: Sequence[TableFunction], call: str) -> TableFunction:
    return next(function for function in flows if function.name == call.partition("(")[0])


def _both_formats(functions: tuple[TableFunction, ...]) -> list[tuple[str, str]]:
    """Grammars of a step, each with how a query is written in it."""
    grammars = sql_grammar([PAYMENTS], functions), closed_sql_grammar([PAYMENTS], functions)
    spec = ToolSpec("sql", "", grammar=grammars[0], closed_grammar=grammars[1])
    prompt = Prompt("q", tools=(spec,))
    roles = {name[1:-1]: token for name, token in SPECIAL.items()}
    return [
        (role_token_grammar(prompt, [PLAN], roles), "<step>Ask.<sql>{}<end>"),
        (tagged_grammar(prompt, [PLAN]), "<step>Ask.<sql>{}</sql></step>"),
    ]


def _can_ask(tokens, grammar: tuple[str, str], query: str) -> bool:
    lark, form = grammar
    text = form.format(query)
    ids = ids_of(text) if form.endswith("<end>") else list(text.encode())
    return accepted(tokens, lark, ids) == len(ids) + 1


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM flow_everything('Acme')",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM flow_both('Acme', max_hops := 2)",
        "SELECT flow_both('Acme')",
        "SELECT since FROM transfers",
        "SELECT account FROM transfers",
        "SELECT from_company, sent_on FROM transfers",
        "SELECT sent_on FROM flow_both('Acme') JOIN transfers ON TRUE",
        "SELECT * FROM transfers WHERE account = 'Acme'",
        "SELECT order_party FROM flow_both('Acme')",
    ],
)
def test_with_functions_too_no_name_can_be_invented(tokens, query: str):
    assert not takes(tokens, sql(PAYMENTS, functions=[BOTH_WAYS]), query)


async def test_small_weights_choose_from_loaded_columns_alone(tokens):
    database = Database(flow_macros)
    context = await database.prepare(Task("flows", "", tables=(EXAMPLE,)))
    await database.aclose()

    query = "SELECT payee FROM flow_out('Acme')"
    assert takes(tokens, context.grammar, query)
    assert not takes(tokens, context.closed_grammar, query)
    assert takes(tokens, context.closed_grammar, "SELECT * FROM flow_out('Acme', since := 3)")


def test_without_functions_the_grammar_is_that_of_the_tables():
    assert sql(WIRES, functions=()) == sql(WIRES)
    assert "SQL_FUNCTION" not in sql(WIRES)


def test_two_hundred_columns_make_a_grammar(tokens):
    wide = TableSchema("wide", tuple((f"column_{n}", "DOUBLE") for n in range(200)), 1)

    assert takes(tokens, sql(wide), "SELECT column_199 FROM wide")
    assert not takes(tokens, sql(wide), "SELECT column_200 FROM wide")


def taught(shared: Path) -> Iterator[tuple[TableSchema, str]]:
    for line in (shared / "embedded-v0" / "examples.jsonl").read_text("utf-8").splitlines():
        example = json.loads(line)
        for action in example["actions"]:
            if action[0] == "step" and action[2:3] == ["sql"]:
                data = example["data"]
                yield TableSchema(data["table"], tuple(map(tuple, data["cols"])), 1), action[3]


@pytest.mark.slow
def test_every_query_of_the_teacher_can_be_written(tokens, shared: Path):
    queries = list(taught(shared))
    assert len(queries) > 500

    for table, query in queries:
        ids = list(query.encode())
        assert accepted(tokens, sql(table), ids) == len(ids) + 1, query
