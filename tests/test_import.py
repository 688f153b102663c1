"""What importing the package costs whoever only imports it."""

import subprocess
import sys

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


def test_importing_the_package_loads_nothing_heavy():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)

    seconds, *loaded = done.stdout.split()
    sys.stdout.write(f"import agent_runtime: {seconds} s (the target is 0.3 s on an idle machine)\n")
    assert "agent_runtime" in loaded
    assert not HEAVY & set(loaded)
