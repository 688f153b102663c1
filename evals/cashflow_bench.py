"""How long a trace takes and how much memory, as the table grows: near linear is the claim.

Run: python evals/cashflow_bench.py [ROWS ...]     (100000 and 1000000 without arguments)

Invented transfers between ROWS / 20 accounts, amounts log-normal, one account in fifty a hub; the source is a hub, so
its money spreads over most of the graph: the hard case. Every size runs in its own worker process, as a user's trace
does, and the figures are that process's own (ru_maxrss and CPU time); the
wall clock is from request to result, and means little on a machine that does other work too.
"""

import argparse
import tempfile
import time
from pathlib import Path

import anyio
import duckdb

from agent_runtime.jobs.cashflow.process import run_trace
from agent_runtime.jobs.cashflow.types import METHODS, Method, TraceRequest

SEED = 0.42


def write_transfers(path: Path, n_rows: int) -> None:
    """A CSV of `n_rows` transfers in the order of time."""
    n_accounts = n_rows // 20
    n_hubs = n_accounts // 50
    con = duckdb.connect(config={"threads": 1})  # one thread: the seed gives the same rows
    con.execute("SELECT setseed(?)", [SEED])
    con.execute(
        f"""
        COPY (
            SELECT i AS id, 'Company ' || payer AS from_company, 'Company ' || payee AS to_company,
                   round(exp(6 + 2 * gauss), 2) + 0.01 AS amount,
                   TIMESTAMP '2024-01-01' + to_seconds(i * 31536000 // {n_rows}) AS booked
            FROM (
                SELECT i,
                       floor(random() * CASE WHEN random() < 0.3 THEN {n_hubs} ELSE {n_accounts} END)::BIGINT AS payer,
                       floor(random() * {n_accounts})::BIGINT AS payee,
                       sqrt(-2 * ln(random() + 1e-12)) * cos(2 * pi() * random()) AS gauss
                FROM range({n_rows}) r(i))
            WHERE payer <> payee
        ) TO '{path}' (HEADER)"""
    )


async def measure(n_rows: int, method: Method, folder: Path) -> None:
    path = folder / f"transfers{n_rows}.csv"
    if not path.exists():
        write_transfers(path, n_rows)
    request = TraceRequest((str(path),), "Company 0", "Company 1", method)
    before = time.perf_counter()
    run = await run_trace(request, folder / "out", seconds=3600, memory_bytes=8 * 2**30)
    wall = time.perf_counter() - before
    cpu = run.cpu_seconds
    print(
        f"{n_rows:>12,} {method:>9} {wall:>8.2f} {cpu:>8.2f} {1e6 * cpu / n_rows:>11.2f}"
        f" {run.peak_memory_bytes / 2**30:>8.2f} {run.result.n_movements:>10,}",
        flush=True,
    )


async def main(sizes: list[int], methods: list[Method]) -> None:
    print("        rows    method   wall s    CPU s  CPU us/row  GB peak  movements")
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            for method in methods:
                await measure(size, method, Path(folder))
            (Path(folder) / f"transfers{size}.csv").unlink()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("rows", nargs="*", type=int, default=[100_000, 1_000_000])
    parser.add_argument("--method", choices=METHODS, action="append")
    arguments = parser.parse_args()
    anyio.run(main, arguments.rows, arguments.method or list(METHODS))
