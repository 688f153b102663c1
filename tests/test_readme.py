import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from agent_runtime import RunConfig, open_runtime
from agent_runtime.cli.app import app
from agent_runtime.trace.events import NodeAdded

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PYTHON_BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.weights
@pytest.mark.slow
def test_the_sdk_example_runs_as_printed(tmp_path):
    (block,) = [block for block in PYTHON_BLOCKS if "open_runtime(RunConfig(think" in block]
    script = tmp_path / "example.py"
    script.write_text(block)

    done = subprocess.run([sys.executable, script], cwd=ROOT, capture_output=True, text=True, timeout=300)

    assert done.returncode == 0, done.stderr
    first, *kinds = done.stdout.splitlines()
    assert first.split()[1] in ("supported", "confirmed")
    assert kinds[0] == "run_started"
    assert kinds[-1] == "run_finished"


@pytest.mark.weights
@pytest.mark.slow
def test_the_sync_example_runs_as_printed(tmp_path):
    (block,) = [block for block in PYTHON_BLOCKS if "solve_sync(" in block]
    script = tmp_path / "example.py"
    script.write_text(block)

    done = subprocess.run([sys.executable, script], cwd=ROOT, capture_output=True, text=True, timeout=300)

    assert done.returncode == 0, done.stderr
    assert done.stdout.split(maxsplit=2)[:2] == ["351", "supported"]


@pytest.fixture
def own_parts() -> dict[str, Any]:
    """What README's blocks on own tools and own models define, run in their order."""
    names: dict[str, Any] = {"RunConfig": RunConfig, "open_runtime": open_runtime}
    for word in ("class Inventory", "class Clerk", "async def count"):
        (block,) = [block for block in PYTHON_BLOCKS if word in block]
        exec(block, names)  # our own README
    return names


async def test_a_tool_and_a_model_of_ones_own_answer_through_the_runtime(own_parts):
    assert await own_parts["count"]() == "40"


async def test_what_an_own_tool_refuses_is_an_observation_with_its_words(own_parts):
    tools = [own_parts["Inventory"]({"bolt": 40})]
    config = RunConfig.load({"strategy": "chain"})
    async with open_runtime(config, model=own_parts["Clerk"](), tools=tools) as runtime:
        events = [event async for event in runtime.stream("How many are in stock of nut")]

    told = [event.node.observation for event in events if isinstance(event, NodeAdded)]
    assert told[0] is not None
    assert told[0].outcome == "error"
    assert "no article 'nut'; there are: bolt" in told[0].text


def test_every_python_block_of_readme_is_run_by_a_test():
    run = ("open_runtime(RunConfig(think", "solve_sync(", "class Inventory", "class Clerk", "async def count")

    assert [sum(word in block for word in run) for block in PYTHON_BLOCKS] == [1] * len(run)


def test_every_command_and_make_target_that_readme_names_exists():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"\bmake ([a-z-]+)", README):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    commands = get_command(app).commands  # type: ignore[attr-defined]
    named = re.findall(r"\bagent-runtime ([a-z][a-z-]*)([^`\n]*)", README)
    assert len(named) > 10
    for name, rest in named:
        assert name in commands, name
        options = {option for parameter in commands[name].params for option in parameter.opts}
        assert set(re.findall(r"--[a-z][a-z-]*", rest.split(" -- ")[0])) <= options, f"{name} {rest}"


def test_every_command_is_named_in_readme():
    table = re.findall(r"^\| (`.*?`) \|", README, re.MULTILINE)
    named = set(re.findall(r"`(?:agent-runtime )?([a-z][a-z-]*)", " ".join(table)))

    assert set(get_command(app).commands) <= named  # type: ignore[attr-defined]


def test_the_plain_commands_are_those_of_the_makefile():
    makefile = (ROOT / "Makefile").read_text()
    question = re.search(r"^QUESTION := (.*)$", makefile, re.MULTILINE)

    assert question is not None
    assert f'solve "{question.group(1)}" --table examples/transfers.csv' in README
