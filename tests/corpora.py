"""The attack corpora of the tools and sandboxes: `KIND*.jsonl` in one folder, each line a case.

`CORPUS` names the folder, else it is the published one beside the checkout, whose tests are skipped where it is
not there. A folder that was named and has no case at all is an error: a check of nothing must not pass.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

KINDS = ("calculator", "sql", "sandbox")
PUBLISHED = Path(__file__).parents[2] / "shared" / "attacks"

Case = dict[str, Any]


def corpus(kind: str, environment: Mapping[str, str] = os.environ) -> list[Case]:
    """The scored cases of one kind.

    Raises:
        FileNotFoundError: `CORPUS` names a folder that has no case of any kind.
    """
    named = environment.get("CORPUS")
    found = {name: _cases(Path(named) if named else PUBLISHED, name) for name in KINDS}
    if named and not any(found.values()):
        files = ", ".join(f"{name}*.jsonl" for name in KINDS)
        raise FileNotFoundError(f"no attack corpus in {named!r}: it holds none of {files} with a case in it")
    return found[kind]


def _cases(folder: Path, kind: str) -> list[Case]:
    lines = [
        line
        for path in sorted(folder.glob(f"{kind}*.jsonl"))
        for line in path.read_text("utf-8").split("\n")
        if line
    ]
    return [case for case in map(json.loads, lines) if not case.get("optional")]
