"""The attack corpus: each statement is refused, contained or answered as labelled, and leaves nothing behind."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from agent_runtime.errors import ToolError
from agent_runtime.types import Task
from agent_runtime_tools.database import Database
from tests.corpora import Case, corpus

CASES = corpus("sql")
LIMIT_SECONDS = 1.0
SALES = (
    "(1, 'EU', 100.50, '2024-01-05'), (2, 'US', 50, '2024-01-20'), (3, 'EU', 130, '2024-02-01'),"
    " (4, 'US', 250, '2024-02-10'), (5, 'EU', 120, '2024-03-01')"
)

pytestmark = pytest.mark.skipif(not CASES, reason="the attack corpus is not here")


@dataclass(frozen=True)
class Site:
    """A folder of the user's with its tables loaded."""

    database: Database
    task: Task
    folder: Path
    before: dict[str, bytes]

    async def answer(self, case: Case) -> str | None:
        """The exact result of the case's statement, None where it is refused."""
        payload = (
            case["payload"]
            .replace("{DIR}", str(self.folder))
            .replace("{CANARY}", str(self.folder / "canary"))
        )
        try:
            return (await self.database.run(payload, self.task, LIMIT_SECONDS)).text
        except ToolError:
            return None

    async def is_sound(self) -> bool:
        """Nothing was written, and the next check works."""
        observation = await self.database.run("SELECT count(*), sum(amount) FROM sales", self.task, 10.0)
        return observation.text.endswith("\n5 | 650.50") and contents(self.folder) == self.before


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as shop:
        shop.execute("CREATE TABLE sales (id INTEGER, region VARCHAR, amount DECIMAL(10, 2), d DATE)")
        shop.execute(f"INSERT INTO sales VALUES {SALES}")
        shop.execute("CREATE TABLE customers AS FROM (VALUES (1, 'Ann'), (2, 'Bob')) t(cid, name)")
        for table in ("sales", "customers"):
            shop.execute(f"COPY {table} TO '{tmp_path / table}.csv'")
    (tmp_path / "secret.txt").write_text("TOPSECRET")
    database, task = Database(), Task("attacks", "", tables=(tmp_path / "shop.duckdb",))
    await database.prepare(task)
    yield Site(database, task, tmp_path, contents(tmp_path))
    await database.aclose()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def cases(expected: str) -> list[Case]:
    return [case for case in CASES if case["expected"] == expected]


def cells(text: str) -> list[list[str]]:
    return [[cell.replace(" ", "") for cell in line.split(" | ")] for line in text.splitlines()[1:]]


async def test_every_attack_that_must_be_refused_is_refused_at_once_and_changes_nothing(site):
    failures = []

    for case in cases("rejected"):
        started = time.monotonic()
        if await site.answer(case) is not None or time.monotonic() - started > LIMIT_SECONDS / 2:
            failures.append(case["id"])

    assert not failures
    assert await site.is_sound()


@pytest.mark.slow
async def test_every_bomb_is_contained_and_the_next_check_works(site):
    failures = []

    for case in cases("contained"):
        await site.answer(case)
        if not await site.is_sound():
            failures.append(case["id"])

    assert not failures


async def test_every_benign_statement_is_answered_as_labelled(site):
    failures = []

    for case in cases("ok"):
        text = await site.answer(case)
        wanted = case["answer"]
        rows = wanted and [[str(cell).replace(" ", "") for cell in row] for row in wanted]
        if text is None or (rows is not None and cells(text) != rows):
            failures.append((case["id"], case["payload"], text, wanted))

    assert not failures
