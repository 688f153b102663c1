"""What may come next: the protocol's order, and in SQL only names that exist."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import llguidance
import pytest

from agent_runtime.dialogue.formats import ROLES
from agent_runtime.dialogue.grammar import (
    FIELD_TOKENS,
    THINK_TOKENS,
    TOOL_TOKENS,
    next_roles,
    role_token_grammar,
    tagged_grammar,
)
from agent_runtime.dialogue.parsing import BUILT_IN_TOOLS
from agent_runtime.dialogue.sql_grammar import sql_grammar
from agent_runtime.jobs.cashflow.macros import GUIDE, flow_macros
from agent_runtime.types import (
    Backtrack,
    FinalAnswer,
    Node,
    Plan,
    Prompt,
    Step,
    TableFunction,
    TableSchema,
    Task,
    ToolSpec,
)
from agent_runtime_tools.database import Database

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
PLAN = Node(1, 0, 1, Plan(("x",)))
STEP = Node(2, 1, 2, Step("x"))

# Tokens are single bytes, then one special token for each role.
SPECIAL = {f"<{role}>": 256 + index for index, role in enumerate(ROLES)}
END_OF_TEXT = 256 + len(ROLES)


class ByteTokens:
    """A tokenizer of bytes in the form that llguidance asks for."""

    def __init__(self) -> None:
        specials = [f"\xff{token}".encode("latin-1") for token in SPECIAL]
        self.tokens = [bytes([byte]) for byte in range(256)] + specials + [b"\xff<eos>"]
        self.special_token_ids = [*SPECIAL.values(), END_OF_TEXT]
        self.bos_token_id = None
        self.eos_token_id = END_OF_TEXT

    def __call__(self, text: str | bytes) -> list[int]:
        return list(text.encode() if isinstance(text, str) else text)


@pytest.fixture(scope="module")
def tokens() -> llguidance.LLTokenizer:
    return llguidance.LLTokenizer(llguidance.TokenizerWrapper(ByteTokens()))


def ids_of(text: str) -> list[int]:
    """Bytes, role tokens as one."""
    ids: list[int] = []
    while text:
        role = next((name for name in SPECIAL if text.startswith(name)), None)
        ids += [SPECIAL[role]] if role else list(text[0].encode())
        text = text[len(role) if role else 1 :]
    return ids


def accepted(tokens: llguidance.LLTokenizer, grammar: str, ids: Sequence[int]) -> int:
    """How many of `ids` the grammar takes; one more than there are when it may end after them."""
    matcher = llguidance.LLMatcher(tokens, llguidance.LLMatcher.grammar_from_lark(grammar), log_level=0)
    assert not matcher.is_error(), matcher.get_error()
    n_taken = 0
    for token in ids:
        if matcher.is_stopped() or not _consume(matcher, token):
            return n_taken
        n_taken += 1
    return n_taken + bool(matcher.is_accepting())


def _consume(matcher: llguidance.LLMatcher, token: int) -> bool:
    """Check against the mask first: with `stop=` fields `try_consume_tokens` refuses what may come."""
    mask = matcher.compute_bitmask()
    return bool(mask[token // 8] >> token % 8 & 1) and bool(matcher.consume_token(token))


def takes(tokens: llguidance.LLTokenizer, grammar: str, text: str) -> bool:
    ids = ids_of(text)
    return accepted(tokens, grammar, ids) == len(ids) + 1


def sql(*tables: TableSchema, functions: Sequence[TableFunction] = ()) -> str:
    return f"start: sql_text\n{sql_grammar(tables, functions)}"


# --- order


def test_a_plan_comes_first():
    assert next_roles([Node(0, None, 0)]) == ("plan",)


def test_after_a_plan_there_is_nothing_to_give_up_yet():
    assert "backtrack" not in next_roles([PLAN])


def test_after_a_step_everything_may_come():
    assert set(next_roles([PLAN, STEP])) == {"plan", "step", "backtrack", "answer"}


def test_a_backtrack_is_followed_by_something_else():
    assert "backtrack" not in next_roles([PLAN, STEP, Node(3, 2, 3, Backtrack("x"))])


def test_nothing_follows_an_answer():
    with pytest.raises(ValueError, match="nothing follows"):
        next_roles([PLAN, Node(2, 1, 2, FinalAnswer("x"))])


TOOLS = tuple(ToolSpec(name, "") for name in BUILT_IN_TOOLS)


def role_grammar(path: Sequence[Node], *tables: TableSchema, tools: tuple[str, ...] = BUILT_IN_TOOLS) -> str:
    prompt = Prompt("q", tools=tuple(ToolSpec(tool, "") for tool in tools), tables=tables)
    return role_token_grammar(prompt, path, {name[1:-1]: token for name, token in SPECIAL.items()})


@pytest.mark.parametrize(
    "text",
    [
        "<step>Think.<end>",
        "<step>Sum.<calc>1 + 1<end>",
        "<step>Ask.<sql>SELECT SUM(eur) AS total FROM wire_log<end>",
        "<step>Run.<python>print('<answer>'[:3])\n<end>".replace("<answer>", "< answer >"),
        "<answer>7<end>",
        "<backtrack>no rows<end>",
        "<plan>1. a\n2. b<end>",
    ],
)
def test_the_actions_of_the_protocol_are_accepted(tokens, text: str):
    assert takes(tokens, role_grammar([PLAN, STEP], WIRES), text)


@pytest.mark.parametrize(
    "text",
    [
        "<calc>1<end>",
        "<step>Sum.<calc>1<result>1<end>",
        "<step>Sum.<calc>1<calc>2<end>",
        "<answer><end>",
        "<result>7<end>",
        "<good>",
        "7",
        "<answer>7<end><answer>8<end>",
    ],
)
def test_anything_else_is_not(tokens, text: str):
    assert not takes(tokens, role_grammar([PLAN, STEP], WIRES), text)


def test_only_tools_that_are_there_can_be_called(tokens):
    grammar = role_grammar([PLAN], tools=("calc",))

    assert not takes(tokens, grammar, "<step>Run.<python>1<end>")


def test_without_tables_there_is_nothing_to_query(tokens):
    assert not takes(tokens, role_grammar([PLAN]), "<step>Ask.<sql>SELECT 1<end>")


# What the limit of a field can be off by: llguidance sees it where a lexeme ends, and counts from where one begins.
SLACK = 2
FIELDS = {
    "plan": "1. x < y\n",
    "step": "x is y ",
    "backtrack": "no < rows ",
    "answer": "7 < 8 <b> ",
    "calc": "1 < 2 + ",
    "sql": "SELECT eur < 'x' FROM wire_log WHERE ",
    "python": "print('<b>' < 2)\n",
    "edit": "a.py: x < y\n",
    "stock": "bolt < nut\n",
}
OWN_TOOLS = (*BUILT_IN_TOOLS, "stock")


def limit(field: str) -> int:
    return FIELD_TOKENS.get(field, TOOL_TOKENS)


def own_roles() -> dict[str, int]:
    """A role token for the caller's own tool as well; an unused byte stands for it."""
    return {role[1:-1]: token for role, token in SPECIAL.items()} | {"stock": 1}


def n_until_closed(tokens: llguidance.LLTokenizer, grammar: str, ids: Sequence[int], closing: int) -> int:
    """How many more tokens can follow `ids` before nothing but `closing` may."""
    matcher = llguidance.LLMatcher(tokens, llguidance.LLMatcher.grammar_from_lark(grammar), log_level=0)
    assert all(_consume(matcher, token) for token in ids)
    for n_more in range(SLACK + 1):
        mask = matcher.compute_bitmask()
        allowed = [token for token in range(8 * len(mask)) if mask[token // 8] >> token % 8 & 1]
        if allowed == [closing]:
            return n_more
        assert matcher.consume_token(next(token for token in allowed if token != closing))
    raise AssertionError(f"still open after {SLACK} more tokens")


@pytest.mark.parametrize("field", FIELDS)
def test_a_field_in_role_tokens_ends_at_its_token_limit(tokens, field: str):
    prompt = Prompt("q", tools=tuple(ToolSpec(tool, "") for tool in OWN_TOOLS), tables=(WIRES,))
    grammar = role_token_grammar(prompt, [PLAN, STEP], own_roles())
    start = [*ids_of("<step>Ask."), own_roles()[field]] if field in OWN_TOOLS else ids_of(f"<{field}>")

    ids = start + list((FIELDS[field] * 500).encode())
    n_taken = accepted(tokens, grammar, ids)

    assert abs(n_taken - len(start) - limit(field)) <= SLACK
    if field != "step":  # after which a check may come as well
        assert n_until_closed(tokens, grammar, ids[:n_taken], SPECIAL["<end>"]) <= SLACK


@pytest.mark.parametrize("field", [*FIELDS, "think"])
def test_a_field_in_tagged_text_ends_at_its_token_limit(tokens, field: str):
    prompt = Prompt("q", tools=tuple(ToolSpec(tool, "") for tool in OWN_TOOLS), tables=(WIRES,))
    grammar = tagged_grammar(prompt, [PLAN, STEP])
    opening = f"<step>Ask.<{field}>" if field in OWN_TOOLS else f"<{field}>"

    ids = list((opening + (FIELDS | {"think": "hm "})[field] * 500).encode())
    n_taken = accepted(tokens, grammar, ids)

    expected = THINK_TOKENS if field == "think" else limit(field)
    n_tag = len(f"<{field}>")  # llguidance counts an opening tag in, here a token a byte
    assert expected - n_tag - SLACK <= n_taken - len(opening) <= expected + SLACK
    if ids[n_taken - 1] != ord("<"):  # else the closing tag has begun
        assert n_until_closed(tokens, grammar, ids[:n_taken], ord("<")) <= SLACK


@pytest.mark.parametrize("field", ["answer", "python", "sql"])
def test_a_field_below_its_limit_goes_on(tokens, field: str):
    prompt = Prompt("q", tools=TOOLS, tables=(WIRES,))
    opening = "<answer>" if field == "answer" else f"<step>Ask.<{field}>"
    body = {"answer": "x < ", "python": "x < ", "sql": "eur < "}[field]
    text = opening + body * ((limit(field) - 20) // len(body))

    assert accepted(tokens, tagged_grammar(prompt, [PLAN]), list(text.encode())) == len(text)


# --- tagged text


@pytest.mark.parametrize(
    "text",
    [
        "<plan>1. a\n2. b</plan>",
        "<step>So a is less.</step>",
        "<think>2 is less</think>\n<step>Sum.<calc>1 + 1</calc></step>",
        "<step>Ask.<sql>SELECT eur FROM wire_log WHERE eur < 3</sql></step>",
        "<step>Run.<python>\nprint('</answer>' < 'b')\n</python></step>",
        "<step>Run.<python>x = 1 << 2\nprint('<b></p></py>')</python></step>",
        "<answer>x < 7</answer>",
    ],
)
def test_tagged_actions_are_accepted(tokens, text: str):
    grammar = tagged_grammar(Prompt("q", tools=TOOLS, tables=(WIRES,)), [PLAN, STEP])

    ids = list(text.encode())

    assert accepted(tokens, grammar, ids) == len(ids) + 1


@pytest.mark.parametrize("text", ["hello", "<result>", "<answer>7</answer> and", "<sql>SELECT order_party"])
def test_other_text_is_not(tokens, text: str):
    grammar = tagged_grammar(Prompt("q", tools=TOOLS, tables=(WIRES,)), [PLAN])

    ids = list(text.encode())

    assert accepted(tokens, grammar, ids) < len(ids)


# --- names


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
def anyio_backend() -> str:
    return "asyncio"


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
        for grammar in _both_dialects(flows):
            assert _can_ask(tokens, grammar, query), query


@pytest.mark.parametrize(("call", "columns"), list(guided_calls()))
async def test_what_a_function_returns_can_be_named_where_it_is_called(
    tokens, flows, call: str, columns: str
):
    query = f"SELECT {columns} FROM {call} WHERE {columns.split(', ')[-1]} IS NOT NULL"

    assert takes(tokens, sql(PAYMENTS, functions=flows), query)


def _of(flows: Sequence[TableFunction], call: str) -> TableFunction:
    return next(function for function in flows if function.name == call.partition("(")[0])


def _both_dialects(functions: tuple[TableFunction, ...]) -> list[tuple[str, str]]:
    """Grammars of a step, each with how a query is written in it."""
    prompt = Prompt("q", tools=TOOLS, tables=(PAYMENTS,), functions=functions)
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


def test_trained_weights_choose_from_loaded_columns_alone(tokens):
    roles, tagged = _both_dialects((BOTH_WAYS,))

    assert _can_ask(tokens, tagged, "SELECT account FROM flow_both('Acme')")
    assert not _can_ask(tokens, roles, "SELECT account FROM flow_both('Acme')")
    assert _can_ask(tokens, roles, "SELECT * FROM flow_both('Acme', since := 3)")


def test_without_functions_the_grammar_is_that_of_the_tables():
    assert sql_grammar([WIRES], ()) == sql_grammar([WIRES])
    assert "SQL_FUNCTION" not in sql_grammar([WIRES])


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


def test_a_prompt_without_tools_lets_the_model_call_none():
    grammar = tagged_grammar(Prompt("q"), [PLAN])

    assert "calc" not in grammar
    assert "step" in grammar
