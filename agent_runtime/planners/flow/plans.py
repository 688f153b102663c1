"""Ways to answer a question about money flows: each a query over the flow macros, fitting some readings.

A plan fits when the parts that the question names are the ones it takes, the question speaks of what it needs, and
nothing of the question is left over. Of several that fit, the one that needs most of it comes first; a question that
speaks of what no macro answers (`beyond`) gets no plan, and the model reasons on its own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent_runtime.jobs.cashflow.sql import quote
from agent_runtime.planners.flow.lexicon import Concept
from agent_runtime.planners.flow.reading import Reading

# Concepts that a plan has to explain where a question speaks of them; the others go with almost anything.
SALIENT: frozenset[Concept] = frozenset(
    ["chain", "origin", "return", "earliest", "fewest", "between", "most", "total", "shape", "structuring",
     "pass_through", "onward", "collector", "things"]
)  # fmt: skip
SUM_OF_A_LIST = 1.0  # what it costs a list that a sum is asked for
DIRECT = (
    "total between", "total paid", "total received", "number of payees", "number of payers", "payees", "payers",
)  # fmt: skip
MIN_FLAGGED = 3  # accounts named together before their shape is a question


@dataclass(frozen=True, slots=True)
class FlowPlan:
    """One hypothesis of what is asked: the thought, the query that would answer it, and its fit (more is better)."""

    name: str
    thought: str
    query: str
    fit: float
    is_list: bool = False  # all rows of the first column are the answer, else the first row is
    n_columns: int = 9  # of the first row that belong to the answer; the others are evidence


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of plan. `parts`: whom it takes, `p` payer, `r` recipient, `?` one whose part is open, `*` many."""

    name: str
    parts: tuple[str, ...]
    needs: frozenset[Concept]
    explains: frozenset[Concept]
    thought: str
    query: Callable[[Reading], str]
    is_list: bool = False
    n_columns: int = 9
    fits: Callable[[Reading], bool] = lambda reading: True
    bonus: float = 0.0


def plans(reading: Reading) -> list[FlowPlan]:
    """The plans that fit a reading, best first; none for a question that the macros do not answer."""
    if "beyond" in reading.concepts:
        return []
    said = reading.concepts & SALIENT
    found = []
    for kind in KINDS:
        if _parts_of(reading) not in kind.parts or not _fits(kind, reading):
            continue
        asks_for_a_sum = kind.is_list and "total" in said and "list" not in reading.concepts
        fit = len(kind.needs & SALIENT) + kind.bonus - SUM_OF_A_LIST * asks_for_a_sum
        thought = kind.thought.format(
            payer=_name(reading.payers), payee=_name(reading.payees), any=_name(reading.named)
        )
        found.append(FlowPlan(kind.name, thought, kind.query(reading), fit, kind.is_list, kind.n_columns))
    return sorted((plan for plan in found if _uses_all(plan, reading)), key=lambda plan: -plan.fit)


def _fits(kind: _Kind, reading: Reading) -> bool:
    """Whether the question speaks of what a plan needs, and of nothing that the plan leaves unanswered."""
    asks_of_each = "each" in reading.concepts and not kind.is_list and kind.parts != ("",)
    is_nested = kind.name in DIRECT and reading.n_verbs > 1  # what the accounts that X paid paid
    is_other = bool((reading.concepts & SALIENT) - kind.explains - kind.needs)
    return (
        kind.needs <= reading.concepts and kind.fits(reading) and not (asks_of_each or is_nested or is_other)
    )


def _uses_all(plan: FlowPlan, reading: Reading) -> bool:
    """Whether a plan's query holds every name, bound and limit that was read: one left out is another question."""
    texts = [quote(name) for name in (*reading.named, reading.currency) if name]
    bounds = [bound for bound in (reading.since, reading.until) if bound]
    hops = [f"max_hops := {reading.max_hops}"] if reading.max_hops else []
    return all(part in plan.query for part in (*texts, *bounds, *hops))


def _name(names: Sequence[str]) -> str:
    return names[0] if names else "it"


def _parts_of(reading: Reading) -> str:
    """Whom the question names, as one word: `p`, `r`, `pr`, `?`, `*` (many) or nothing."""
    if len(reading.named) >= MIN_FLAGGED:
        return "*"
    if len(reading.named) == 1 and reading.payers and reading.payees:
        return "p"  # the money leaves it and comes back to it
    if reading.payers and reading.payees:
        return "pr"
    return "p" * bool(reading.payers) + "r" * bool(reading.payees) + "?" * len(reading.unplaced)


# --- queries


def _window(reading: Reading) -> list[str]:
    return [
        f"{name} := {value}" for name, value in (("since", reading.since), ("until", reading.until)) if value
    ]


def _call(macro: str, reading: Reading, *arguments: str, hops: bool = False) -> str:
    limit = [f"max_hops := {reading.max_hops}"] if hops and reading.max_hops else []
    return f"{macro}({', '.join([*arguments, *_window(reading), *limit])})"


def _text(name: str) -> str:
    return quote(name)


def _payer(reading: Reading) -> str:
    return _text(reading.named[0] if not reading.payers else reading.payers[0])


def _payee(reading: Reading) -> str:
    return _text(next((name for name in reading.payees if name not in reading.payers), reading.named[-1]))


def _moves(reading: Reading, what: str, *conditions: str, order: str = "") -> str:
    where = [*conditions, *([f"currency = {_text(reading.currency)}"] if reading.currency else [])]
    condition = f" WHERE {' AND '.join(where)}" if where else ""
    return f"SELECT {what} FROM {_call('flow_moves', reading)}{condition}{order}"


_TOTAL = "round(sum(amount), 2) AS total"
_REPLY = {"count": "n", "number": "n", "how many": "n", "total": "total", "amount": "total", "sum": "total"}


def _columns(reading: Reading, n: str, total: str) -> str:
    """The columns of the reply: the account, how many, how much, as far as they are asked for."""
    known = {"n": n, "total": f"round({total}, 2)"}
    asked = [_REPLY[word] for word in reading.columns if word in _REPLY]
    if not reading.columns:
        asked = ["n"] if "number" in reading.concepts and "distinct" in reading.concepts else []
    return ", ".join(["account", *(f"{known[name]} AS {name}" for name in dict.fromkeys(asked))])


def _most(side: str) -> Callable[[Reading], str]:
    """The account with most counterparties on one side."""
    return lambda reading: (
        f"SELECT {_columns(reading, f'n_{side}', f'total_{side}')} FROM {_call('flow_hubs', reading)} "
        f"ORDER BY n_{side} DESC, total_{side} DESC, account LIMIT 1"
    )


def _largest(side: str) -> Callable[[Reading], str]:
    """The account with most money on one side."""
    return lambda reading: (
        f"SELECT account, round(total_{side}, 2) AS total FROM {_call('flow_hubs', reading)} "
        f"ORDER BY total_{side} DESC, account LIMIT 1"
    )


def _hub(reading: Reading) -> str:
    return f"SELECT account, n_in, n_out FROM {_call('flow_hubs', reading)} LIMIT 1"


def _arrival(reading: Reading) -> str:
    return f"strftime(arrival, {_text(reading.time_format)}) AS arrival" if reading.time_format else "arrival"


def _counted(reading: Reading) -> str:
    conditions = " AND ".join(f"n_{count.side} {count.relation} {count.n}" for count in reading.counts)
    return f"SELECT account FROM {_call('flow_hubs', reading)} WHERE {conditions} ORDER BY account"


def _members(far: str, near: str) -> Callable[[Reading], str]:
    side = _payer if near == "payer" else _payee
    return lambda reading: _moves(
        reading, f"DISTINCT {far} AS account", f"{near} = {side(reading)}", order=" ORDER BY account"
    )


def _how_many(far: str, near: str) -> Callable[[Reading], str]:
    side = _payer if near == "payer" else _payee
    return lambda reading: _moves(reading, f"count(DISTINCT {far}) AS n", f"{near} = {side(reading)}")


def _shape(reading: Reading) -> str:
    return (
        f"SELECT shape FROM {_call('flow_shape', reading, '[' + ', '.join(map(_text, reading.named)) + ']')}"
    )


def _is_wide(reading: Reading) -> bool:
    return "distinct" in reading.concepts or "number" in reading.concepts


def _has(*sides: str) -> Callable[[Reading], bool]:
    """Whether the question speaks of these sides of an account and of no other."""
    wanted = set(sides)
    return lambda reading: {side for side in ("in", "out") if side in reading.concepts} == wanted


def _is_no_list(reading: Reading) -> bool:
    return "list" not in reading.concepts


def _is_of_two_steps(reading: Reading) -> bool:
    """Whether the question goes on from those whom an account paid."""
    return reading.n_verbs > 1 or bool(reading.concepts & {"collector", "onward", "between"})


def _is_of_reach(reading: Reading) -> bool:
    """Whether the question asks when money can come, through others too, and not when it was paid."""
    return bool(reading.concepts & {"chain", "origin", "possible"})


def _c(*names: Concept) -> frozenset[Concept]:
    return frozenset(names)


KINDS: tuple[_Kind, ...] = (
    _Kind("shape", ("*",), _c("shape"), SALIENT, "Which pattern do the transfers among these accounts form?", _shape),
    _Kind(
        "round trip", ("p", "r", "?"), _c("return"), _c("chain", "between", "origin"),
        "Follow the money out of {any} in time order until it comes back.",
        lambda reading: "SELECT path FROM "
        f"{_call('flow_round_trip', reading, _text(reading.named[0]), hops=True)} LIMIT 1",
    ),
    _Kind(
        "earliest arrival", ("pr",), _c("earliest"), _c("chain", "origin", "things"),
        "Follow the money out of {payer} in time order and see when it can first arrive at {payee}.",
        lambda reading: f"SELECT {_arrival(reading)} FROM {_call('flow_reach', reading, _payer(reading), hops=True)} "
        f"WHERE account = {_payee(reading)}",
        fits=_is_of_reach,
    ),
    _Kind(
        "fewest hops", ("pr",), _c("fewest"), _c("chain", "origin", "between", "things"),
        "Find the ways for money from {payer} to {payee}, fewest transfers first.",
        lambda reading: f"SELECT hops FROM {_call('flow_path', reading, _payer(reading), _payee(reading), hops=True)} "
        "ORDER BY hops LIMIT 1",
    ),
    _Kind(
        "path", ("pr",), _c("path"), _c("chain", "origin"), "Find the way of the money from {payer} to {payee}.",
        lambda reading: "SELECT path FROM "
        f"{_call('flow_path', reading, _payer(reading), _payee(reading), hops=True)} LIMIT 1",
    ),
    _Kind(
        "intermediaries", ("pr",), _c(), _c("between", "onward", "collector"),
        "Who received money from {payer} and later paid {payee}?",
        lambda reading: f"SELECT account FROM {_call('flow_between', reading, _payer(reading), _payee(reading))}",
        is_list=True,
        fits=lambda reading: bool(reading.concepts & {"list", "between"}) and "total" not in reading.concepts,
    ),
    _Kind(
        "total between", ("pr",), _c("total"), _c(), "Add up what {payer} paid to {payee}.",
        lambda reading: _moves(reading, _TOTAL, f"payer = {_payer(reading)}", f"payee = {_payee(reading)}"),
        fits=_is_no_list,
    ),
    _Kind(
        "collector", ("p", "?"), _c("most"), _c("collector", "onward", "between", "chain"),
        "Who is paid by most of the accounts that {any} paid?",
        lambda reading: f"SELECT {_columns(reading, 'n', 'total')} FROM "
        f"{_call('flow_collectors', reading, _payer(reading))} LIMIT 1",
        fits=_is_of_two_steps,
    ),
    _Kind(
        "collector", ("p", "?"), _c("collector"), _c("most", "onward", "between", "chain"),
        "Who is paid by most of the accounts that {any} paid?",
        lambda reading: f"SELECT {_columns(reading, 'n', 'total')} FROM "
        f"{_call('flow_collectors', reading, _payer(reading))} LIMIT 1",
    ),
    _Kind(
        "sent on", ("p", "?"), _c("onward", "total"), _c("chain"),
        "Add up what the accounts that {any} paid sent on afterwards.",
        lambda reading: f"SELECT round(sum(sent_on), 2) AS total FROM {_call('flow_onward', reading, _payer(reading))}",
    ),
    _Kind(
        "downstream", ("p",), _c("chain"), _c("origin", "onward"),
        "Follow the money out of {payer} through every chain, in time order.",
        lambda reading: f"SELECT account FROM {_call('flow_reach', reading, _payer(reading), hops=True)}", is_list=True,
    ),
    _Kind(
        "upstream", ("r",), _c("chain"), _c("origin"), "Follow the money that came to {payee} back in time.",
        lambda reading: f"SELECT account FROM {_call('flow_sources', reading, _payee(reading), hops=True)}",
        is_list=True,
    ),
    _Kind(
        "upstream", ("r",), _c("origin"), _c("chain"), "Follow the money that came to {payee} back in time.",
        lambda reading: f"SELECT account FROM {_call('flow_sources', reading, _payee(reading), hops=True)}",
        is_list=True, bonus=0.1,
    ),
    _Kind("total paid", ("p",), _c("total"), _c(), "Add up what {payer} paid.",
          lambda reading: _moves(reading, _TOTAL, f"payer = {_payer(reading)}"), fits=_is_no_list),
    _Kind("total received", ("r",), _c("total"), _c("chain"), "Add up what {payee} received.",
          lambda reading: _moves(reading, _TOTAL, f"payee = {_payee(reading)}"), fits=_is_no_list),
    _Kind("number of payees", ("p",), _c("number", "distinct"), _c(), "Count whom {payer} paid.",
          _how_many("payee", "payer"), fits=_is_no_list),
    _Kind("number of payers", ("r",), _c("number", "distinct"), _c(), "Count who paid {payee}.",
          _how_many("payer", "payee"), fits=_is_no_list),
    _Kind("payees", ("p",), _c("list"), _c(), "List whom {payer} paid.", _members("payee", "payer"), is_list=True),
    _Kind("payers", ("r",), _c("list"), _c(), "List who paid {payee}.", _members("payer", "payee"), is_list=True),
    _Kind(
        "counterparties", ("",), _c(), SALIENT, "List the accounts with so many payers and payees.", _counted,
        is_list=True, fits=lambda reading: bool(reading.counts), bonus=1.0,
    ),
    _Kind(
        "pass-through", ("",), _c("pass_through"), _c("onward", "total"),
        "Find the accounts that pay out what comes in.",
        lambda reading: f"SELECT account FROM {_call('pass_through', reading)}", is_list=True,
        fits=lambda reading: not reading.counts,
    ),
    _Kind(
        "structuring", ("",), _c("structuring"), _c("total", "most"), "Look for payments just below a limit.",
        lambda reading: f"SELECT payer, payee, n FROM {_call('structuring', reading)} LIMIT 1",
    ),
    _Kind("most payers", ("",), _c("most"), _c("total", "collector"), "Count the distinct payers of every account.",
          _most("in"), fits=lambda reading: _is_wide(reading) and _has("in")(reading)),
    _Kind("most payees", ("",), _c("most"), _c("total"), "Count the distinct payees of every account.",
          _most("out"), fits=lambda reading: _is_wide(reading) and _has("out")(reading)),
    _Kind("hub", ("",), _c("most"), _c("total", "between", "pass_through", "onward"),
          "Find the account with many payers and many payees.", _hub, n_columns=1, fits=_has("in", "out")),
    _Kind("largest payer", ("",), _c("most", "total"), _c(), "Add up what every account paid.", _largest("out"),
          fits=lambda reading: not _is_wide(reading) and _has("out")(reading)),
    _Kind("largest recipient", ("",), _c("most", "total"), _c(), "Add up what every account received.", _largest("in"),
          fits=lambda reading: not _is_wide(reading) and _has("in")(reading)),
)  # fmt: skip
