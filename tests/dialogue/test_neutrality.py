"""The layers below the tools know none of them by name: a tool brings its own demonstration, guide and grammar."""

import ast
from pathlib import Path

import pytest

import agent_runtime
from agent_runtime_tools.calculator import Calculator
from agent_runtime_tools.code import Edit, Python
from agent_runtime_tools.database import Database

ROOT = Path(agent_runtime.__file__).parent
TOOLS = {tool.name for tool in (Calculator, Database, Python, Edit)}
LAYERS = ("kernel", "search", "scoring", "limits", "dialogue", "trace")
OLD_TRACES = "upgrade.py"  # reads traces in which only the name of a tool told what it brought


@pytest.mark.parametrize("layer", LAYERS)
def test_no_tool_is_mentioned_by_name(layer: str):
    found = [
        f"{path.name}:{node.lineno} {node.value!r}"
        for path in sorted((ROOT / layer).rglob("*.py"))
        if path.name != OLD_TRACES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and node.value in TOOLS
    ]

    assert not found
