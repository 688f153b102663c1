"""Questions about a small flow whose answers can be read off by eye, through the real macros and the whole loop."""

import json
from pathlib import Path

import pytest

from agent_runtime.assembly import open_runtime
from agent_runtime.config import RunConfig
from agent_runtime.models.absent import AbsentModel
from agent_runtime.planners.flow.answers import answer
from agent_runtime.planners.flow.planner import PLAN, FlowPlanner
from agent_runtime.planners.flow.plans import FlowPlan, plans
from agent_runtime.planners.flow.reading import read
from agent_runtime.trace.events import RunFinished
from agent_runtime.trace.reader import read as read_trace
from agent_runtime.types import (
    Action,
    Answer,
    Cell,
    FinalAnswer,
    Node,
    Observation,
    ResultTable,
    Step,
)
from tests.planners.flow.flows import DATED, ROWS, Flows


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "wires.csv"
    path.write_text(ROWS)
    return path


@pytest.fixture
def dated(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.csv"
    path.write_text(DATED)
    return path


async def solve(question: str, table: Path, trace: str = "trace.jsonl") -> Answer:
    config = RunConfig.load(
        {"trace": table.with_name(trace), "think": "quick", "planner": "flow", "min_confidence": 0.0}
    )
    async with open_runtime(config, model=AbsentModel(), tools=[Flows(table)]) as runtime:
        return await runtime.solve(runtime.new_task(question))


def proposed(question: str, flows: Flows) -> list[Action]:
    """What the planner writes where its first action is always followed."""
    planner, prompt = FlowPlanner(), flows.prompt(question)
    path: list[Node] = []
    while actions := planner.propose(prompt, path):
        check = actions[0].check if isinstance(actions[0], Step) else None
        seen = flows.observe(check.input) if check is not None else None
        path.append(Node(len(path) + 1, len(path), len(path) + 1, actions[0], seen, origin="planner"))
        if isinstance(actions[0], FinalAnswer):
            break
    return [node.action for node in path if node.action is not None]


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

    assert found.candidate == answer


async def test_a_company_named_like_an_attack_is_a_name(tmp_path):
    name = "'; DROP TABLE wires; --"
    table = tmp_path / "wires.csv"
    table.write_text(ROWS + f'A Ltd,"{name}",5,3\n')

    found = await solve(f'How much in total did "{name}" receive?', table)

    assert found.candidate == "5"


@pytest.mark.parametrize(
    ("question", "right"),
    [
        ("How much did Acorn Ltd transfer to Birch Ltd?", "200"),
        ("Which firms did Acorn Ltd pay that then paid Oak Ltd?", "Birch Ltd, Cedar Ltd"),
        ('How much did "North | South Ltd" pay in total?', "150"),
        ('List the accounts that paid "Elm, Inc.".', "North | South Ltd"),
        ('List the accounts that "North | South Ltd" paid.', "Elm, Inc.; Oak Ltd"),
        ("What is the earliest date on which money from Acorn Ltd can reach Oak Ltd?", "2024-01-03"),
        ("How much did North | South Ltd pay?", "150"),
    ],
)
def test_an_answer_is_read_from_values(question, right, dated):
    actions = proposed(question, Flows(dated))

    found = actions[-1].text if actions and isinstance(actions[-1], FinalAnswer) else None
    assert found == right


@pytest.mark.parametrize(
    "question",
    [
        "How much did Acorn Ltd pay except to Birch Ltd?",
        "How much did Acorn Ltd pay in its smaller payments?",
        "How much did Acorn Ltd pay in the greater transfer?",
        "How much did Acorn Ltd pay within three days?",
        "How much did Acorn Ltd pay on flagged transfers?",
        "How much did Acorn Ltd pay later?",
        "How much did Acorn Ltd refund to Birch Ltd?",
        "How much did Acorn Ltd pay to Zebra Ltd?",
        "How much did Acorn Ltd pay in transfers above 100?",
        "How much did Acorn Ltd pay before 2024-01-02?",
        "How much did Acorn Ltd and Birch Ltd pay in total?",
        "How much did the companies that Acorn Ltd paid pay in total?",
        "How much did the payers of Oak Ltd pay in total?",
        "What is the total that Oak Ltd received from companies that Acorn Ltd paid?",
        "What total did Acorn Ltd pay to every company?",
        "List the dates on which Acorn Ltd paid Birch Ltd.",
        "How many different amounts did Acorn Ltd pay?",
        "What was the largest payment of Acorn Ltd?",
        "What is the earliest date on which Acorn Ltd paid Oak Ltd?",
        "What share did Acorn Ltd pay to Birch Ltd?",
        "Wie viel hat Acorn Ltd an Birch Ltd gezahlt?",
        "What is the capital of France?",
    ],
)
def test_a_question_that_is_not_read_for_sure_gets_no_answer(question, dated):
    actions = proposed(question, Flows(dated))

    assert all(action == PLAN or (isinstance(action, Step) and action.is_lookup) for action in actions)


@pytest.mark.parametrize("case", ["v04", "v05", "v07", "v08"])
def test_a_published_case_ends_as_its_right_value_or_as_none(case, shared):
    folder = shared / "cases" / "verdicts"
    lines = (folder / "cases.jsonl").read_text().splitlines()
    item = next(one for one in map(json.loads, lines) if one["id"] == case)

    actions = proposed(item["question"], Flows(folder / item["tables"][0]))

    right = item["right"] if isinstance(item["right"], str) else ", ".join(item["right"])
    assert [one.text for one in actions if isinstance(one, FinalAnswer)] in ([], [right])


async def test_what_the_planner_wrote_says_so_and_its_look_up_is_no_evidence(table):
    found = await solve("How much did A Ltd pay in total?", table)

    nodes = [
        event.node for event in read_trace(table.with_name("trace.jsonl")).events if event.kind == "node"
    ]
    written = [node for node in nodes if node.action is not None]
    assert {(node.origin, node.planner, node.strategy) for node in written} == {("planner", "flow", "flow")}
    assert [node.action.is_lookup for node in written if isinstance(node.action, Step)] == [True, False]
    assert all("flow_named" not in evidence.input for evidence in found.evidence)
    assert found.usage.n_tokens == 0


def test_no_row_is_no_answer(table):
    actions = proposed("Which accounts paid A Ltd at step 9? List them.", Flows(table))

    assert isinstance(actions[-1], Step)
    assert actions[-1].check is not None
    assert "flow_moves(since := 9, until := 9)" in actions[-1].check.input


async def test_a_planned_run_is_decided_anew_and_resumed_to_the_same_answer(table, tmp_path):
    question = "How much did A Ltd pay in total?"
    whole = await solve(question, table)
    recorded = table.with_name("trace.jsonl")
    lines = recorded.read_bytes().splitlines(keepends=True)
    config = RunConfig.load({"think": "quick", "planner": "flow", "min_confidence": 0.0})

    async with open_runtime(config, model=AbsentModel(), tools=[Flows(table)]) as runtime:
        found = [await runtime.redecide(recorded)]
        for n_kept in range(1, len(lines)):
            cut = tmp_path / f"cut{n_kept}.jsonl"
            cut.write_bytes(b"".join(lines[:n_kept]))
            events = [event async for event in runtime.resume(cut)]
            assert isinstance(events[-1], RunFinished)
            found.append(events[-1].answer)

    assert {(one.candidate, one.confidence, one.node_id) for one in found} == {
        (whole.candidate, whole.confidence, whole.node_id)
    }


async def test_a_run_with_neither_model_nor_plan_establishes_nothing(table):
    found = await solve("What share of its money did A Ltd pay to B Ltd, in percent?", table)

    assert (found.text, found.candidate, found.stop_reason) == (None, None, "not_established")


def test_only_its_own_branch_is_the_planners(table):
    flows = Flows(table)
    own = Node(1, 0, 1, PLAN, origin="planner")
    other = Node(1, 0, 1, FinalAnswer("7"))

    planner, prompt = FlowPlanner(), flows.prompt("How much did A Ltd pay in total?")

    assert planner.propose(prompt, [own])
    assert not planner.propose(prompt, [other])


def test_without_a_table_of_transfers_or_a_database_nothing_is_proposed(table):
    prompt = Flows(table).prompt("How much did A Ltd pay in total?")

    planner = FlowPlanner()

    assert not planner.propose(type(prompt)(prompt.question, tools=prompt.tools), ())
    assert not planner.propose(type(prompt)(prompt.question, tables=prompt.tables), ())


def test_a_plan_that_leaves_something_of_the_question_over_is_none():
    question = "What is the total that the accounts which Acme paid sent on?"

    found = plans(read(question, [("account", "Acme")]))

    assert [plan.name for plan in found] == ["sent on"]


@pytest.mark.parametrize(
    ("kind", "cell", "text"),
    [
        ("DOUBLE", 1e21, "1000000000000000000000"),
        ("DOUBLE", 0.1 + 0.2, "0.30000000000000004"),
        ("DECIMAL(18,2)", "159.00", "159"),
        ("VARCHAR", "159.00", "159.00"),
        ("BIGINT", 9007199254740993, "9007199254740993"),
        ("TIMESTAMP", "2024-01-03 00:00:00", "2024-01-03"),
        ("TIMESTAMP", "2024-01-03 09:30:00", "2024-01-03 09:30:00"),
        ("VARCHAR", None, ""),
    ],
)
def test_a_cell_is_written_exactly(kind: str, cell: Cell, text: str):
    seen = Observation("sql", "", "", table=ResultTable((("x", kind),), ((cell,),), 1))

    assert answer(FlowPlan("a", "", "", 0.0), seen) == text


def test_a_list_that_lacks_rows_is_no_answer():
    table = ResultTable((("account", "VARCHAR"),), (("A",), ("B",)), 900)

    assert not answer(FlowPlan("a", "", "", 0.0, is_list=True), Observation("sql", "", "", table=table))
