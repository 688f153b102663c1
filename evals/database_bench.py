"""The sql tool beside plain DuckDB: what isolation and the gate add to a check, and what a million rows cost.

    python -m evals.database_bench [--runs 300] [--rows 1000000]

Every pair of figures is from one run, interleaved. "beyond the query" is our check less the same statement on an open
connection in this process; the peer connects for each call, hardens, loads nothing and queries the same file. The
overshoot line is how long after its limit a bomb was gone.
"""

import argparse
import shutil
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path

import anyio
import duckdb

from agent_runtime.errors import ToolTimeout
from agent_runtime.types import Task
from agent_runtime_tools.database import Database
from evals.timing import milliseconds, timed, timed_sync

SEED = 0.42
LIMIT = 2.0
BOMB = "SELECT levenshtein(repeat('a', 200000), repeat('b', 200000))"
CHECKS = {
    "SELECT 1": "SELECT 1 AS n",
    "aggregate": "SELECT src, sum(amount) AS s FROM small GROUP BY src ORDER BY s DESC, src LIMIT 3",
}
TRACE = """
WITH RECURSIVE flow(dst, booked, hop) AS (
    SELECT dst, booked, 1 FROM transfers WHERE src = 'A17'
    UNION
    SELECT t.dst, t.booked, hop + 1 FROM flow f JOIN transfers t ON t.src = f.dst AND t.booked >= f.booked
    WHERE hop < 3
) SELECT hop, count(*) AS n FROM flow GROUP BY hop ORDER BY hop
"""


def write_transfers(path: Path, n_rows: int) -> None:
    """Invented transfers between ROWS / 5 accounts over a year."""
    accounts = max(1, n_rows // 5)
    with duckdb.connect() as database:
        database.execute(f"SELECT setseed({SEED})")
        database.execute(
            f"COPY (SELECT 'A' || (random() * {accounts})::INT AS src, 'A' || (random() * {accounts})::INT AS dst,"
            " (random() * 10000)::DECIMAL(12, 2) AS amount, DATE '2024-01-01' + (random() * 365)::INT AS booked"
            f" FROM range({n_rows})) TO '{path}'"
        )


def report(name: str, samples: list[float]) -> None:
    figures = (f"{milliseconds(samples, p):9.3f}" for p in (0.0, 0.5, 0.95))
    print(f"{name:58} {' '.join(figures)} {1 / statistics.fmean(samples):9.0f}")


def query_only(database: duckdb.DuckDBPyConnection, statement: str) -> None:
    database.execute(statement).fetchall()


def connect_and_query(file: Path, statement: str) -> None:
    """The peer: a connection for each check, locked, closed."""
    with duckdb.connect(str(file), read_only=True) as database:
        database.execute("SET enable_external_access = false")
        database.execute("SET lock_configuration = true")
        database.execute(statement).fetchall()


async def overheads(folder: Path, n_runs: int) -> None:
    """A check beside the bare query and beside a connection of its own; a text that is new and one that was seen."""
    write_transfers(folder / "small.csv", 200)
    with duckdb.connect(str(folder / "small.duckdb")) as made:
        made.execute(f"CREATE TABLE small AS FROM '{folder / 'small.csv'}'")
    shutil.copyfile(folder / "small.duckdb", folder / "peer.duckdb")
    plain = duckdb.connect(str(folder / "small.duckdb"), read_only=True)
    database, task = Database(), Task("bench", "", tables=(folder / "small.csv",))
    await database.prepare(task)
    for name, statement in CHECKS.items():
        seen, new, query, peer = [], [], [], []
        for run in range(n_runs):
            text = f"{statement} -- {run}"
            new.append(await timed(partial(database.run, text, task, LIMIT)))
            seen.append(await timed(partial(database.run, text, task, LIMIT)))
            query.append(timed_sync(partial(query_only, plain, text)))
            if run % 10 == 0:
                peer.append(timed_sync(partial(connect_and_query, folder / "peer.duckdb", text)))
        report(f"{name}: check, new text", new)
        report(f"{name}: check, seen text", seen)
        report(f"{name}: bare query in process", query)
        report(f"{name}: peer, connection per check", peer)
        for kind, samples in (("new", new), ("seen", seen)):
            beyond = [milliseconds(samples, p) - milliseconds(query, p) for p in (0.0, 0.5)]
            print(f"{name}: beyond the query, {kind} text: min {beyond[0]:.3f} ms, p50 {beyond[1]:.3f} ms")
        print(
            f"{name}: the peer takes {statistics.median(peer) / statistics.median(new):.1f}x a check of a new text"
        )
    plain.close()
    await database.aclose()


async def million(folder: Path, n_rows: int) -> None:
    """Loading a big CSV and tracing money through it, beside DuckDB in this process."""
    write_transfers(folder / "transfers.csv", n_rows)
    size = (folder / "transfers.csv").stat().st_size / 2**20
    database, task = Database(), Task("bench", "", tables=(folder / "transfers.csv",))
    await database.prepare(Task("warm", ""))
    load = await timed(lambda: database.prepare(task))
    plain = duckdb.connect()
    bare = timed_sync(lambda: plain.execute(f"CREATE TABLE transfers AS FROM '{folder / 'transfers.csv'}'"))
    print(f"load {n_rows} rows ({size:.0f} MB): {load:.2f} s; DuckDB in process, in memory: {bare:.2f} s")
    ours = [await timed(lambda: database.run(TRACE, task, 60.0)) for _ in range(10)]
    query = [timed_sync(lambda: plain.execute(TRACE).fetchall()) for _ in range(10)]
    report("recursive trace, three hops in time order: check", ours)
    report("recursive trace, three hops in time order: bare query", query)
    plain.close()
    overshoots = []
    for _ in range(5):
        started = time.perf_counter()
        try:
            await database.run(BOMB, task, LIMIT)
        except ToolTimeout:
            overshoots.append(time.perf_counter() - started - LIMIT)
    after = await timed(lambda: database.run("SELECT count(*) AS n FROM transfers", task, LIMIT))
    print(
        f"a bomb was gone {max(overshoots):.3f} s after its limit of {LIMIT:g} s (worst of {len(overshoots)})"
    )
    print(f"the check after it took {after * 1e3:.0f} ms, with a new worker on the same file")
    await database.aclose()


async def main(n_runs: int, n_rows: int) -> None:
    print(f"{'milliseconds':58} {'min':>9} {'p50':>9} {'p95':>9} {'runs/s':>9}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        await overheads(folder, n_runs)
        await million(folder, n_rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--rows", type=int, default=1_000_000)
    arguments = parser.parse_args()
    anyio.run(main, arguments.runs, arguments.rows)
