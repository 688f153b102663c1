"""Questions about a small flow whose answers can be read off by eye, through the real database and the whole loop."""

from pathlib import Path

import pytest

from agent_runtime.assembly import open_runtime
from agent_runtime.config import RunConfig
from agent_runtime.models.scripted import ScriptedModel
from agent_runtime.planners.flow.planner import PLAN, FlowPlanner
from agent_runtime.planners.flow.plans import plans
from agent_runtime.planners.flow.reading import read
from agent_runtime.types import FinalAnswer, Plan

ROWS = """sender,receiver,amount,day
A Ltd,B Ltd,100,1
B Ltd,C Ltd,90,2
C Ltd,D Ltd,80,2
C Ltd,D Ltd,70,3
D Ltd,A Ltd,60,4
A Ltd,X Ltd,10,1
X Ltd,D Ltd,9,2
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "wires.csv"
    path.write_text(ROWS)
    return path


async def solve(question: str, table: Path, model: FlowPlanner | None = None, **settings):
    config = RunConfig.load({"trace": table.with_name("trace.jsonl"), "think": "quick", **settings})
    async with open_runtime(config, model=model or FlowPlanner(None)) as runtime:
        return await runtime.solve(runtime.new_task(question, (table,)))


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How much did A Ltd pay in total?", "110"),
        ("What total did D Ltd receive?", "159"),
        ("Did any of it reach D Ltd, and how much?", "159"),
        ("How much has C Ltd sent to D Ltd altogether?", "150"),
        ("List all parties that got money from A Ltd.", "B Ltd, X Ltd"),
        ("Who are the payers? List all accounts that sent money to D Ltd.", "C Ltd, X Ltd"),
        ("Which accounts could money from A Ltd have reached, through any chain? List them.",
         "B Ltd, X Ltd, C Ltd, D Ltd"),
        ("List the accounts that are a possible source of what arrived at D Ltd, directly or indirectly.",
         "X Ltd, C Ltd, A Ltd, B Ltd"),
        ("By which path did money get from A Ltd to D Ltd?", "A Ltd -> X Ltd -> D Ltd"),
        ("Does money from A Ltd come back to A Ltd? Give the path.", "A Ltd -> X Ltd -> D Ltd -> A Ltd"),
        ("Name all go-betweens that received from A Ltd and paid D Ltd.", "X Ltd"),
        ("What is the earliest day on which money from A Ltd can arrive at D Ltd?", "2"),
        ("What is the smallest number of transfers by which money from A Ltd reaches D Ltd?", "2"),
        ("Which account received from the largest number of distinct accounts? Answer as account|count.", "D Ltd|2"),
        ("What sum did the accounts that A Ltd paid pass on in total?", "99"),
        ("List every account that received money from exactly 2 accounts.", "D Ltd"),
        ("A Ltd, B Ltd and X Ltd: which pattern do the transfers among them form?", "FAN-OUT"),
    ],
)  # fmt: skip
async def test_a_question_about_flows_is_answered_from_the_macros(question, answer, table):
    found = await solve(question, table)

    assert found.text == answer
    assert found.verdict == "confirmed"


async def test_a_company_named_like_an_attack_is_a_name(tmp_path):
    name = "'; DROP TABLE wires; --"
    table = tmp_path / "wires.csv"
    table.write_text(ROWS + f'A Ltd,"{name}",5,3\n')

    found = await solve(f'How much in total did "{name}" receive?', table)

    assert found.text == "5"


async def test_a_question_beyond_the_macros_is_left_to_the_model(table):
    planner = FlowPlanner(ScriptedModel(lambda request: FinalAnswer("written by the model")))

    found = await solve(
        "What share of its money did A Ltd pay to B Ltd, in percent?", table, planner, min_confidence=0.0
    )

    assert found.text == "written by the model"


async def test_only_the_first_branch_is_planned_and_the_others_are_the_models(table):
    written: list[tuple[object, ...]] = []

    def write(request):
        written.append(tuple(node.action for node in request.path))
        return FinalAnswer("7") if request.path else Plan(("Think.",))

    config = RunConfig.load({"trace": table.with_name("trace.jsonl"), "think": "standard"})
    async with open_runtime(config, model=FlowPlanner(ScriptedModel(write))) as runtime:
        found = await runtime.solve(runtime.new_task("How much did A Ltd pay in total?", (table,)))

    assert found.text == "110"  # the one answer that an observation holds up, against three votes
    assert len([path for path in written if not path]) == 3
    assert all(path[0] != PLAN for path in written if path)


def test_the_plan_that_leaves_least_unexplained_comes_first():
    question = "What is the total that the accounts which Acme paid sent on?"

    found = plans(read(question, [("account", "Acme")]))

    assert [plan.name for plan in found[:2]] == ["sent on", "total paid"]
