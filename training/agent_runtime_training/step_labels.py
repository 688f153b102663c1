"""Labelled steps as samples for the process reward (the labels: `agent_runtime.trace.labels`).

Steps that only look right are made for training by spoiling a teacher's calculation: its check runs and holds.
"""

import random
import re
from collections.abc import Callable
from dataclasses import replace

from agent_runtime.dialogue.prompt_format import Tokenizer
from agent_runtime.trace.feedback import read_reviews
from agent_runtime.trace.labels import label_steps, leaves, rollout_labels
from agent_runtime.trace.reader import Trace
from agent_runtime.types import Check, Observation, Step
from agent_runtime_training.encoding import Sample, encode, encode_example
from agent_runtime_training.tasks.example import Example, Turn
from agent_runtime_training.tasks.rendering import render_number
from agent_runtime_training.tasks.teacher import TeacherError, evaluate


def labelled_samples(
    trace: Trace, tokenizer: Tokenizer, is_right: Callable[[str], bool] | None = None
) -> list[Sample]:
    """Every branch of a run with its steps' labels; a step that several branches share is labelled once."""
    if trace.started is None:
        return []
    graph = trace.graph()
    rollouts = rollout_labels(graph, is_right) if is_right else {}
    labels = label_steps(graph, read_reviews(trace.path), rollouts)
    samples, seen = [], set[int]()
    for leaf in leaves(graph):
        path = graph.path(leaf.id)
        sample = encode(trace.started.prompt, path, tokenizer, unlearned={node.id for node in path})
        wanted = tuple(None if node_id in seen else labels.get(node_id) for node_id, _ in sample.step_ends)
        seen |= {node_id for node_id, _ in sample.step_ends}
        if any(label is not None for label in wanted):
            samples.append(replace(sample, labels=wanted))
    return samples


# --- steps that only look right


def spoil(example: Example, rng: random.Random) -> Example | None:
    """The example cut after one calculation that was spoiled: another operator or operands swapped, and rerun.

    None when it has no calculation to spoil.
    """
    calculations = [
        at
        for at, turn in enumerate(example.turns)
        if isinstance(turn.action, Step)
        and turn.action.check is not None
        and turn.action.check.tool == "calc"
    ]
    rng.shuffle(calculations)
    for at in calculations:
        turn = example.turns[at]
        assert isinstance(turn.action, Step)
        assert turn.action.check is not None
        spoiled = _spoiled(turn.action, turn.action.check.input, rng)
        if spoiled is not None:
            return replace(example, turns=(*example.turns[:at], spoiled))
    return None


def _spoiled(step: Step, expression: str, rng: random.Random) -> Turn | None:
    right = evaluate(expression)
    places = [match.start() for match in re.finditer(r"(?<=\S )[-+*/](?= \S)", expression)]
    rng.shuffle(places)
    for place in places:
        other = rng.choice([sign for sign in "+-*/" if sign != expression[place]])
        wrong = expression[:place] + other + expression[place + 1 :]
        try:
            value = evaluate(wrong)
        except TeacherError:
            continue
        if value != right:
            observation = Observation("calc", str(value), render_number(value))
            return Turn(replace(step, check=Check("calc", wrong)), observation, is_mistake=True)
    return None


def judged_examples(example: Example, tokenizer: Tokenizer, rng: random.Random) -> list[Sample]:
    """A teacher's trace (its steps good, its mistakes bad) and, half of the time, a spoiled one beside it."""
    samples = [encode_example(example, tokenizer)]
    spoiled = spoil(example, rng) if rng.random() < 0.5 else None
    if spoiled is not None:
        samples.append(encode_example(spoiled, tokenizer))
    return samples
