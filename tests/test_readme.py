import re
import subprocess
import sys
from pathlib import Path

import pytest

from agent_runtime.types import Task

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PYTHON_BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.weights
@pytest.mark.slow
def test_the_sdk_example_runs_as_printed(tmp_path):
    (block,) = [block for block in PYTHON_BLOCKS if "open_runtime(RunConfig" in block]
    script = tmp_path / "example.py"
    script.write_text(block)

    done = subprocess.run([sys.executable, script], cwd=ROOT, capture_output=True, text=True, timeout=300)

    assert done.returncode == 0, done.stderr
    first, *kinds = done.stdout.splitlines()
    assert first.split()[1] == "confirmed"
    assert kinds[0] == "run_started"
    assert kinds[-1] == "run_finished"


async def test_the_tool_example_answers_and_refuses():
    (block,) = [block for block in PYTHON_BLOCKS if "class Inventory" in block]
    names: dict[str, object] = {}
    exec(block, names)  # our own README
    inventory = names["Inventory"]({"bolt": 40})  # type: ignore[operator]

    seen = await inventory.run("bolt", Task("t", "?"), 1.0)

    assert seen.brief == "40"
    with pytest.raises(Exception, match="there are: bolt"):
        await inventory.run("nut", Task("t", "?"), 1.0)


def test_every_command_and_make_target_that_readme_names_exists():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"\bmake ([a-z-]+)", README):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_plain_commands_are_those_of_the_makefile():
    makefile = (ROOT / "Makefile").read_text()
    question = re.search(r"^QUESTION := (.*)$", makefile, re.MULTILINE)

    assert question is not None
    assert f'solve "{question.group(1)}" --table examples/transfers.csv' in README
