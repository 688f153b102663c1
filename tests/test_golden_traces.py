"""The runs that are shipped: they stay readable, and deciding them anew gives the same answers."""

from pathlib import Path

import pytest

from agent_runtime import RunConfig, open_runtime
from agent_runtime.models.scripted import ScriptedModel
from agent_runtime.trace.reader import read
from agent_runtime.types import Plan

TRACES = Path(__file__).parents[1] / "traces"
CHAIN = {"strategy": "chain", "min_confidence": 0.4}  # one pass, which no judge had a say in
ANSWERS = {
    "flow": "Meridian Trading -> Kestrel Partners -> Lotus Properties -> Ridge Consulting"
    " -> Vertex Capital -> Oyster Holdings",
    "table": "11810.75",
    "calculation": "17",
}


def unasked(request: object) -> Plan:
    raise AssertionError("a recorded run must not ask the model")


@pytest.mark.parametrize("name", ANSWERS)
def test_a_golden_run_of_an_older_schema_is_whole_and_reads_as_supported(name):
    trace = read(TRACES / f"{name}.jsonl")

    assert trace.finished is not None
    assert (trace.bad_lines, trace.torn_tail) == ((), b"")
    assert trace.finished.answer.text == ANSWERS[name]
    assert trace.finished.answer.verdict == "supported"
    assert trace.finished.answer.evidence


@pytest.mark.parametrize("name", ANSWERS)
async def test_a_golden_run_decided_anew_gives_its_answer_without_a_model(name):
    async with open_runtime(RunConfig.load(CHAIN), model=ScriptedModel(unasked)) as runtime:
        found = await runtime.redecide(TRACES / f"{name}.jsonl")

    assert (found.text, found.verdict) == (ANSWERS[name], "supported")
    assert found.usage_by_strategy == {"chain": found.usage}
