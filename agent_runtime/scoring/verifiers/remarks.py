"""What a tool noticed about its own check: a text that no cell holds, rows cut off, two ways to read a file."""

from collections.abc import Sequence

from agent_runtime.types import Node, Objection, Prompt, Verdict


class Remarks:
    """Every remark of a tool is an objection, named after what was noticed."""

    async def judge(self, prompt: Prompt, paths: Sequence[tuple[Node, ...]]) -> list[Verdict]:
        """One verdict a path, for its last node."""
        return [_remarked(path[-1]) for path in paths]


def _remarked(node: Node) -> Verdict:
    remarks = node.observation.remarks if node.observation is not None else ()
    return Verdict(
        objections=tuple(Objection(one.kind, one.text, is_refuting=one.is_refuting) for one in remarks)
    )
