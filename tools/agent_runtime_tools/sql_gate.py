"""The gate in front of DuckDB: one read-only statement, of parts that were read and found safe.

DuckDB's own parser says what the text means (`json_serialize_sql`), and every node of that tree must be on a
list: query nodes, table references, expression classes, functions, tables. A statement type is no filter (a
SELECT may hold a DELETE), and neither are keywords (a string may hold one). What is on no list is refused, so a
newer DuckDB can only be refused more.

Not covered: what an allowed function costs; the worker's limits are for that.
"""

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import duckdb

from agent_runtime_tools.ordering import ordered_column
from agent_runtime_tools.sql_functions import FUNCTIONS, TABLE_FUNCTIONS

MAX_CHARACTERS = 20_000  # no check needs more, and a parser's stack is finite
MAX_PASSED = 512  # texts remembered as safe: branches of one search repeat each other's checks

QUERIES = {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"}
SOURCES = {
    "BASE_TABLE",
    "SUBQUERY",
    "JOIN",
    "TABLE_FUNCTION",
    "EMPTY",
    "EMPTY_FROM",
    "EXPRESSION_LIST",
    "PIVOT",
}
MODIFIERS = {"LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER", "ORDER_MODIFIER", "DISTINCT_MODIFIER"}
ORDERS = {"ASCENDING", "DESCENDING", "ORDER_DEFAULT"}
PARTS = frozenset(QUERIES | SOURCES | MODIFIERS | ORDERS | {"SHOW_REF", "COLUMN_DATA"})
EXPRESSIONS = frozenset(
    {"BETWEEN", "CASE", "CAST", "COLLATE", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT", "FUNCTION"}
    | {"LAMBDA", "LAMBDA_REF", "OPERATOR", "POSITIONAL_REFERENCE", "STAR", "SUBQUERY", "TYPE", "WINDOW"}
)
TYPE_INFO = re.compile(r"[A-Z]+_TYPE_INFO")
SHOWN = frozenset(
    {"", '"tables"', "__show_tables_expanded"}
)  # DESCRIBE of a query, SHOW TABLES, SHOW ALL TABLES
SCHEMAS = frozenset({"", "main", "information_schema"})
INFORMATION = frozenset({"tables", "columns"})  # of information_schema
SYSTEM = ("duckdb_", "pragma_", "pg_", "sqlite_")  # names of the engine's own tables begin so
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
EXPLAIN = re.compile(r"\s*EXPLAIN\s", re.IGNORECASE)
PLAIN_NAME = re.compile(r"[^\W\d]\w*")

Node = dict[str, Any]


class Refused(Exception):
    """The statement is not let through; the message tells the model what would be right."""


class Database(Protocol):
    """What the gate asks of a connection."""

    def execute(
        self, query: duckdb.Statement | str, parameters: object = None
    ) -> duckdb.DuckDBPyConnection: ...

    def extract_statements(self, query: str) -> list[duckdb.Statement]: ...


@dataclass(slots=True)
class Gate:
    """Lets statements through that only read `tables` (name -> columns), with known functions and `macros`.

    `catalog` is the name of the database that holds the tables; `hidden` names the views of the engine; `aliases`
    are other names of tables; `misordered` says of a column of text why its order would mislead.
    """

    tables: Mapping[str, tuple[str, ...]]
    macros: frozenset[str] = frozenset()
    catalog: str = ""
    hidden: frozenset[str] = frozenset()
    aliases: frozenset[str] = frozenset()
    misordered: Mapping[str, str] = field(default_factory=dict)
    _passed: dict[str, duckdb.Statement] = field(default_factory=dict)
    _question: duckdb.Statement | None = None

    def check(self, database: Database, text: str) -> duckdb.Statement:
        """Pass one read-only statement: what comes back is that statement parsed, and is what must be executed.

        Raises:
            Refused: The text is anything else.
        """
        passed = self._passed.get(text)
        if passed is not None:
            return passed
        explained = EXPLAIN.match(text)
        self._check_tree(self._tree(database, text[explained.end() :] if explained else text))
        statement = _single(database, text, "EXPLAIN" if explained else "SELECT")
        if len(self._passed) >= MAX_PASSED:
            self._passed.pop(next(iter(self._passed)))
        self._passed[text] = statement
        return statement

    def _tree(self, database: Database, text: str) -> Node:
        """The statement as DuckDB's own parser reads it."""
        if len(text) > MAX_CHARACTERS:
            raise Refused(f"the statement is too long: at most {MAX_CHARACTERS} characters")
        if UNPRINTABLE.search(text):
            raise Refused("the statement holds control characters: write plain text")
        if self._question is None:  # parsed once: a quarter of the time that it takes to ask
            self._question = database.extract_statements("SELECT json_serialize_sql(?)")[0]
        row = database.execute(self._question, [text]).fetchone()
        assert row is not None
        return _single_node(json.loads(row[0]), text)

    def _check_tree(self, tree: Node) -> None:
        nodes = list(_nodes(tree))
        names = frozenset(_names_of_ctes(nodes))
        for name in names:
            if name in self.hidden or name.startswith(SYSTEM) or not PLAIN_NAME.fullmatch(name):
                raise Refused(f'"{name}" cannot be the name of a WITH query: use another one')
        for node in nodes:
            self._check_node(node, names)

    def _check_node(self, node: Node, ctes: frozenset[str]) -> None:
        kind, part = node.get("type"), node.get("class")
        if isinstance(part, str):
            if part not in EXPRESSIONS:
                raise Refused(f"{_words(part)} is not allowed here: write plain values and columns")
        elif isinstance(kind, str) and kind not in PARTS and not TYPE_INFO.fullmatch(kind):
            raise Refused(f"{_words(kind)} is not allowed here: write one SELECT that only reads")
        if self.misordered and (column := ordered_column(node, self.misordered)):
            raise Refused(self.misordered[column])
        if kind == "TABLE_FUNCTION":  # checked here, by a list of its own
            self._check_function(node["function"].pop("function_name", ""), TABLE_FUNCTIONS)
        elif kind == "BASE_TABLE":
            self._check_table(node, ctes)
        elif kind == "SHOW_REF":
            self._check_shown(node)
        elif "function_name" in node:
            self._check_function(node["function_name"], FUNCTIONS)

    def _check_function(self, name: str, allowed: frozenset[str]) -> None:
        if name.lower() not in allowed and name.lower() not in self.macros:
            raise Refused(f'no function "{name}"{near(name, allowed | self.macros)}')

    def _check_table(self, node: Node, ctes: frozenset[str]) -> None:
        name, schema, catalog = (
            str(node.get(key, "")).lower() for key in ("table_name", "schema_name", "catalog_name")
        )
        path = [str(part).lower() for part in node.get("qualified_name", {}).get("path", [])] or [name]
        is_known = catalog in {"", self.catalog.lower()} and schema in SCHEMAS and path[-1] == name
        is_known = is_known and set(path[:-1]) <= SCHEMAS | {self.catalog.lower()}
        known = INFORMATION if "information_schema" in {schema, *path[:-1]} else ctes | self._lower_tables()
        if not is_known and name in self._lower_tables():
            raise Refused(f'no schema "{schema or path[0]}": write the table alone, {node.get("table_name")}')
        if not is_known or name not in known or node.get("at_clause"):
            raise Refused(f'no table "{node.get("table_name")}"{near(name, self.tables)}')

    def _check_shown(self, node: Node) -> None:
        name = str(node.get("table_name", "")).lower()
        if name not in SHOWN and name.strip('"') not in self._lower_tables():
            raise Refused(f'no table "{name}"{near(name, self.tables)}')

    def _lower_tables(self) -> frozenset[str]:
        return frozenset(name.lower() for name in self.tables) | self.aliases


def near(name: str, known: Iterable[str]) -> str:
    """`; near: a, b`: the known names most like `name`, shortest useful form; empty where none is like it."""
    by_lower = {word.lower(): word for word in known}
    matches = difflib.get_close_matches(name.lower(), by_lower, n=3, cutoff=0.5)
    if not matches and len(by_lower) <= 8:
        matches = list(by_lower)
    return f"; near: {', '.join(by_lower[word] for word in matches)}" if matches else ""


def _single_node(reply: Node, text: str) -> Node:
    """The one query in what the parser says of `text`."""
    if reply["error"]:
        raise Refused(_refusal(str(reply.get("error_type")), str(reply.get("error_message", "")), text))
    statements = reply["statements"]
    if len(statements) != 1:
        raise Refused("write exactly one SELECT statement")
    node = statements[0]["node"]
    assert isinstance(node, dict)
    return node


def _refusal(kind: str, message: str, text: str) -> str:
    first = message.partition("\n")[0].strip()
    if kind == "not implemented" and re.search(r"\bPIVOT\b", text, re.IGNORECASE):
        return "PIVOT needs its values: PIVOT t ON c IN ('a', 'b') USING sum(x)"  # else it creates a type
    if kind == "not implemented" or not first:
        return "only one SELECT that reads the tables is allowed here"
    return first


def _single(database: Database, text: str, kind: str) -> duckdb.Statement:
    """Ask the parser of statements, too: what it gives is executed, so that the text is not read once more."""
    statements = database.extract_statements(text)
    if [statement.type.name for statement in statements] != [kind]:
        raise Refused("write exactly one SELECT statement")
    return statements[0]


def _nodes(tree: Node) -> Iterator[Node]:
    """Every object of the tree, parents first, without recursion: the text decides how deep it is."""
    pending: list[Any] = [tree]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            yield item
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)


def _names_of_ctes(nodes: Iterable[Node]) -> Iterator[str]:
    for node in nodes:
        ctes = node.get("cte_map")
        if isinstance(ctes, dict):
            yield from (str(entry["key"]).lower() for entry in ctes["map"])
        name = node.get("cte_name", node.get("ctename"))
        if name is not None:
            yield str(name).lower()


def _words(kind: str) -> str:
    return kind.removesuffix("_NODE").removesuffix("_QUERY").replace("_", " ")
