from collections.abc import Sequence

import pytest
import torch

from agent_runtime.engine.batch import DecodeStep
from agent_runtime.engine.engine import Engine
from agent_runtime.engine.graphs import Captured, Graphs, PaddedBatch
from agent_runtime.engine.types import Job
from agent_runtime.types import Sampling
from tests.engine.words import prompt

WARM = Sampling(temperature=1.0)


class Uncaptured:
    """The graphs' padded passes, run as they are: everything of them but the capture."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.n_runs = 0

    def run(self, decode: Sequence[DecodeStep]) -> bool:
        cache = self._engine._cache
        segments = list({segment: None for step in decode for segment in step.request.leaf.path()})
        cache.clean_rows(cache.n_rows)
        cache.kv[:, :, 0] = torch.nan_to_num(cache.kv[:, :, 0])
        padded = PaddedBatch(cache, cache.n_rows, 2048)
        padded.set(decode, segments)
        padded.compute(self._engine._network)
        self.n_runs += 1
        return True


async def test_a_padded_pass_decodes_what_a_tree_pass_decodes(engine: Engine):
    trunk = prompt(1, 40)
    jobs = [Job(trunk + prompt(seed, 3 * seed), 4 + seed, WARM, seed=seed) for seed in range(6)]
    expected = [output.ids for output in await engine.generate(jobs)]
    await engine.flush()

    padded = Uncaptured(engine)
    engine._graphs = padded  # type: ignore[assignment]
    found = [output.ids for output in await engine.generate(jobs)]

    assert padded.n_runs
    assert found == expected


class LittleMemory(Graphs):
    """Graphs on the CPU: a "capture" only keeps the pass, and has no room for more than `max_rows`."""

    def __init__(self, engine: Engine, max_rows: int) -> None:
        super().__init__(engine._network, engine._cache)
        engine._cache.clean_rows(engine._cache.n_rows)
        engine._cache.kv[:, :, 0] = torch.nan_to_num(engine._cache.kv[:, :, 0])
        self._max_rows = max_rows
        self.is_on = True
        self.attempts: list[int] = []
        self.n_runs = 0

    def run(self, decode: Sequence[DecodeStep]) -> bool:
        has_run = super().run(decode)
        self.n_runs += has_run
        return has_run

    def _capture(self, padded: PaddedBatch) -> Captured:
        n_rows = len(padded.ids)
        self.attempts.append(n_rows)
        if n_rows > self._max_rows:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return padded, lambda: padded.compute(self._network)


async def test_a_graph_without_memory_leaves_its_bucket_to_a_plain_pass(engine: Engine):
    jobs = [Job(prompt(seed, 20), 4 + 4 * seed, WARM, seed=seed) for seed in range(6)]
    expected = [output.ids for output in await engine.generate(jobs)]
    await engine.flush()
    before = engine._scheduler._pass_tokens

    little = LittleMemory(engine, max_rows=0)
    engine._graphs = little
    found = [output.ids for output in await engine.generate(jobs)]

    assert found == expected
    assert little.n_runs == 0
    assert little.attempts == [8]  # tried once, not at every pass
    assert engine._scheduler._pass_tokens == before
    assert little.is_on


async def test_a_graph_that_fits_runs_beside_one_that_does_not(engine: Engine):
    few, many = ([Job(prompt(seed, 20), 6, WARM, seed=seed) for seed in range(n)] for n in (3, 12))
    expected = [output.ids for output in await engine.generate(many)]
    await engine.flush()

    little = LittleMemory(engine, max_rows=4)
    engine._graphs = little
    found = [[output.ids for output in await engine.generate(jobs)] for jobs in (many, few)]

    assert found == [expected, expected[:3]]
    assert little.attempts == [16, 4]
    assert little.n_runs > 0


@pytest.mark.gpu
async def test_a_captured_pass_decodes_what_a_tree_pass_decodes(kind: str):
    from tests.engine.conftest import EXACT, build
    from tests.engine.words import tokenizer

    model = build(kind)
    model.to("cuda")  # type: ignore[arg-type]
    engine = Engine(model, tokenizer(), device="cuda", **EXACT, max_kv_tokens=4096)
    jobs = [Job(prompt(seed, 30), 8, WARM, seed=seed) for seed in range(6)]
    captured = [output.ids for output in await engine.generate(jobs)]
    assert engine._graphs.is_on
    await engine.flush()

    engine._graphs.is_on = False
    plain = [output.ids for output in await engine.generate(jobs)]
    await engine.aclose()

    assert captured == plain
