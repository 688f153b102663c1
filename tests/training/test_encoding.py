from dataclasses import replace
from pathlib import Path

from agent_runtime.dialogue.role_tokens import render_tokens
from agent_runtime.models.tokenizer import LocalTokenizer
from agent_runtime.trace.reader import read
from agent_runtime.types import Check, FinalAnswer, Node, Observation, Plan, Prompt, Step
from agent_runtime_training.encoding import Sample, encode, encode_example, pack
from agent_runtime_training.examples import surviving_sample
from agent_runtime_training.tasks import FAMILIES

ROOT = Path(__file__).parents[2]
PROMPT = Prompt("How many?", "Table t (1 rows)")


def path(*nodes: Node) -> tuple[Node, ...]:
    return (Node(0, None, 0), *nodes)


PLAN = Node(1, 0, 1, Plan(("Count",)))
STEP = Node(2, 1, 2, Step("Count.", Check("calc", "1 + 1")), Observation("calc", "2", "2"))
ANSWER = Node(3, 2, 3, FinalAnswer("2"))


def text(sample: Sample, tokenizer: LocalTokenizer, wanted: bool) -> str:
    return tokenizer.decode([i for i, own in zip(sample.ids, sample.is_own, strict=True) if own is wanted])


def test_the_ids_are_those_that_inference_reads(tokenizer):
    sample = encode(PROMPT, path(PLAN, STEP), tokenizer)

    assert sample.ids == render_tokens(PROMPT, path(PLAN, STEP), tokenizer)


def test_results_and_prompt_are_not_learned(tokenizer):
    sample = encode(PROMPT, path(PLAN, STEP, ANSWER), tokenizer)

    learned = text(sample, tokenizer, True)
    assert "result" not in learned
    assert "How many" not in learned
    assert learned.endswith("<step>Count.<calc>1 + 1<end><answer>2<end><|im_end|>")


def test_the_role_of_the_first_plan_is_forced_and_not_learned(tokenizer):
    sample = encode(PROMPT, path(PLAN), tokenizer)

    assert not sample.is_own[sample.ids.index(tokenizer.role_id("plan"))]


def test_recorded_tokens_are_kept_as_sampled_and_forced_ones_are_not_learned(tokenizer):
    ids = (tokenizer.role_id("answer"), *tokenizer.encode_data("ab"), tokenizer.role_id("end"))
    node = Node(1, 0, 1, FinalAnswer("ab"), token_ids=ids, logprobs=(0.0, -1.0, 0.0, -2.0))

    sample = encode(PROMPT, path(node), tokenizer)

    at = len(sample.ids) - len(ids) - 1
    assert sample.ids[at:-1] == ids
    assert sample.is_own[at:-1] == (False, True, False, True)


def test_tokens_of_another_models_tokenizer_are_never_learned(tokenizer):
    """The shipped run was recorded with the embedded model's 49,152 tokens; this vocabulary has 271."""
    trace = read(ROOT / "traces" / "calculation.jsonl")
    assert max(max(node.token_ids, default=0) for node in trace.graph()) > tokenizer.role_id("bad") + 256

    sample = surviving_sample(trace, tokenizer)

    assert sample is not None
    learned = text(sample, tokenizer, True)
    assert "<step>Divide.<calc>34 / 2<end>" in learned
    assert learned.endswith("<answer>17<end><|im_end|>")


def test_a_mistake_is_read_but_not_learned_and_labelled_bad(tokenizer):
    example = next(
        e for e in FAMILIES["tables"].generate(30, 2, "train") if any(turn.is_mistake for turn in e.turns)
    )
    at = next(at for at, turn in enumerate(example.turns) if turn.is_mistake)
    wrong = example.turns[at].action
    assert isinstance(wrong, Step)
    assert wrong.check is not None

    sample = encode_example(example, tokenizer)

    assert wrong.check.input in text(sample, tokenizer, False)
    assert wrong.check.input not in text(sample, tokenizer, True)
    assert 0.0 in sample.labels


def test_a_step_ends_where_its_result_ends(tokenizer):
    sample = encode(PROMPT, path(PLAN, STEP, ANSWER), tokenizer)

    ((node_id, position),) = sample.step_ends
    assert node_id == 2
    assert tokenizer.decode(sample.ids[: position + 1]).endswith("<result>2<end>")


def test_no_sample_is_split_over_rows_and_none_is_lost(tokenizer, examples):
    samples = [encode_example(example, tokenizer) for example in examples]
    fitting = [sample for sample in samples if len(sample) <= 1200]

    rows = list(pack(samples, 1200))

    assert [sample for row in rows for sample in row.samples] == fitting
    assert all(len(row.ids) <= 1200 for row in rows)


def test_labels_stand_where_their_steps_end_in_the_row(tokenizer):
    sample = encode(PROMPT, path(PLAN, STEP, ANSWER), tokenizer)
    labelled = replace(sample, labels=(0.5,))

    (row,) = pack([sample, labelled], 4096)

    assert row.judged == [(len(sample) + sample.step_ends[0][1], 0.5)]
