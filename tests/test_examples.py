"""The examples of the SDK run as they are, with no model and no network."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SAID = {
    "own_tool.py": ["40 ", "stock: bolt -> 40"],
    "own_verifier.py": ["52 "],
    "streaming.py": [
        "run_started",
        "sampled",
        "node",
        "sampled",
        "check_started",
        "node calc 351 supported",
        "sampled",
        "node",
        "run_finished 351 ",
    ],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SAID)
def test_the_example_says_what_it_should(name: str, tmp_path: Path):
    path = os.pathsep.join(str(ROOT / folder) for folder in (".", "tools", "sandboxes"))
    environment = {**os.environ, "PYTHONPATH": path, "XDG_STATE_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-W", "error", ROOT / "examples" / name],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )

    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == len(SAID[name])
    assert all(line.startswith(said) for line, said in zip(lines, SAID[name], strict=True))
    assert "unchecked" not in done.stdout


def test_every_example_is_run():
    shown = {path.name for path in (ROOT / "examples").glob("*.py")} - {"make_transfers.py"}

    assert shown == set(SAID)
