from collections.abc import Callable
from typing import cast

import anyio
import anyio.lowlevel
import pytest
import torch
from anyio import to_thread
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput

from agent_runtime.engine.engine import Engine, capacity_for
from agent_runtime.engine.scheduler import GROW_AFTER
from agent_runtime.engine.types import Job
from agent_runtime.errors import ConfigError, InputError, ModelError
from agent_runtime.types import Sampling
from tests.engine.conftest import build, greedy
from tests.engine.words import END, EOS, STEP, prompt, tokenizer

WARM = Sampling(temperature=1.0)
LOGIT_TOLERANCE = 1e-4  # fp32: sums in another order, nothing else


def log_probabilities(model: PreTrainedModel, ids: tuple[int, ...]) -> torch.Tensor:
    forward = cast("Callable[..., CausalLMOutput]", model.forward)
    with torch.no_grad():
        logits = forward(input_ids=torch.tensor([ids])).logits
    assert logits is not None
    return logits[0, -1].log_softmax(-1)


@pytest.mark.slow
async def test_greedy_decoding_equals_generate_on_50_prompts(engine: Engine, plain: PreTrainedModel):
    prompts = [prompt(seed, 1 + 3 * seed) for seed in range(50)]

    outputs = await engine.generate([Job(ids, 12) for ids in prompts])

    assert [output.ids for output in outputs] == [greedy(plain, ids, 12) for ids in prompts]


@pytest.mark.slow
async def test_a_tail_longer_than_its_row_equals_generate(engine: Engine, plain: PreTrainedModel):
    ids = prompt(1, 9)

    (output,) = await engine.generate([Job(ids, 300)])

    assert output.ids == greedy(plain, ids, 300)


async def test_a_forks_logits_equal_a_fresh_prefills(engine: Engine, plain: PreTrainedModel):
    trunk = prompt(1, 60)
    (output,) = await engine.generate([Job(trunk, 8)])
    forks = [trunk + output.ids[:n] + prompt(n, 5) for n in (0, 3, 7)] + [trunk[:30] + prompt(9, 4)]
    candidates = tuple(range(320))

    scores = await engine.score(forks, candidates)

    for ids, score in zip(forks, scores, strict=True):
        difference = (torch.tensor(score.logprobs) - log_probabilities(plain, ids)).abs().max().item()
        assert difference < LOGIT_TOLERANCE


async def test_log_probabilities_are_the_models_own(engine: Engine, plain: PreTrainedModel):
    ids = prompt(2, 20)

    (output,) = await engine.generate([Job(ids, 6, WARM, seed=5)])

    for n, (token, logprob) in enumerate(zip(output.ids, output.logprobs, strict=True)):
        expected = log_probabilities(plain, ids + output.ids[:n])[token].item()
        assert logprob == pytest.approx(expected, abs=LOGIT_TOLERANCE)


async def test_no_token_is_computed_twice(engine: Engine):
    trunk = prompt(3, 100)

    outputs = await engine.generate([Job(trunk, 5, WARM, seed=seed) for seed in range(8)])
    again = trunk + outputs[0].ids + prompt(4, 7)
    (later,) = await engine.generate([Job(again, 1)])

    assert [output.n_prefilled for output in outputs] == [100] + [0] * 7
    assert later.n_prefilled == 1 + 7  # the last token written was not computed yet
    assert engine.n_computed == 100 + 8 * 4 + later.n_prefilled


async def test_branches_that_part_inside_a_prompt_share_what_is_equal(engine: Engine):
    trunk = prompt(3, 50)

    await engine.generate([Job(trunk + prompt(seed, 10), 1) for seed in range(4)])

    assert engine.n_computed == 50 + 4 * 10


async def test_the_same_fork_again_computes_nothing(engine: Engine):
    ids = prompt(5, 30)
    (first,) = await engine.generate([Job(ids, 1)])
    before = engine.n_computed

    (second,) = await engine.generate([Job(ids, 1)])

    assert (second.ids, engine.n_computed) == (first.ids, before)


@pytest.mark.slow
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**63),
    n=st.integers(1, 40),
    others=st.lists(st.tuples(st.integers(0, 99), st.integers(1, 90)), max_size=6),
)
async def test_a_seed_gives_the_same_tokens_in_any_batch(
    engine: Engine, seed: int, n: int, others: list[tuple[int, int]]
):
    job = Job(prompt(n, n), 8, WARM, seed=seed)
    crowd = [Job(prompt(a, b), 1 + a % 9, WARM, seed=a) for a, b in others]
    await engine.flush()
    (alone,) = await engine.generate([job])
    await engine.flush()

    among = (await engine.generate([*crowd, job]))[-1]

    assert among.ids == alone.ids


async def test_branches_with_other_seeds_go_other_ways(engine: Engine):
    outputs = await engine.generate([Job(prompt(1, 9), 8, WARM, seed=seed) for seed in range(8)])

    assert len({output.ids for output in outputs}) == 8


async def test_decoding_ends_after_a_stop_id(engine: Engine, plain: PreTrainedModel):
    ids = prompt(6, 12)
    expected = greedy(plain, ids, 8)
    stop = expected[4]

    (output,) = await engine.generate([Job(ids, 8, stop_ids=frozenset({stop}))])

    assert output.ids == expected[: expected.index(stop) + 1]
    assert not output.is_cut


async def test_a_branch_that_runs_out_of_tokens_is_cut(engine: Engine):
    (output,) = await engine.generate([Job(prompt(6, 12), 3)])

    assert output.is_cut
    assert len(output.ids) == 3


async def test_the_models_context_ends_a_branch(engine: Engine):
    (output,) = await engine.generate([Job(prompt(6, 1020), 50)])

    assert len(output.ids) == 4
    assert output.is_cut


async def test_a_grammar_decides_what_is_written(engine: Engine):
    lark = f'start: <[{STEP}]> ("yes"|"no") <[{END}]>\n'

    outputs = await engine.generate([Job(prompt(s, 9), 20, WARM, seed=s, grammar=lark) for s in range(6)])

    texts = {bytes(i - 4 + 33 for i in output.ids[1:-1]).decode() for output in outputs}
    assert texts <= {"yes", "no"}
    assert all((output.ids[0], output.ids[-1], output.is_cut) == (STEP, END, False) for output in outputs)


async def test_what_the_grammar_forces_is_fed_in_one_pass(engine: Engine):
    lark = f'start: <[{STEP}]> "a long and forced beginning" /[ab]/ <[{END}]>\n'
    ids = prompt(1, 10)
    await engine.score([ids], (0,))
    before = engine.n_passes

    (output,) = await engine.generate([Job(ids, 60, grammar=lark)])

    assert output.n_forced == len(output.ids) - 1
    assert engine.n_passes - before == 1
    assert output.logprobs.count(0.0) == output.n_forced


async def test_forced_tokens_leave_the_same_logits_as_a_prefill(engine: Engine, plain: PreTrainedModel):
    lark = f'start: "abcdef" /[a-f]/ "xyzxyz" /[a-f]/ <[{END}]>\n'
    ids = prompt(1, 10)

    outputs = await engine.generate([Job(ids, 60, WARM, seed=s, grammar=lark) for s in range(3)])

    for output in outputs:
        for n in (6, 13):
            expected = log_probabilities(plain, ids + output.ids[:n])[output.ids[n]].item()
            assert output.logprobs[n] == pytest.approx(expected, abs=LOGIT_TOLERANCE)


async def test_a_field_limit_is_a_hard_thinking_budget(engine: Engine):
    lark = f"start: thought <[{END}]>\nthought[max_tokens=5]: /[a-z]*/\n"

    outputs = await engine.generate([Job(prompt(s, 9), 50, WARM, seed=s, grammar=lark) for s in range(6)])

    assert all(len(output.ids) <= 6 and output.ids[-1] == END for output in outputs)


async def test_a_grammar_that_does_not_compile_is_a_clear_error(engine: Engine):
    with pytest.raises(ConfigError, match="does not compile"):
        await engine.generate([Job((5, 6), 4, grammar="start: nonsense")])


async def test_what_a_score_computed_is_told_and_a_shared_prefix_is_computed_once(engine: Engine):
    trunk = prompt(1, 20)

    forks = await engine.score([trunk + prompt(n, 5) for n in (2, 3)], (STEP,))
    again = await engine.score([trunk + prompt(2, 5), trunk], (STEP,))

    assert sum(scored.n_prefilled for scored in forks) == engine.n_computed == 20 + 5 + 5
    assert [scored.n_prefilled for scored in again] == [0, 0]


async def test_scores_are_batched_and_normalised(engine: Engine, plain: PreTrainedModel):
    contexts = [prompt(s, 5 + s) for s in range(5)]

    scores = await engine.score(contexts, (STEP, EOS))

    for ids, score in zip(contexts, scores, strict=True):
        assert score.logprobs == pytest.approx(
            log_probabilities(plain, ids)[[STEP, EOS]].tolist(), abs=LOGIT_TOLERANCE
        )


async def test_callers_share_passes(engine: Engine):
    async with anyio.create_task_group() as group:
        for seed in range(8):
            group.start_soon(engine.generate, [Job(prompt(seed, 20), 30, WARM, seed=seed)])

    assert engine.n_passes < 8 * 30 / 2


async def test_branches_join_and_leave_between_passes(engine: Engine, plain: PreTrainedModel):
    lengths = {seed: 3 + 7 * seed for seed in range(6)}
    written: dict[int, tuple[int, ...]] = {}

    async def run(seed: int) -> None:
        for _ in range(seed):
            await anyio.lowlevel.checkpoint()
        (output,) = await engine.generate([Job(prompt(seed, 10), lengths[seed])])
        written[seed] = output.ids

    async with anyio.create_task_group() as group:
        for seed in lengths:
            group.start_soon(run, seed)

    assert written == {seed: greedy(plain, prompt(seed, 10), n) for seed, n in lengths.items()}


async def test_other_event_loops_share_the_engine(engine: Engine):
    outputs = []

    async def work() -> None:
        outputs.append((await engine.generate([Job(prompt(1, 5), 4)]))[0].ids)

    async with anyio.create_task_group() as group:
        group.start_soon(work)
        group.start_soon(to_thread.run_sync, anyio.run, work)

    assert len(outputs) == 2
    assert outputs[0] == outputs[1]


async def test_a_cancelled_call_leaves_the_batch(engine: Engine):
    with anyio.move_on_after(0.05):
        await engine.generate([Job(prompt(s, 10), 900, WARM, seed=s) for s in range(8)])
    await engine.generate([Job(prompt(1, 4), 1)])

    assert engine.capacity().free_kv_tokens == engine.capacity().max_kv_tokens


async def test_capacity_counts_what_a_running_branch_may_still_need(small: Callable[..., Engine]):
    engine = small(max_kv_tokens=2000)

    async with anyio.create_task_group() as group:
        group.start_soon(engine.generate, [Job(prompt(1, 100), 900)])
        await anyio.lowlevel.checkpoint()
        await engine.score([(5,)], (0,))  # comes back while the other branch decodes
        capacity = engine.capacity()
        group.cancel_scope.cancel()

    assert capacity.free_kv_tokens == 2000 - 100 - 900
    assert capacity.branches(100) == 10


async def test_capacity_counts_the_branches_that_decode_at_once(small: Callable[..., Engine]):
    engine = small(max_kv_tokens=2000, max_branches=3)

    assert engine.capacity().branches(100) == 3
    assert engine.capacity().branches(100, shared_tokens=1800) == 2
    async with anyio.create_task_group() as group:
        group.start_soon(engine.generate, [Job(prompt(1, 100), 900)])
        await anyio.lowlevel.checkpoint()
        await engine.score([(5,)], (0,))  # comes back while the other branch decodes
        capacity = engine.capacity()
        group.cancel_scope.cancel()

    assert capacity.branches(100) == 2


async def test_the_capacity_that_is_foretold_is_that_of_the_engine(kind: str):
    model = build(kind)
    foretold = capacity_for(model.config, "cpu")

    engine = Engine(model, tokenizer(), threads=1)
    found = engine.capacity()
    await engine.aclose()

    assert foretold == found
    assert (
        found.bytes_per_token
        == engine._cache.kv.nbytes // engine._cache.kv.shape[2] + engine._cache.hidden[0].nbytes
    )


async def test_dead_branches_make_room_for_what_comes(small: Callable[..., Engine]):
    engine = small(max_kv_tokens=300)
    trunk = prompt(1, 100)

    for seed in range(12):
        (output,) = await engine.generate([Job(trunk + prompt(100 + seed, 40), 20, WARM, seed=seed)])
        assert len(output.ids) == 20

    assert engine.n_computed <= 100 + 12 * (40 + 19)  # the trunk that all of them share stayed


async def test_memory_that_is_full_forgets_the_least_recently_used(small: Callable[..., Engine]):
    engine = small(max_kv_tokens=250)
    old, recent, new = (prompt(seed, 100) for seed in range(3))
    await engine.score([old, recent], (0,))
    await engine.score([recent], (0,))
    await engine.score([new], (0,))
    before = engine.n_computed

    await engine.score([recent], (0,))
    assert engine.n_computed == before
    await engine.score([old], (0,))

    assert engine.n_computed == before + 100


async def test_a_branch_that_can_never_fit_is_refused(small: Callable[..., Engine]):
    engine = small(max_kv_tokens=100)

    with pytest.raises(ModelError, match="raise max_kv_tokens"):
        await engine.generate([Job(prompt(1, 80), 30)])


async def test_branches_that_do_not_fit_together_take_turns(small: Callable[..., Engine]):
    engine = small(max_kv_tokens=100)

    outputs = await engine.generate([Job(prompt(seed, 40), 20) for seed in range(4)])

    assert [len(output.ids) for output in outputs] == [20] * 4


async def test_more_branches_than_rows_take_turns(small: Callable[..., Engine]):
    engine = small(max_kv_tokens=2000, max_branches=2)

    outputs = await engine.generate([Job(prompt(seed, 10), 1 + seed) for seed in range(7)])

    assert [len(output.ids) for output in outputs] == list(range(1, 8))


@pytest.mark.parametrize("ids", [(), (320,), (-1,), tuple(range(4, 260)) * 5])
async def test_ids_that_the_model_cannot_read_are_refused(engine: Engine, ids: tuple[int, ...]):
    with pytest.raises(InputError):
        await engine.generate([Job(ids, 4)])


async def test_a_failed_pass_fails_its_callers_and_no_others(engine: Engine):
    def fail(*_: object) -> None:
        raise RuntimeError("no memory")

    hook = engine._network.decoder.register_forward_pre_hook(fail)
    with pytest.raises(ModelError, match="no memory"):
        await engine.generate([Job((5, 6), 4)])
    hook.remove()

    (output,) = await engine.generate([Job((5, 6), 4)])

    assert len(output.ids) == 4


async def test_out_of_memory_shrinks_the_batch_and_loses_nothing(engine: Engine, plain: PreTrainedModel):
    jobs = [Job(prompt(seed, 20), 6) for seed in range(12)]

    def fail(module: object, arguments: object, settings: dict[str, torch.Tensor]) -> None:
        if settings["input_ids"].numel() > 100:
            raise torch.OutOfMemoryError("CUDA out of memory")

    engine._network.decoder.register_forward_pre_hook(fail, with_kwargs=True)
    outputs = await engine.generate(jobs)

    assert [output.ids for output in outputs] == [greedy(plain, job.ids, 6) for job in jobs]


async def test_out_of_memory_with_one_token_is_an_error_and_the_next_call_starts_anew(
    engine: Engine, plain: PreTrainedModel
):
    def fail(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    hook = engine._network.decoder.register_forward_pre_hook(fail)
    for _ in range(2):
        with anyio.fail_after(20), pytest.raises(ModelError, match="out of memory"):
            await engine.generate([Job((5, 6), 4)])
    hook.remove()
    with anyio.fail_after(20):
        (output,) = await engine.generate([Job((5, 6), 4)])

    assert output.ids == greedy(plain, (5, 6), 4)


async def test_passes_grow_again_after_out_of_memory(engine: Engine):
    sizes: list[int] = []

    def fail(module: object, arguments: object, settings: dict[str, torch.Tensor]) -> None:
        sizes.append(settings["input_ids"].numel())
        if len(sizes) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory")

    engine._network.decoder.register_forward_pre_hook(fail, with_kwargs=True)
    await engine.generate([Job(prompt(1, 600), 2 * GROW_AFTER)])
    await engine.generate([Job(prompt(2, 600), 1)])

    assert sizes[:3] == [512, 256, 256]
    assert 512 in sizes[3:]


async def test_a_closed_engine_says_so(engine: Engine):
    await engine.aclose()

    with pytest.raises(ModelError, match="closed"):
        await engine.generate([Job((5, 6), 4)])
