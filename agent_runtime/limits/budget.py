"""Thinking time as a budget: reserve before spending, settle afterwards, never overspend by more than a step.

One meter a run keeps the one ledger: tokens by role, seconds by part, dollars by the operator's prices, joules
as far as the host can read them. It knows no model and no tool; it is handed what they report.
"""

import time
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, replace

from agent_runtime.errors import BudgetExceeded
from agent_runtime.types import Node, Usage

MIN_ACTION_TOKENS = 8  # an action shorter than this says nothing: asking for it would only waste a pass
USEFUL_ACTION_TOKENS = (
    64  # enough for nearly every action: the last tokens go to few actions that end, not to many cut off
)


@dataclass(frozen=True, slots=True)
class Budget:
    """What a run may spend; None means no limit."""

    tokens: int | None = None
    seconds: float | None = None
    dollars: float | None = None
    joules: float | None = None
    tool_calls: int | None = None
    branches: int | None = None


@dataclass(frozen=True, slots=True)
class Prices:
    """What the operator pays: dollars for an hour of the device, or for a million tokens read and written."""

    dollars_per_hour: float | None = None
    dollars_per_million_prompt_tokens: float | None = None
    dollars_per_million_output_tokens: float | None = None

    def dollars(self, usage: Usage) -> float | None:
        """Price of `usage`; None when no price is set."""
        parts = (
            (self.dollars_per_hour, usage.model_seconds / 3600),
            (self.dollars_per_million_prompt_tokens, (usage.prompt_tokens + usage.forced_tokens) / 1e6),
            (self.dollars_per_million_output_tokens, (usage.think_tokens + usage.judge_tokens) / 1e6),
        )
        known = [price * quantity for price, quantity in parts if price is not None]
        return sum(known) if known else None


FREE = Prices()


def usage_by_strategy(nodes: Iterable[Node], total: Usage, kept: Container[int] = ()) -> dict[str, Usage]:
    """What each strategy's nodes cost, in the order in which the strategies began; `kept` nodes wasted nothing.

    A strategy that was alone has spent the `total`. Where there were several, the runtime's own seconds and the energy
    that no action booked are the run's.
    """
    bills: dict[str, Usage] = {}
    for node in nodes:
        if node.parent_id is not None:
            wasted = 0 if node.id in kept else node.usage.n_tokens
            usage = replace(node.usage, wasted_tokens=wasted)
            bills[node.strategy] = bills.get(node.strategy, Usage()) + usage
    return bills if len(bills) > 1 else dict.fromkeys(bills, total)


@dataclass(frozen=True, slots=True)
class Reservation:
    """Room for `n_actions` actions of at most `max_tokens` sampled tokens each."""

    n_actions: int
    max_tokens: int


class Meter:
    """Counts what one run has spent against its budget.

    `read_joules` gives the device's energy counter (None: the host has none), `clock` seconds that never go
    backwards. `already` is what an interrupted run had spent before: resuming does not reset a budget.
    """

    def __init__(
        self,
        budget: Budget = Budget(),
        prices: Prices = FREE,
        read_joules: Callable[[], float | None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        already: Usage = Usage(),
        already_seconds: float = 0.0,
    ) -> None:
        self.budget = budget
        self.spent = replace(already, joules=None)
        self.n_branches = 0
        self.n_proposed_branches = 0
        self.exhausted: str | None = None  # the first budget that said no
        self._prices = prices
        self._read_joules = read_joules
        self._clock = clock
        self._started = clock() - already_seconds
        self._joules_already = already.joules
        self._joules_before = self._joules_last = read_joules()
        self._joules_unbooked = 0.0
        self._n_unsettled = 0  # actions that were reserved and have not been settled

    @property
    def seconds(self) -> float:
        """Wall time of the run so far."""
        return self._clock() - self._started

    @property
    def seconds_left(self) -> float:
        """Wall time until the run must end; infinite when it has no limit."""
        limit = self.budget.seconds
        return float("inf") if limit is None else limit - self.seconds

    def reserve(self, n_actions: int, tokens_each: int) -> Reservation:
        """Room for up to `n_actions` more actions of up to `tokens_each` sampled tokens.

        Fewer are granted where the budget has no room for all at a useful length, and a shorter one as the last.

        Raises:
            BudgetExceeded: There is no room for even one.
        """
        for kind, limit, spent in self._levels():
            if limit is not None and spent >= limit:
                self._exhaust(kind, limit, spent)
        room = self._room(n_actions, tokens_each)
        self._n_unsettled = room.n_actions
        return room

    def _room(self, n_actions: int, tokens_each: int) -> Reservation:
        if self.budget.tokens is None:
            return Reservation(n_actions, tokens_each)
        left = self.budget.tokens - self.spent.n_tokens
        if left < MIN_ACTION_TOKENS:
            self._exhaust("tokens", self.budget.tokens, self.spent.n_tokens)
        n_granted = max(1, min(n_actions, left // USEFUL_ACTION_TOKENS))
        return Reservation(n_granted, min(tokens_each, left // n_granted))

    def open_branches(self, n_wanted: int, *, is_proposed: bool = False) -> int:
        """Take up to `n_wanted` more branches; how many the budget has room for (0: none, and that is noted).

        The model has as many as the budget says, and so has what planners propose: neither takes from the other.
        """
        limit = self.budget.branches
        n_taken = self.n_proposed_branches if is_proposed else self.n_branches
        granted = n_wanted if limit is None else max(0, min(n_wanted, limit - n_taken))
        if is_proposed:
            self.n_proposed_branches += granted
        else:
            self.n_branches += granted
        if n_wanted and not granted:
            self.exhausted = self.exhausted or "branches"
        return granted

    def take_tool_calls(self, n_wanted: int) -> int:
        """How many of `n_wanted` tool calls may run now; the rest is noted as refused."""
        limit = self.budget.tool_calls
        granted = n_wanted if limit is None else max(0, min(n_wanted, limit - self.spent.tool_calls))
        if granted < n_wanted:
            self.exhausted = self.exhausted or "tool_calls"
        return granted

    def settle(self, usage: Usage) -> Usage:
        """Add what was really spent, with its price and its energy; the usage with both."""
        if self._prices != FREE:
            usage = replace(usage, dollars=self._prices.dollars(usage))
        usage = replace(usage, joules=self._booked_joules(usage.joules))
        self.spent += usage
        return usage

    def settle_batch(self, usages: Sequence[Usage]) -> list[Usage]:
        """Settle what was spent together: energy is shared by all of it."""
        self._n_unsettled = len(usages)
        return [self.settle(usage) for usage in usages]

    def total(self) -> Usage:
        """Everything spent so far, with energy, and with the runtime's own time as what is left of the wall."""
        joules_now = self._read_joules()
        joules = self.spent.joules if self._joules_already is None else self._joules_already
        if joules_now is not None and self._joules_before is not None:
            joules = (self._joules_already or 0.0) + joules_now - self._joules_before
        parts = self.spent.model_seconds + self.spent.tool_seconds + self.spent.waiting_seconds
        return replace(self.spent, joules=joules, own_seconds=max(0.0, self.seconds - parts))

    def _booked_joules(self, recorded: float | None) -> float | None:
        """What one action took: as it was recorded, else an equal share of what its batch has used since the last."""
        n_sharing, self._n_unsettled = max(1, self._n_unsettled), max(0, self._n_unsettled - 1)
        now = self._read_joules()
        if recorded is not None or now is None or self._joules_last is None:
            return recorded
        self._joules_unbooked += now - self._joules_last
        self._joules_last = now
        share = self._joules_unbooked / n_sharing
        self._joules_unbooked -= share
        return share

    def _levels(self) -> tuple[tuple[str, float | None, float], ...]:
        budget, spent = self.budget, self.spent
        joules = self.total().joules if budget.joules is not None else None
        return (
            ("seconds", budget.seconds, self.seconds),
            ("tokens", budget.tokens, spent.n_tokens),
            ("dollars", budget.dollars, spent.dollars or 0.0),
            ("joules", budget.joules, joules or 0.0),
        )

    def _exhaust(self, kind: str, limit: float, spent: float) -> None:
        self.exhausted = self.exhausted or kind
        raise BudgetExceeded(kind, limit, spent)
