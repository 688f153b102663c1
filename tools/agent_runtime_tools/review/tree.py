"""A query as a tree whose columns are traced back to the tables they come from.

Aliases, WITH queries and subqueries are seen through; what cannot be traced (a union, an aggregate, a table function)
is None, and whoever asks leaves it alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, traverse_scope

DIALECT = "duckdb"
CHOOSING = (exp.Case, exp.Coalesce, exp.If, exp.Nullif, exp.Predicate)  # what makes values of its own
COMPOUND = (exp.AggFunc, exp.Window, exp.Query, exp.Subquery)

Tables = Mapping[str, Sequence[tuple[str, str]]]  # name -> (column, type) pairs


@dataclass(frozen=True, slots=True)
class Based:
    """An expression over one column of a table, written over that table alone."""

    table: str
    column: str
    kind: str
    written: exp.Expr

    @property
    def sql(self) -> str:
        return self.written.sql(DIALECT)

    @property
    def is_plain(self) -> bool:
        """Whether it is the column itself."""
        return isinstance(self.written, exp.Column)

    @property
    def name(self) -> str:
        """As a message shows it: no quotes around a plain name."""
        return self.column if self.is_plain else self.sql.replace('"', "")


class QueryTree:
    """A parsed query over `tables`.

    Raises:
        sqlglot.errors.SqlglotError: It cannot be read.
    """

    def __init__(self, query: str, tables: Tables) -> None:
        self._tables = {name.lower(): (name, _by_name(columns)) for name, columns in tables.items()}
        parsed = sqlglot.parse_one(query, read=DIALECT)
        schema: dict[str, object] = {name: dict(columns) for name, columns in tables.items()}
        self.tree: exp.Expr = qualify(
            parsed, schema=schema, dialect=DIALECT, validate_qualify_columns=False, quote_identifiers=False
        )
        self.scopes: list[Scope] = list(traverse_scope(self.tree))

    def text_columns(self) -> list[tuple[str, str]]:
        """Every column of texts, as table and column."""
        known = [(table, column) for table, columns in self._tables.values() for column in columns.values()]
        return [(table, column) for table, (column, kind) in known if kind == "VARCHAR"]

    def based(self, node: exp.Expr, scope: Scope) -> Based | None:
        """`node` over one column of one table, or None."""
        found: dict[tuple[str, str], Based] = {}
        if isinstance(node, exp.Column):
            return self._column(node, scope)
        copy = node.copy()
        for column in list(copy.find_all(exp.Column)):
            one = self._column(column, scope)
            if one is None:
                return None
            found[one.table, one.column] = one
            column.replace(one.written.copy())
        if len(found) != 1 or copy.find(*COMPOUND):
            return None
        (one,) = found.values()
        return Based(one.table, one.column, one.kind, copy)

    def _column(self, column: exp.Column, scope: Scope | None) -> Based | None:
        if not column.table and scope is not None:  # ORDER BY names what is selected
            return self._selected(column.name, scope)
        while scope is not None and column.table not in scope.sources:
            scope = scope.parent  # a subquery that looks at the row around it
        source = scope.sources[column.table] if scope is not None else None
        if isinstance(source, exp.Table):
            return self._of_table(source.name, column.name)
        return self._selected(column.name, source) if isinstance(source, Scope) else None

    def _selected(self, name: str, scope: Scope) -> Based | None:
        """What a SELECT calls `name`."""
        if not isinstance(scope.expression, exp.Select):
            return None
        inner = next(
            (one.unalias() for one in scope.expression.selects if one.alias_or_name.lower() == name.lower()),
            None,
        )
        if inner is None or inner.find(*COMPOUND) or any(not one.table for one in inner.find_all(exp.Column)):
            return None
        return self.based(inner, scope)

    def _of_table(self, table: str, column: str) -> Based | None:
        name, columns = self._tables.get(table.lower(), ("", {}))
        if column.lower() not in columns:
            return None
        known, kind = columns[column.lower()]
        return Based(name, known, kind, exp.column(exp.to_identifier(known, quoted=True)))

    def ancestors(self, node: exp.Expr, scope: Scope) -> Iterator[exp.Expr]:
        """What stands around `node` within its own SELECT."""
        while node is not scope.expression and (parent := node.parent) is not None:
            yield parent
            node = parent


def _by_name(columns: Sequence[tuple[str, str]]) -> dict[str, tuple[str, str]]:
    return {name.lower(): (name, kind) for name, kind in columns}
