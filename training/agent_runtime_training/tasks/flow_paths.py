"""Paths of money: the largest onward flow, the one path between two parties, round trips, chains in time, reach.

The teacher explores hop by hop, as an analyst does, and says when it backs up. The oracle enumerates every path
and rejects a task that has more than one answer.
"""

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import pairwise
from math import fsum

from agent_runtime.types import Backtrack
from agent_runtime_training.tasks import names
from agent_runtime_training.tasks.draft import Builder, Draft
from agent_runtime_training.tasks.example import Split
from agent_runtime_training.tasks.ledger import Ledger, Transfer, background, later, ledger_of, literal
from agent_runtime_training.tasks.slips import ask
from agent_runtime_training.tasks.teacher import Rejected, Teacher
from agent_runtime_training.tasks.wording import pick

MAX_QUERIES = 9  # a longer exploration does not fit the context of a small model


def _chain(
    rng: random.Random, parties: Sequence[str], start: date, is_in_time: bool = True
) -> list[Transfer]:
    """Money handed on along `parties`, a little less at every hop; each hop in one to three payments."""
    value, day, legs = float(rng.randrange(300, 9000) * 100), start, list[Transfer]()
    for payer, payee in pairwise(parties):
        pieces = rng.choice((1, 1, 2, 3))
        legs += [Transfer(payer, payee, round(value / pieces, 2), day) for _ in range(pieces)]
        value = round(value * rng.choice((0.9, 0.95, 0.97, 0.99, 1.0)), 2)
        day = later(day, rng) if is_in_time else day - timedelta(days=rng.randrange(1, 5))
    return legs


def _network(rng: random.Random, is_round: bool = False) -> tuple[list[Transfer], list[str], list[str]]:
    """A chain with dead ends that leave it, and background among other parties."""
    length = rng.randrange(3, 6)
    parties = names.parties(rng, length + rng.randrange(5, 9))
    chain, rest = parties[:length], parties[length:]
    start = names.day(rng)
    transfers = _chain(rng, [*chain, chain[0]] if is_round else chain, start)
    for _ in range(rng.randrange(1, 4)):
        at = rng.choice(chain[:-1])
        spur = rng.sample(rest[:3], rng.randrange(1, 3))
        transfers += _chain(rng, [at, *spur], later(start, rng, 20))
    transfers += background(rng, rest[3:], rng.randrange(4, 16), start)
    return transfers, chain, rest


def _graph(transfers: Sequence[Transfer]) -> dict[str, dict[str, float]]:
    sums: defaultdict[str, defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for transfer in transfers:
        sums[transfer.payer][transfer.payee].append(transfer.amount)
    return {payer: {payee: fsum(part) for payee, part in out.items()} for payer, out in sums.items()}


def _simple_paths(
    graph: dict[str, dict[str, float]], at: str, goal: str, seen: tuple[str, ...] = ()
) -> Iterator[tuple[str, ...]]:
    """Every path from `at` to `goal` that visits no party twice (its end may be its start)."""
    for payee in graph.get(at, {}):
        if payee == goal:
            yield (*seen, at, payee)
        elif payee not in seen and payee != at:
            yield from _simple_paths(graph, payee, goal, (*seen, at))


class _Explorer:
    """Follows money hop by hop, largest flow first, and backs up where it ends."""

    def __init__(self, teacher: Teacher, ledger: Ledger, rng: random.Random) -> None:
        self.teacher, self.ledger, self.rng = teacher, ledger, rng
        self.n_queries = 0

    def outflows(self, party: str) -> list[str]:
        """Who `party` paid, largest total first."""
        if self.n_queries == MAX_QUERIES:
            raise Rejected
        ledger = self.ledger
        query = (
            f"SELECT {ledger.payee}, SUM({ledger.amount_sql}) AS total FROM {ledger.name} "
            f"WHERE {ledger.payer} = {literal(party)} GROUP BY {ledger.payee} ORDER BY total DESC"
        )
        thought = pick(
            self.rng,
            "Outflows of {party}.",
            "Where does {party} send money?",
            "Who did {party} pay?",
            party=party,
        )
        # One slip in a trace is enough to learn from; more would fill the context.
        first = self.n_queries == 0
        rows = (
            ask(self.teacher, self.rng, thought, query, ledger.columns)
            if first
            else self.teacher.sql(thought, query)
        )
        self.n_queries += 1
        totals = [row[1] for row in rows]
        if len(set(map(str, totals))) < len(totals):
            raise Rejected
        return [str(row[0]) for row in rows]

    def find(self, start: str, goal: str) -> list[str] | None:
        """The first path found from `start` to `goal`; None when every branch has ended."""
        path, waiting, seen = [start], [self.outflows(start)], {start}
        while path:
            onward = waiting[-1]
            if goal in onward:
                return [*path, goal]
            new = [party for party in onward if party not in seen]
            if new:
                seen.add(new[0])
                path.append(new[0])
                waiting.append(self.outflows(new[0]))
                continue
            self._back_up(path.pop(), waiting, seen)
        return None

    def _back_up(self, dead: str, waiting: list[list[str]], seen: set[str]) -> None:
        waiting.pop()
        for onward in reversed(waiting):
            left = [party for party in onward if party not in seen]
            if left and not isinstance(self.teacher.turns[-1].action, Backtrack):
                self.teacher.backtrack(f"{dead} is a dead end; try {left[0]}.")
                return


def _plan_exploring(teacher: Teacher, rng: random.Random, start: str) -> None:
    teacher.plan(
        f"List the outflows of {start}",
        pick(rng, "Follow each recipient hop by hop", "Follow the recipients onward"),
        pick(rng, "Back up at dead ends", "Drop branches that stop"),
        pick(rng, "State the path", "Write the path down"),
    )


def _path(rng: random.Random, split: Split) -> Draft:
    """The one path of money between two parties."""
    transfers, chain, _ = _network(rng)
    first, last = chain[0], chain[-1]
    paths = list(_simple_paths(_graph(transfers), first, last))
    if len(paths) != 1:
        raise Rejected
    ledger = ledger_of(rng, split, transfers)
    teacher = Teacher([ledger.table])
    _plan_exploring(teacher, rng, first)
    found = _Explorer(teacher, ledger, rng).find(first, last)
    teacher.answer(" -> ".join(found or ()))
    return Draft(teacher, {"first": first, "last": last}, " -> ".join(paths[0]), [ledger.table])


def _largest(rng: random.Random, split: Split) -> Draft:
    """The path that takes the largest outflow at every hop until money stops."""
    transfers, chain, _ = _network(rng)
    graph, walk = _graph(transfers), [chain[0]]
    while out := graph.get(walk[-1]):
        walk.append(max(out, key=out.__getitem__))
        if len(set(walk)) < len(walk):
            raise Rejected
    ledger = ledger_of(rng, split, transfers)
    teacher = Teacher([ledger.table])
    teacher.plan(
        f"List the outflows of {chain[0]}",
        "Follow the largest each time",
        "Stop where money stops",
        "State the path",
    )
    explorer, path = _Explorer(teacher, ledger, rng), [chain[0]]
    while out_now := explorer.outflows(path[-1]):
        path.append(out_now[0])
    teacher.answer(" -> ".join(path))
    return Draft(teacher, {"first": chain[0]}, " -> ".join(walk), [ledger.table])


def _round_trip(rng: random.Random, split: Split) -> Draft:
    """Whether money comes back to a party, and how."""
    transfers, chain, _ = _network(rng, is_round=rng.random() < 0.75)
    first = chain[0]
    paths = list(_simple_paths(_graph(transfers), first, first))
    if len(paths) > 1:
        raise Rejected
    ledger = ledger_of(rng, split, transfers)
    teacher = Teacher([ledger.table])
    _plan_exploring(teacher, rng, first)
    found = _Explorer(teacher, ledger, rng).find(first, first)
    teacher.answer("yes: " + " -> ".join(found) if found else "no")
    oracle = "yes: " + " -> ".join(paths[0]) if paths else "no"
    return Draft(teacher, {"first": first}, oracle, [ledger.table])


# --- time


def _timed_paths(transfers: Sequence[Transfer], first: str, last: str) -> set[tuple[str, ...]]:
    """Every chain of parties from `first` to `last` along strictly later days."""
    found: set[tuple[str, ...]] = set()
    open_paths: list[tuple[tuple[str, ...], date]] = [((first,), date.min)]
    while open_paths:
        path, day = open_paths.pop()
        if path[-1] == last:
            found.add(path)
            continue
        open_paths += [
            ((*path, t.payee), t.day)
            for t in transfers
            if t.payer == path[-1] and t.day > day and t.payee not in path
        ]
    return found


def _timed(rng: random.Random, split: Split) -> Draft:
    """The one chain in which every payment is later than the one before; a decoy chain runs backwards."""
    parties = names.parties(rng, 10)
    length = rng.randrange(3, 5)
    chain, decoy, rest = parties[:length], parties[length : length + 2], parties[length + 2 :]
    start = names.day(rng)
    transfers = [Transfer(t.payer, t.payee, t.amount, t.day) for t in _chain(rng, chain, start)]
    transfers += _chain(
        rng, [chain[0], *decoy[: rng.randrange(1, 3)], chain[-1]], later(start, rng, 9), is_in_time=False
    )
    transfers += background(rng, rest, rng.randrange(4, 16), start)
    paths = _timed_paths(transfers, chain[0], chain[-1])
    if len(paths) != 1:
        raise Rejected
    ledger = ledger_of(rng, split, transfers)
    teacher = Teacher([ledger.table])
    teacher.plan(
        f"Payments of {chain[0]} with their days", "Follow each recipient, later days only", "State the path"
    )
    path = _follow_in_time(teacher, ledger, chain[0], chain[-1])
    teacher.answer(" -> ".join(path))
    return Draft(teacher, {"first": chain[0], "last": chain[-1]}, " -> ".join(paths.pop()), [ledger.table])


def _follow_in_time(teacher: Teacher, ledger: Ledger, first: str, last: str) -> list[str]:
    """Depth first by earliest day; every query asks for later days only."""
    stack: list[tuple[list[str], str]] = [([first], "")]
    n_queries = 0
    while stack:
        path, day = stack.pop()
        if n_queries == MAX_QUERIES:
            raise Rejected
        after = f" AND {ledger.day_sql} > '{day}'" if day else ""
        rows = teacher.sql(
            f"Payments of {path[-1]}" + (f" after {day}." if day else "."),
            f"SELECT {ledger.payee}, MIN({ledger.day_sql}) AS d FROM {ledger.name} "
            f"WHERE {ledger.payer} = {literal(path[-1])}{after} GROUP BY {ledger.payee} ORDER BY d, {ledger.payee}",
        )
        n_queries += 1
        if any(row[0] == last for row in rows):
            return [*path, last]
        onward = [([*path, str(row[0])], str(row[1])) for row in rows if row[0] not in path]
        if not onward and stack:
            teacher.backtrack(f"{path[-1]} pays nobody later; try {stack[-1][0][-1]}.")
        stack += reversed(onward)
    raise Rejected


def _reach(rng: random.Random, split: Split) -> Draft:
    """Every party that money can have reached within some hops, each hop later than the one before."""
    transfers, chain, _ = _network(rng)
    hops = rng.randrange(2, 4)
    layers: list[set[tuple[str, date]]] = [{(chain[0], date.min)}]
    for _ in range(hops):
        layers.append(
            {
                (t.payee, t.day)
                for party, day in layers[-1]
                for t in transfers
                if t.payer == party and t.day > day
            }
        )
    reached = sorted({party for layer in layers[1:] for party, _ in layer} - {chain[0]})
    if not 1 <= len(reached) <= 8:
        raise Rejected
    ledger = ledger_of(rng, split, transfers)
    teacher = Teacher([ledger.table])
    teacher.plan("Walk along later payments in one recursive query", "List the parties reached")
    day = f"t.{ledger.day_sql}"
    rows = teacher.sql(
        pick(rng, "Walk hop by hop.", "One recursive walk."),
        f"WITH RECURSIVE walk AS (SELECT {ledger.payee} AS p, {ledger.day_sql} AS d, 1 AS hop FROM {ledger.name} "
        f"WHERE {ledger.payer} = {literal(chain[0])} UNION SELECT t.{ledger.payee}, {day}, hop + 1 FROM walk "
        f"JOIN {ledger.name} t ON t.{ledger.payer} = walk.p WHERE hop < {hops} AND {day} > walk.d) "
        f"SELECT DISTINCT p FROM walk WHERE p <> {literal(chain[0])} ORDER BY p",
    )
    teacher.answer(", ".join(str(row[0]) for row in rows))
    return Draft(teacher, {"first": chain[0], "hops": str(hops)}, ", ".join(reached), [ledger.table])


PATH_BUILDERS: dict[str, Builder] = {
    "path": _path,
    "largest_path": _largest,
    "round_trip": _round_trip,
    "timed_path": _timed,
    "reach": _reach,
}
