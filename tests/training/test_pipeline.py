import json

import pytest

from agent_runtime.assembly import open_runtime
from agent_runtime.config import RunConfig
from agent_runtime.dialogue.role_tokens import brief_of
from agent_runtime.models.scripted import ScriptedModel, branches
from agent_runtime.search.chain import Chain
from agent_runtime.trace.reader import read
from agent_runtime.types import Completion, Judgement, ModelCard, Node, Prompt, Request, Step
from agent_runtime_training.evaluate import AfterFailure, Share, first_failure
from agent_runtime_training.recipe import RECIPES, Rollouts, read_recipe
from agent_runtime_training.rollouts import task_of
from agent_runtime_training.tasks import FAMILIES
from tests.trace.branches import record


@pytest.mark.slow
async def test_every_stage_of_the_recipe_runs_and_leaves_weights_that_the_runtime_opens(tmp_path):
    from agent_runtime_training.pipeline import Pipeline

    recipe = read_recipe(RECIPES / "smoke.toml")
    small = recipe.model_copy(
        update={
            "data": recipe.data.model_copy(
                update={
                    "examples": {"quick": 8, "arithmetic": 4},
                    "traces": (record(tmp_path / "run.jsonl"),),
                }
            ),
            "judge": recipe.judge.model_copy(
                update={
                    "examples": {"arithmetic": 4},
                    "rollouts": Rollouts(families=("arithmetic",), tasks=1, branches=2, max_tokens=60),
                }
            ),
            "grpo": recipe.grpo.model_copy(update={"iterations": 1, "tasks": 1, "group": 2}),
            "heldout": {"quick": 1},
        }
    )
    lines: list[str] = []

    await Pipeline(small, tmp_path, open_runtime, lines.append).run()

    figures = [json.loads(line) for line in (tmp_path / "figures.jsonl").read_text().splitlines()]
    measured, exported = ["evaluate"] * 3, ["export"] * 3
    assert [line["stage"] for line in figures] == ["sft", "judge", "grpo", "adapter", *measured, *exported]
    assert len({line["recipe"] for line in figures}) == 1
    assert [line["weights"] for line in figures if line["stage"] == "evaluate"] == ["sft", "judge", "grpo"]
    assert all(line["rows"] == 1 for line in figures if line["stage"] == "export" and line["kind"] == "sft")
    assert (figures[0]["runs"], figures[0]["too_long"]) == (1, 0)
    assert figures[1]["labels_in_runs"] == 1  # the refuted step of the recorded run
    table = (tmp_path / "comparison.md").read_text()
    assert [line.split("|")[2].strip() for line in table.splitlines()[2:5]] == ["sft", "judge", "grpo"]
    assert all((tmp_path / stage / "model.safetensors").is_file() for stage in ("sft", "judge", "grpo"))
    assert (tmp_path / "adapter" / "role_tokens.safetensors").is_file()
    assert json.loads((tmp_path / "model" / "config.json").read_text())["is_step_judge"] is True


def test_an_example_becomes_a_task_with_its_files(tmp_path):
    tables = next(FAMILIES["tables"].generate(1, 0, "heldout"))

    task = task_of(tables, tmp_path, "t1")

    assert [path.name for path in task.tables] == [f"{table.name}.parquet" for table in tables.tables]
    assert task.question == tables.question


@pytest.mark.slow
@pytest.mark.parametrize("family", ["flows", "tables", "arithmetic"])
async def test_a_teachers_trace_is_what_the_runtime_shows_when_it_takes_the_same_actions(tmp_path, family):
    """Context and every result, to the letter: training text is the text that is met at run time."""
    for at, example in enumerate(FAMILIES[family].generate(4, 21, "train")):
        model = ScriptedModel(branches([turn.action for turn in example.turns]))
        config = RunConfig.load({"trace": tmp_path / f"{at}.jsonl"})
        async with open_runtime(config, model=model, strategy=Chain()) as runtime:
            await runtime.solve(task_of(example, tmp_path, f"{family}-{at}"))
        trace = read(tmp_path / f"{at}.jsonl")

        assert trace.started is not None
        assert trace.started.prompt.context == example.context
        nodes = [node for node in trace.graph() if node.action is not None]
        shown = [brief_of(node.observation) if node.observation else None for node in nodes]
        assert shown == [turn.observation.brief if turn.observation else None for turn in example.turns]


class Echo:
    """Answers nothing; counts what it is asked."""

    def __init__(self) -> None:
        self.n_asked = 0

    async def generate(self, requests):
        self.n_asked += len(requests)
        return [Completion(()) for _ in requests]

    async def judge(self, requests):
        return [Judgement() for _ in requests]

    async def card(self):
        return ModelCard("echo", "none", 1000)

    async def aclose(self):
        """Nothing is held."""


async def test_recovery_is_measured_from_a_real_failed_query_on():
    example = next(e for e in FAMILIES["tables"].generate(40, 3, "heldout") if first_failure(e) is not None)
    at = first_failure(example)
    assert at is not None
    live = Echo()
    model = AfterFailure(live, {example.question: example})
    prompt = Prompt(example.question)
    path = tuple(Node(i, i - 1, i, turn.action) for i, turn in enumerate(example.turns[:at], start=1))

    (scripted,) = await model.generate([Request(prompt, path)])
    wrong = example.turns[at].action
    await model.generate([Request(prompt, (*path, Node(at + 1, at, at + 1, wrong)))])

    assert isinstance(wrong, Step)
    assert wrong.check is not None
    assert scripted.spans[-1].text == wrong.check.input
    assert live.n_asked == 1


def test_a_share_comes_with_its_interval():
    assert str(Share(9, 10)) == "90.0% of 10 (59.6% to 98.2%)"
    assert Share(0, 0).interval == (0.0, 1.0)
