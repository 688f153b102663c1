"""The worker program: what it hands back, and how it ends when it must not go on."""

from pathlib import Path

import pytest

from agent_runtime.errors import InputError, PartError
from agent_runtime.jobs.cashflow.process import default_memory_bytes, run_trace
from agent_runtime.jobs.cashflow.types import FILES, REPORT_FILES, TraceRequest

EXAMPLE = Path(__file__).parents[3] / "examples" / "transfers.csv"
REQUEST = TraceRequest((str(EXAMPLE),), "Meridian Trading", "Oyster Holdings")


async def test_a_trace_comes_back_with_its_files_and_what_it_cost(tmp_path: Path):
    report = await run_trace(REQUEST, tmp_path / "out")

    assert report.result.reached("Oyster Holdings")[0].received == 36_850_961
    assert report.peak_memory_bytes > 2**20
    assert {path.name for path in (tmp_path / "out").iterdir()} == set(FILES)


async def test_a_refusal_is_the_users_to_act_on():
    with pytest.raises(InputError, match="names most like it"):
        await run_trace(TraceRequest((str(EXAMPLE),), "Nobody"))


async def test_a_trace_that_takes_too_long_is_killed():
    with pytest.raises(PartError, match=r"did not finish within 0\.05 s"):
        await run_trace(REQUEST, seconds=0.05)


async def test_a_trace_that_needs_too_much_memory_says_so(tmp_path: Path):
    table = tmp_path / "large.csv"
    rows = "".join(f"2024-01-01,Company {i},Company {i + 1},{i + 1}.00\n" for i in range(200_000))
    table.write_text(f"date,payer,payee,amount\n{rows}")

    with pytest.raises(PartError, match=r"needs more than its .* --max-memory"):
        await run_trace(TraceRequest((str(table),), "Company 0"), memory_bytes=12 * 2**20)


async def test_only_the_files_that_are_wanted_are_left(tmp_path: Path):
    await run_trace(REQUEST, tmp_path / "out", files=REPORT_FILES)

    assert {path.name for path in (tmp_path / "out").iterdir()} == set(REPORT_FILES)


def test_a_trace_may_take_half_of_the_machine_and_8_gb_at_most():
    (line,) = [line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal")]
    machine_bytes = int(line.split()[1]) * 1024

    assert default_memory_bytes() == pytest.approx(min(8 * 2**30, machine_bytes / 2), rel=0.01)
