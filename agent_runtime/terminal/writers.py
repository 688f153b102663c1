"""Who wrote an action, in words; a model's own needs none."""

from agent_runtime.terminal.printable import printable
from agent_runtime.types import Node


def writer(node: Node) -> str:
    """`planner flow`, `user`, or nothing for what the model wrote."""
    return "" if node.origin == "model" else printable(f"{node.origin} {node.planner}".strip())
