import sys
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.errors import BudgetExceeded
from agent_runtime.limits.budget import MIN_ACTION_TOKENS, Budget, Meter, Prices
from agent_runtime.limits.energy import energy_counter
from agent_runtime.types import Usage


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@given(st.integers(1, 5000), st.lists(st.tuples(st.integers(1, 64), st.integers(1, 400)), max_size=30))
def test_tokens_spent_within_what_was_reserved_never_exceed_the_limit(limit, rounds):
    meter = Meter(Budget(tokens=limit))

    try:
        for n_actions, tokens_each in rounds:
            room = meter.reserve(n_actions, tokens_each)
            assert 1 <= room.n_actions <= n_actions
            for _ in range(room.n_actions):
                meter.settle(Usage(think_tokens=room.max_tokens))
    except BudgetExceeded:
        assert limit - meter.spent.n_tokens < MIN_ACTION_TOKENS

    assert meter.spent.n_tokens <= limit


@pytest.mark.parametrize(
    ("budget", "usage", "kind"),
    [
        (Budget(tokens=10), Usage(prompt_tokens=10), "tokens"),
        (Budget(dollars=0.5), Usage(model_seconds=3600), "dollars"),
    ],
)
def test_a_spent_budget_says_which_and_how_much(budget, usage, kind):
    meter = Meter(budget, Prices(dollars_per_hour=1.0))
    meter.settle(usage)

    with pytest.raises(BudgetExceeded) as caught:
        meter.reserve(1, 100)

    assert caught.value.kind == meter.exhausted == kind
    assert caught.value.spent >= caught.value.limit


def test_the_clock_ends_a_run():
    clock = Clock()
    meter = Meter(Budget(seconds=5), clock=clock)
    clock.now += 6

    with pytest.raises(BudgetExceeded, match="seconds"):
        meter.reserve(1, 100)


def test_joules_come_from_the_counter_alone():
    readings = iter([10.0, 12.5, 12.5])

    assert Meter(read_joules=lambda: next(readings)).total().joules == 2.5
    assert Meter().total().joules is None


def test_dollars_are_unknown_without_a_price():
    meter = Meter()

    meter.settle(Usage(think_tokens=1000, model_seconds=10))

    assert meter.total().dollars is None


def test_dollars_by_token_and_by_hour_add_up():
    prices = Prices(3.6, 1.0, 2.0)

    assert prices.dollars(Usage(prompt_tokens=10**6, think_tokens=10**6, model_seconds=1000)) == 4.0


def test_resuming_does_not_reset_a_budget():
    meter = Meter(Budget(tokens=100), already=Usage(think_tokens=99))

    with pytest.raises(BudgetExceeded):
        meter.reserve(1, 100)


def test_own_seconds_are_what_model_and_tools_did_not_take():
    clock = Clock()
    meter = Meter(clock=clock)
    meter.settle(Usage(model_seconds=2, tool_seconds=1))
    clock.now += 4

    assert meter.total().own_seconds == pytest.approx(1.0)


def test_the_energy_of_a_batch_is_shared_by_its_actions_and_nothing_is_booked_twice():
    readings = iter([10.0, 16.0, 16.0, 16.0, 17.0, 17.0])
    meter = Meter(read_joules=lambda: next(readings))
    meter.reserve(3, 100)

    booked = [meter.settle(Usage(think_tokens=5)).joules for _ in range(3)]
    after_the_check = meter.settle(Usage(tool_calls=1)).joules

    assert booked == [2.0, 2.0, 2.0]
    assert after_the_check == 1.0
    assert meter.total().joules == 7.0


def test_the_energy_of_what_is_settled_together_is_shared_by_it():
    readings = iter([10.0, 16.0, 16.0])
    meter = Meter(read_joules=lambda: next(readings))

    settled = meter.settle_batch([Usage(judge_tokens=1), Usage(judge_tokens=5)])

    assert [usage.joules for usage in settled] == [3.0, 3.0]
    assert meter.spent == Usage(judge_tokens=6, joules=6.0)


def test_recorded_energy_is_not_measured_again():
    readings = iter([10.0, 10.5, 11.0])
    meter = Meter(read_joules=lambda: next(readings), already=Usage(joules=40.0))

    assert meter.settle(Usage(joules=40.0)).joules == 40.0
    assert meter.total().joules == 41.0


def test_a_recording_decided_anew_has_the_energy_that_was_recorded():
    meter = Meter()
    meter.settle(Usage(joules=40.0))

    assert meter.total().joules == 40.0


@pytest.mark.parametrize("device", ["https://example.org/v1", "mps", "cuda:63"])
def test_a_device_without_a_counter_of_ours_has_no_energy_rather_than_the_hosts(device):
    assert energy_counter(device)() is None


@pytest.mark.parametrize(
    ("left", "n_wanted", "granted"),
    [(1000, 8, (8, 125)), (300, 8, (4, 75)), (100, 8, (1, 100)), (20, 8, (1, 20)), (5000, 8, (8, 320))],
)
def test_the_last_tokens_go_to_few_actions_of_a_useful_length(left, n_wanted, granted):
    room = Meter(Budget(tokens=left)).reserve(n_wanted, 320)

    assert (room.n_actions, room.max_tokens) == granted


def test_the_counter_of_a_gpu_is_that_of_the_models_device_in_joules(monkeypatch):
    millijoules = {0: 500_000, 1: 7_500}
    fake = SimpleNamespace(
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetTotalEnergyConsumption=millijoules.__getitem__,
    )
    monkeypatch.setitem(sys.modules, "pynvml", fake)

    assert energy_counter("cuda:1")() == 7.5
    assert energy_counter("cuda")() == 500.0
    assert energy_counter("cuda:2")() is None
