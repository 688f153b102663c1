"""A trace on a terminal: the mapping, the answer, the tree of the flow, signs, and what cannot be traced."""

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.text import Text
from rich.tree import Tree

from agent_runtime.jobs.cashflow.types import AccountFlow, Edge, PatternKind, Total, TraceResult, format_units
from agent_runtime.terminal.printable import printable

_MOST_BRANCHES = 6  # of one account; the rest is one line
_MOST_DEEP = 8
_MOST_SIGNS = 8
_SIGNS: tuple[PatternKind, ...] = ("round_trip", "structuring", "pass_through")
_MOST_GAPS = 5


def flow_screen(result: TraceResult) -> RenderableType:
    """Everything for one screen or two; the report has the rest."""
    return Group(
        *_mappings(result), Text(), *_answer(result), *(_tree(result, total) for total in result.totals),
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
    if result.target == result.source:
        yield from _came_back(result)
    elif not (reached := result.reached(result.target)):
        yield _line(
            f"None of it reached {result.target} by this rule, within these tables and dates.", "bold"
        )
    else:
        for account in reached:
            money = _money(result, account.received, account.currency)
            yield _line(f"{money} of it reached {account.name}, {account.first} to {account.last}.", "bold")
    for chain in result.chains:
        yield _line(f"  {' → '.join(chain.names)}  (at most {_money(result, chain.units, chain.currency)})")


def _came_back(result: TraceResult) -> Iterator[Text]:
    returned = [_money(result, total.returned, total.currency) for total in result.totals if total.returned]
    yield _line(f"{' and '.join(returned) or 'None'} of it came back to {result.source}.", "bold")


@dataclass(frozen=True, slots=True)
class _Flow:
    """The flow in one currency: the accounts by name, and the edges listed out of each, the widest first."""

    result: TraceResult
    total: Total
    accounts: dict[str, AccountFlow]
    out_of: dict[str, list[Edge]]

    def paid_by(self, payer: str) -> tuple[int, int]:
        """How many accounts `payer` paid, and how much: of all, listed or not."""
        if payer == self.result.source:
            return self.total.n_payees, self.total.sent
        return self.accounts[payer].n_payees, self.accounts[payer].paid


def _tree(result: TraceResult, total: Total) -> Tree:
    sent = _money(result, total.sent, total.currency)
    back = f", {_money(result, total.returned, total.currency)} came back" if total.returned else ""
    tree = Tree(_line(f"{result.source}  sent {sent}{back}  [{result.method}]", "bold red"))
    accounts = {account.name: account for account in result.accounts if account.currency == total.currency}
    flow = _Flow(result, total, accounts, {})
    for edge in result.edges:
        if edge.currency == total.currency:
            flow.out_of.setdefault(edge.payer, []).append(edge)
    _grow(tree, flow, result.source, {result.source}, 1)
    return tree


def _grow(tree: Tree, flow: _Flow, payer: str, shown: set[str], depth: int) -> None:
    """Every account is opened once, where most of its money came from."""
    edges = flow.out_of.get(payer, [])[:_MOST_BRANCHES]
    new = [edge for edge in edges if edge.payee not in shown]
    shown |= {edge.payee for edge in new}
    for edge in edges:
        branch = tree.add(_edge_line(flow, edge, edge in new))
        if edge in new and depth < _MOST_DEEP:
            _grow(branch, flow, edge.payee, shown, depth + 1)
    n_payees, paid = flow.paid_by(payer)
    if n_payees > len(edges):
        money = _money(flow.result, paid - sum(edge.traced for edge in edges), flow.total.currency)
        tree.add(_line(f"{n_payees - len(edges):,} more, {money}", "dim"))


def _edge_line(flow: _Flow, edge: Edge, is_new: bool) -> Text:
    result = flow.result
    money = _money(result, edge.traced, edge.currency)
    file, row = edge.rows[0]
    name = f"{result.mappings[file].file} " if len(result.mappings) > 1 else ""
    where = f"{name}row {row}" + (f" +{edge.n - 1}" if edge.n > 1 else "")
    text = _line(f"{money}  {edge.payee}")
    if edge.payee == result.source:
        text.append("  came back", "red")
    elif not is_new:
        text.append("  (above)", "dim")
    elif kept := flow.accounts[edge.payee].kept:
        text.append(f"  kept {_money(result, kept, edge.currency)}", "yellow")
    text.append(f"  {printable(where)}", "dim")
    return text


def _signs(result: TraceResult) -> Iterator[Text]:
    found = [pattern for pattern in result.patterns if pattern.kind in _SIGNS]
    for pattern in found[:_MOST_SIGNS]:
        kind = pattern.kind.replace("_", " ")
        money = _money(result, pattern.units, pattern.currency)
        yield _line(f"{kind}: {' → '.join(pattern.names)} {pattern.text}, {money}")
    more = sum(result.n_of_kind[kind] for kind in _SIGNS) - len(found[:_MOST_SIGNS])
    if more:
        yield _line(f"and {more:,} more such signs; --report has the largest of every kind", "dim")


def _gaps(result: TraceResult) -> Iterator[Text]:
    for gap in result.untraceable[:_MOST_GAPS]:
        money = f" {_money(result, gap.units, gap.currency)}" if gap.units else ""
        yield _line(f"not traceable: {gap.what}{money}: {gap.why}", "dim")
    more = len(result.untraceable) - _MOST_GAPS
    if more > 0:
        yield _line(f"and {more} more lines like these in the report (--report)", "dim")


def _money(result: TraceResult, units: int, currency: str) -> str:
    return f"{format_units(units, result.digits)} {currency}".strip()


def _line(text: str, style: str = "") -> Text:
    return Text(printable(text), style=style)
