from collections.abc import Sequence

import pytest
import torch

from agent_runtime.engine.engine import Engine
from agent_runtime.engine.graphs import PaddedPass
from agent_runtime.engine.plan import Feed
from agent_runtime.engine.types import Job
from agent_runtime.types import Sampling
from tests.engine.words import prompt

WARM = Sampling(temperature=1.0)


class Uncaptured:
    """The graphs' padded passes, run as they are: everything of them but the capture."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.n_runs = 0

    def run(self, feeds: Sequence[Feed]) -> bool:
        pool = self._engine._pool
        segments = list({segment: None for feed in feeds for segment in feed.lane.leaf.path()})
        pool.clean_rows(pool.n_rows)
        pool.kv[:, :, 0] = torch.nan_to_num(pool.kv[:, :, 0])
        padded = PaddedPass(pool, pool.n_rows, 2048)
        padded.set(feeds, segments)
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
