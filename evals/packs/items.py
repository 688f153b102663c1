"""Pack items as they lie in a file, and as a system under test may see them: question and files, never the gold."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from agent_runtime.errors import InputError
from agent_runtime.types import Task

TABLE_ENDINGS = (".csv", ".tsv", ".json", ".parquet")
MAX_CONTEXT_CHARACTERS = 4_000  # of an item's text files; more would not fit a small model's context


@dataclass(frozen=True, slots=True)
class Item:
    """One item. `answer`, `answer_any`, `checker` and `check` are the gold and stay with the scorer."""

    id: str
    kind: str
    question: str
    answer: Any
    checker: Literal["exact", "numeric", "set", "tests"]
    check: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    file_refs: dict[str, str] = field(default_factory=dict)
    answer_any: list[Any] = field(default_factory=list)
    folder: Path = Path()  # of the pack: `file_refs` are relative to it

    @property
    def golds(self) -> list[Any]:
        """Every answer that counts as right."""
        return self.answer_any or [self.answer]

    @property
    def is_program(self) -> bool:
        """Whether the item is a program to repair."""
        return self.checker == "tests" and any(name.endswith(".py") for name in self.files)

    @property
    def visible_test(self) -> str:
        """The program among the files that fails as long as the fault is there."""
        return next(
            (name for name in self.files if Path(name).name.startswith("test")), next(iter(self.files))
        )

    def place(self, folder: Path, task_id: str) -> Task:
        """Write what the item shows into `folder` and make a task of it: tables, texts, a program to run.

        Raises:
            InputError: A file's name would leave the folder.
        """
        texts, tables = [], []
        for name, content in self.files.items():
            path = _inside(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8", newline="")
            if path.suffix in TABLE_ENDINGS:
                tables.append(path)
            elif path.suffix == ".txt":
                texts.append(content[:MAX_CONTEXT_CHARACTERS])
        tables += [self.folder / reference for reference in self.file_refs.values()]
        folder_of_program = folder if self.is_program else None
        return Task(task_id, self.question, tuple(tables), "\n".join(texts), folder_of_program)


_ITEM: TypeAdapter[Item] = TypeAdapter(Item)


def read_pack(path: Path) -> list[Item]:
    """The items of a pack; fields that nothing here reads (source, licence) are passed over.

    Raises:
        InputError: The file cannot be read, or a line is no item; the message names the line.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"pack {path} cannot be read: {error}") from None
    items = []
    for number, line in enumerate(lines, 1):
        try:
            raw = json.loads(line)
            known = {name: raw[name] for name in Item.__slots__ if name in raw}
            items.append(_ITEM.validate_python({**known, "folder": path.parent}))
        except (ValueError, TypeError, ValidationError) as error:
            raise InputError(f"{path}, line {number} is no pack item: {error}") from None
    return items


def _inside(folder: Path, name: str) -> Path:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise InputError(f"file name {name!r} of a pack item leaves its folder")
    return path
