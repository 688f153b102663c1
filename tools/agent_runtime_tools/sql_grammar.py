"""A query as a grammar: what follows FROM is loaded, and so is what stands behind a table's own name and a dot.

Lexical on purpose: words, operators, closed strings and balanced parentheses in any order. A word is free, for a query
may introduce any alias and name it before it does (`SELECT c.name FROM customers c`), and llguidance keeps no list of
what was introduced. Decided here is what can be decided from left to right:

- FROM and JOIN are followed by a loaded table, a table function, a query in parentheses, or, in a query that begins
  with WITH, any name;
- `orders.` is followed by a column of orders;
- a parenthesis that touches a word belongs to a function that exists, a type, or a keyword;
- a name in quotes after an operator is a loaded one: other databases write texts so.

Everything else is the database's to judge, which names the nearest names in its error.
"""

import re
from collections.abc import Iterable, Sequence

from agent_runtime.types import TableFunction, TableSchema
from agent_runtime_tools.sql_functions import AGGREGATES, SCALARS, TABLE_FUNCTIONS, WINDOWS

# Words of the language that a parenthesis may touch: IN(, OVER(, DECIMAL(18, 2). The calls of the standard that the
# database reads as syntax are among them.
BEFORE_PARENTHESIS = """
    all and any array as asc between by case cast coalesce columns cross cube decimal desc distinct else except
    exclude exists extract filter from group having in intersect interval into is join lateral like ilike limit
    materialized not numeric nullif on or over overlaps partition position qualify replace rollup select sets
    similar some struct substring then to trim try_cast union using values varchar char when where window with
    within map list row grouping if left right offset percentile_cont percentile_disc date time timestamp
"""
# The calls whose arguments are parted by FROM: EXTRACT(year FROM x), TRIM(BOTH ' ' FROM x).
PARTED_BY_FROM = "extract trim substring overlay position"
SUMMARIES = "summarize describe pivot unpivot"

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SPACE = r"[ \t\n]{0,8}"
_SOME_SPACE = r"[ \t\n]{1,8}"
_IDENTIFIER = r"[A-Za-z_\u{80}-\u{10ffff}][A-Za-z0-9_$\u{80}-\u{10ffff}]*"
_NUMBER = r"([0-9][0-9_]*(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?"
_STRING = "'([^']|'')*'"
_QUOTED = '"([^"]|"")+"'
_OPERATOR = r"<>|<=|>=|!=|==|\|\||->>|->|!?~~\*?|!?~\*?|\/\/|\*\*|:=|=>|::|\^@|@>|<@|&&|<<|>>|[-+\/%<>=&|^:?]"

# {of}: `text` in a query whose tables are all loaded, `named` in one that begins with WITH and may name others. What
# a piece of it ends with decides what may follow: a word needs space before a parenthesis, an operator takes no
# alias. Left recursion keeps the parser linear; that operators and commas stand between words keeps masks cheap, for
# vocabularies are full of tokens like `=====` and `,,,,`.
_RULES = r"""
{of}: {of}_word | {of}_mark | {of}_operator
{of}_word: {of}? (WORD | NUMBER | STRING | COLUMN | OTHER_COLUMN | KNOWN_QUOTED | STAR)
    | {of}? (LIST {of}? LIST_END | STRUCT {of}? STRUCT_END)
    | ({of}_word | {of}_mark)? (QUOTED | QUOTED_COLUMN)
    | ({of}_mark | {of}_operator)? OPEN {of}_inside
    | {of}_word SPACED_OPEN {of}_inside
    | {of}? (CALL | KEYWORD_OPEN) {of}_inside
    | {of}? PARTED_CALL {of} (PLAIN_FROM {of})? CLOSE
    | {of}? FROM SPACED_LATERAL? {of}_source
    | ({of}_mark | {of}_operator)? OPEN with CLOSE
    | {of}_word SPACED_OPEN with CLOSE
    | {of}? AS NAME_OPEN {of}_inside{after_comma}
{of}_mark: {of}_word COMMA | {of}? DISTINCT PLAIN_FROM
{of}_operator: {of}_word OPERATOR | ({of}_mark | {of}_operator)? UNARY
{of}_inside: {of}? CLOSE
{of}_source: SPACED_TABLE | QUOTED_TABLE | OPEN {of}_inside | OPEN with CLOSE | TABLE_CALL {of}_inside{any_source}
"""
_ANY_SOURCE = " | SPACED_NAME | QUOTED"
_ANOTHER = "\n    | named_mark NAME_OPEN named_inside"  # WITH a AS (...), b(x, y) AS (...)


def sql_grammar(tables: Sequence[TableSchema], functions: Sequence[TableFunction] = ()) -> str:
    """Rules for llguidance whose `start` is one query over `tables`, which may call `functions`."""
    rules = [
        "start: COMMENT? query SEMICOLON?",
        "query: SELECT_AND text | SELECT STAR text? | with | EXPLAIN_AND query | OPEN text_inside text?",
        "    | START_FROM text_source text? | SUMMARY text_source text? | SUMMARY SPACED_SELECT text | DESCRIBE",
        "with: WITH_AND RECURSIVE_AND? (NAME_OPEN named_inside)? named",
        _RULES.format(of="text", any_source="", after_comma="").strip(),
        _RULES.format(of="named", any_source=_ANY_SOURCE, after_comma=_ANOTHER).strip(),
    ]
    terminals = {**_names(tables), **_language(functions)}
    return "\n".join([*rules, *(f"{name}: {pattern}" for name, pattern in terminals.items())])


def _names(tables: Sequence[TableSchema]) -> dict[str, str]:
    """The terminals in which names of what is loaded stand."""
    plain = _any(table.name for table in tables if _PLAIN.fullmatch(table.name))
    quoted = _any(table.name.replace('"', '""') for table in tables)
    columns = {column for table in tables for column, _ in table.columns}
    known = _any(name.replace('"', '""') for name in columns | {table.name for table in tables})
    return {
        "SPACED_TABLE": rf"/{_SOME_SPACE}((?i:main)\.)?(?i:{plain})/",
        "QUOTED_TABLE": f'/{_SPACE}((?i:main)\\.)?"(?i:{quoted})"/',
        "COLUMN": f"/{_SPACE}({'|'.join(map(_of_table, tables)) or _NOTHING})/",
        # A table's own name is left to COLUMN: a dot after any other one belongs to an alias.
        "OTHER_COLUMN": f"OTHER_QUALIFIER /({_IDENTIFIER}|{_QUOTED}|\\*)/",
        "QUOTED_COLUMN": f"QUOTED_QUALIFIER /({_IDENTIFIER}|{_QUOTED}|\\*)/",
        "OTHER_QUALIFIER": rf"/{_SPACE}{_IDENTIFIER}\./ & ~/{_SPACE}(?i:{plain})\./",
        "QUOTED_QUALIFIER": rf"/{_SPACE}{_QUOTED}\./ & ~/{_SPACE}\"(?i:{quoted})\"\./",
        "KNOWN_QUOTED": f'/{_SPACE}"(?i:{known})"/',
    }


def _of_table(table: TableSchema) -> str:
    """`orders.amount`, `"order lines"."Total Amount"`, `orders.*`."""
    names = [column for column, _ in table.columns]
    plain = _any(name for name in names if _PLAIN.fullmatch(name))
    quoted = _any(name.replace('"', '""') for name in names)
    own = f'"(?i:{_escaped(table.name.replace(chr(34), chr(34) * 2))})"'
    if _PLAIN.fullmatch(table.name):
        own = f"(?i:{_escaped(table.name)})|{own}"
    return rf'({own})\.((?i:{plain})|"(?i:{quoted})"|\*)'


def _language(functions: Sequence[TableFunction]) -> dict[str, str]:
    """The terminals that are the same for all tables."""
    called = _any(TABLE_FUNCTIONS | {function.name for function in functions})
    return {
        "WORD": f"/{_SPACE}{_IDENTIFIER}/ & ~/{_SPACE}(?i:from|join)/",
        "SPACED_NAME": f"/{_SOME_SPACE}{_IDENTIFIER}/",
        "NUMBER": f"/{_SPACE}{_NUMBER}/",
        "STRING": f"/{_SPACE}{_STRING}/",
        "QUOTED": f"/{_SPACE}{_QUOTED}/",
        "OPERATOR": f"/{_SPACE}({_OPERATOR})/",
        "UNARY": f"/{_SPACE}[-+~@]/",
        "STAR": rf"/{_SPACE}\*/",  # all columns, and times: an operand may follow either
        "LIST": rf"/{_SPACE}\[/",
        "LIST_END": rf"/{_SPACE}\]/",
        "STRUCT": rf"/{_SPACE}\{{/",
        "STRUCT_END": rf"/{_SPACE}\}}/",
        "COMMA": f"/{_SPACE},/",
        "OPEN": rf"/{_SPACE}\(/",
        "SPACED_OPEN": rf"/{_SOME_SPACE}\(/",
        "CLOSE": rf"/{_SPACE}\)/",
        "CALL": rf"/{_SPACE}(?i:{_any(SCALARS | AGGREGATES | WINDOWS)})\(/",
        "KEYWORD_OPEN": rf"/{_SPACE}(?i:{_any(BEFORE_PARENTHESIS.split())})\(/",
        "PARTED_CALL": rf"/{_SPACE}(?i:{_any(PARTED_BY_FROM.split())})\(/",
        "PLAIN_FROM": f"/{_SPACE}(?i:from)/",
        "DISTINCT": f"/{_SPACE}(?i:distinct)/",  # a IS DISTINCT FROM b
        "FROM": f"/{_SPACE}(?i:from|join)/",
        "SPACED_LATERAL": f"/{_SOME_SPACE}(?i:lateral)/",
        "TABLE_CALL": rf"/{_SOME_SPACE}(?i:{called})\(/",
        "AS": f"/{_SPACE}(?i:as)/",
        "NAME_OPEN": rf"/{_SPACE}{_IDENTIFIER}\(/",  # of an alias with its columns: AS u(n)
        "COMMENT": r"/(--[^\n]*\n)+/",
        "SEMICOLON": rf"/{_SPACE};{_SPACE}/",
        "SELECT": f"/{_SPACE}(?i:select)/",
        "SELECT_AND": rf"/{_SPACE}(?i:select)[ \t\n]/",  # at the start of a query nothing else parts it from a word
        "SPACED_SELECT": rf"/{_SOME_SPACE}(?i:select)[ \t\n]/",
        "START_FROM": f"/{_SPACE}(?i:from)/",
        "SUMMARY": f"/{_SPACE}(?i:{_any(SUMMARIES.split())})/",
        "DESCRIBE": f"/{_SPACE}(?i:describe)/",
        "RECURSIVE_AND": rf"/{_SPACE}(?i:recursive)[ \t\n]/",
        "WITH_AND": rf"/{_SPACE}(?i:with)[ \t\n]/",
        "EXPLAIN_AND": rf"/{_SPACE}(?i:explain)[ \t\n]/",
    }


_NOTHING = "[^\\x00-\\x{10ffff}]"


def _any(words: Iterable[str]) -> str:
    """A pattern of any of `words`; one that matches nothing when there are none."""
    return "|".join(map(_escaped, sorted(set(words)))) or _NOTHING


def _escaped(word: str) -> str:
    return "".join(char if char.isascii() and char.isalnum() else rf"\x{{{ord(char):x}}}" for char in word)
