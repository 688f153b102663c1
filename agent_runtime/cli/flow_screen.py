"""A trace on a terminal: the mapping, the answer, the tree of the flow, signs, and what cannot be traced."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text
from rich.tree import Tree

from agent_runtime.jobs.cashflow.types import Edge, TraceResult, format_units
from agent_runtime.trace.printable import printable

_MOST_BRANCHES = 6  # of one account; the rest is one line
_MOST_DEEP = 8
_MOST_SIGNS = 8
_MOST_GAPS = 5


def flow_screen(result: TraceResult) -> RenderableType:
    """Everything for one screen or two; the report has the rest."""
    return Group(
        *_mappings(result), Text(), *_answer(result), *(_tree(result, total.currency) for total in result.totals),
        Text(), *_signs(result), *_gaps(result),
    )  # fmt: skip


def _mappings(result: TraceResult) -> Iterator[Text]:
    for mapping in result.mappings:
        roles = ", ".join(f"{role}={column}" for role, column in mapping.roles.items())
        used = f"{mapping.n_used:,} of {mapping.n_rows:,} rows"
        yield _line(f"{mapping.file}: {used}; {roles} (settle it with --map ROLE=COLUMN)", "dim")


def _answer(result: TraceResult) -> Iterator[Text]:
    if result.target is None:
        return
    reached = result.reached(result.target)
    if not reached:
        yield _line(
            f"None of it reached {result.target} by this rule, within these tables and dates.", "bold"
        )
    for account in reached:
        money = _money(result, account.received, account.currency)
        yield _line(f"{money} of it reached {account.name}, {account.first} to {account.last}.", "bold")
    for chain in result.chains:
        yield _line(f"  {' → '.join(chain.names)}  (at most {_money(result, chain.units, chain.currency)})")


def _tree(result: TraceResult, currency: str) -> Tree:
    total = next(total for total in result.totals if total.currency == currency)
    sent = _money(result, total.sent, currency)
    back = f", {_money(result, total.returned, currency)} came back" if total.returned else ""
    tree = Tree(_line(f"{result.source}  sent {sent}{back}  [{result.method}]", "bold red"))
    by_payer: dict[str, list[Edge]] = {}
    for edge in result.edges:
        if edge.currency == currency:
            by_payer.setdefault(edge.payer, []).append(edge)
    _grow(tree, result, by_payer, result.source, {result.source}, 1)
    return tree


def _grow(
    tree: Tree, result: TraceResult, by_payer: dict[str, list[Edge]], payer: str, shown: set[str], depth: int
) -> None:
    """Every account is opened once, where most of its money came from."""
    edges = by_payer.get(payer, [])
    new = [edge for edge in edges[:_MOST_BRANCHES] if edge.payee not in shown]
    shown |= {edge.payee for edge in new}
    for edge in edges[:_MOST_BRANCHES]:
        branch = tree.add(_edge_line(result, edge, edge in new))
        if edge in new and depth < _MOST_DEEP:
            _grow(branch, result, by_payer, edge.payee, shown, depth + 1)
    rest = edges[_MOST_BRANCHES:]
    if rest:
        money = _money(result, sum(edge.traced for edge in rest), rest[0].currency)
        tree.add(_line(f"{len(rest)} more, {money}", "dim"))


def _edge_line(result: TraceResult, edge: Edge, is_new: bool) -> Text:
    money = _money(result, edge.traced, edge.currency)
    file, row = edge.rows[0]
    name = f"{result.mappings[file].file} " if len(result.mappings) > 1 else ""
    where = f"{name}row {row}" + (f" +{edge.n - 1}" if edge.n > 1 else "")
    text = _line(f"{money}  {edge.payee}")
    kept = next((a.kept for a in result.reached(edge.payee) if a.currency == edge.currency), 0)
    if edge.payee == result.source:
        text.append("  came back", "red")
    elif not is_new:
        text.append("  (above)", "dim")
    elif kept:
        text.append(f"  kept {_money(result, kept, edge.currency)}", "yellow")
    text.append(f"  {printable(where)}", "dim")
    return text


def _signs(result: TraceResult) -> Iterator[Text]:
    found = [p for p in result.patterns if p.kind in {"round_trip", "structuring", "pass_through"}]
    for pattern in found[:_MOST_SIGNS]:
        kind = pattern.kind.replace("_", " ")
        money = _money(result, pattern.units, pattern.currency)
        yield _line(f"{kind}: {' → '.join(pattern.names)} {pattern.text}, {money}")


def _gaps(result: TraceResult) -> Iterator[Text]:
    for gap in result.untraceable[:_MOST_GAPS]:
        money = f" {_money(result, gap.units, gap.currency)}" if gap.units else ""
        yield _line(f"not traceable: {gap.what}{money}: {gap.why}", "dim")
    more = len(result.untraceable) - _MOST_GAPS
    if more > 0:
        yield _line(f"and {more} more such; --report has all", "dim")


def _money(result: TraceResult, units: int, currency: str) -> str:
    return f"{format_units(units, result.digits)} {currency}".strip()


def _line(text: str, style: str = "") -> Text:
    return Text(printable(text), style=style)
