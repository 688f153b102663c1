"""What importing the package costs whoever only imports it, and in what order a start loads what it needs."""

import subprocess
import sys

import pytest

HEAVY = {
    "torch",
    "transformers",
    "duckdb",
    "sympy",
    "numpy",
    "pandas",
    "networkx",
    "docker",
    "anyio",
    "pydantic",
}
CODE = """
import sys, time
started = time.perf_counter()
import agent_runtime
print(f"{time.perf_counter() - started:.3f}", *{name.partition(".")[0] for name in sys.modules})
"""


def loaded_by(module: str) -> set[str]:
    """The modules that a fresh interpreter has after importing `module`."""
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_package_loads_nothing_heavy():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)

    seconds, *loaded = done.stdout.split()
    sys.stdout.write(f"import agent_runtime: {seconds} s (the target is 0.3 s on an idle machine)\n")
    assert "agent_runtime" in loaded
    assert not HEAVY & set(loaded)


@pytest.mark.slow
def test_assembling_a_runtime_loads_no_model_no_database_no_container_client_and_no_other_job():
    loaded = loaded_by("agent_runtime.assembly")

    assert not {"torch", "transformers", "duckdb", "docker", "agent_runtime.jobs.debugging.job"} & loaded


@pytest.mark.slow
def test_weights_can_be_packed_before_transformers_is_imported():
    loaded = loaded_by("agent_runtime.models.loading")

    assert "torch" in loaded
    assert "transformers" not in loaded
