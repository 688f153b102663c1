"""Whole runs through the SDK with real parts: the embedded model, real tools, real sandboxes."""

from collections import Counter
from functools import partial

import pytest

from agent_runtime import RunConfig, open_runtime
from agent_runtime.models.scripted import ScriptedModel, branches
from agent_runtime.trace.reader import read
from agent_runtime.types import Action, Check, FinalAnswer, Plan, Step

WIRE_LOG = """when_booked,ordering_party,receiving_party,eur
2024-03-01,Northwind Traders,Halcyon Partners,18250.00
2024-03-04,Halcyon Partners,Copper Bay LLC,17900.00
2024-03-09,Copper Bay LLC,J. Smith,17410.50
2024-03-11,Northwind Traders,City Utilities,311.20
"""
CODE_RUN: list[Action] = [
    Plan(("Compute the sum with a program",)),
    Step("Run it.", Check("python", "print(sum(range(101)))")),
    FinalAnswer("5050"),
]


@pytest.mark.weights
@pytest.mark.slow
@pytest.mark.parametrize(
    "question", ["Who is the biggest spender?", "Trace all funds Northwind Traders moved."]
)
async def test_on_columns_the_weights_do_not_know_no_branch_repeats_a_failing_action(question, tmp_path):
    table = tmp_path / "wire_log.csv"
    table.write_text(WIRE_LOG)
    config = RunConfig.load({"think": "quick", "trace": tmp_path / "run.jsonl", "max_tokens": 6_000})

    async with open_runtime(config) as runtime:
        found = await runtime.solve(runtime.new_task(question, (table,)))

    graph = read(tmp_path / "run.jsonl").graph()
    assert found.stop_reason in ("answered", "not_established")
    for node in graph:
        checks = [one.action.check for one in graph.path(node.id) if isinstance(one.action, Step)]
        failed = [
            one.action.check
            for one in graph.path(node.id)
            if isinstance(one.action, Step) and one.verdict.kind == "refuted"
        ]
        assert all(Counter(checks)[check] <= 2 for check in failed)


@pytest.mark.parametrize(
    "sandbox",
    [
        pytest.param("docker", marks=pytest.mark.docker),
        pytest.param("bubblewrap", marks=pytest.mark.bubblewrap),
    ],
)
async def test_a_python_check_runs_in_a_real_sandbox_and_holds_the_answer_up(sandbox, tmp_path):
    settings = {"think": "quick", "sandbox": sandbox, "min_confidence": 0.4}
    config = RunConfig.load({**settings, "trace": tmp_path / "run.jsonl"})

    async with open_runtime(config, model=ScriptedModel(branches(CODE_RUN))) as runtime:
        found = await runtime.solve("What is the sum of the numbers from 1 to 100?")

    assert (found.text, found.verdict) == ("5050", "supported")
    assert found.evidence[0].tool == "python"


@pytest.mark.weights
@pytest.mark.slow
async def test_two_tasks_at_once_share_the_model_and_nothing_else(tmp_path):
    from agent_runtime.concurrency import gather

    tables = []
    for name, amount in (("a", 100), ("b", 250)):
        folder = tmp_path / name
        folder.mkdir()
        table = folder / "transfers.csv"
        table.write_text(f"src,dst,amount\nAcme Ltd,Borealis LLC,{amount}\nAcme Ltd,Corvid BV,{amount}\n")
        tables.append(table)

    async with open_runtime(RunConfig.load({"think": "quick"})) as runtime:
        question = "What is the total outflow of Acme Ltd?"
        tasks = [runtime.new_task(question, (table,)) for table in tables]
        found = await gather([partial(runtime.solve, task) for task in tasks])

    assert [answer.text for answer in found] == ["200", "500"]
