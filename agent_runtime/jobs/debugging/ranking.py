"""The order of the candidates: the model's own likelihood of each line where it can tell, else the prior.

The model reads the program as it was trained to (numbered lines, then the failure) and is asked, for every
candidate, how likely its lines are in that place. Ranking costs no sampling. A model behind a server that gives no
likelihoods declines, and the documented prior (see `edits`) orders alone.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent_runtime.jobs.debugging.types import Candidate, Suspect
from agent_runtime.protocols import Likelihoods, Model
from agent_runtime.types import Usage

MAX_SCORED = 16  # the best by prior; a forward pass for each costs more than a trial
CONTEXT_CHARACTERS = 5_000
WORDS_CHARACTERS = 1_000
WEIGHT = 0.3  # of the log-likelihood ratio against the log prior
MAX_RATIO = 8.0  # nats; a ratio beyond tells of the tokenizer more than of the program


@dataclass(frozen=True, slots=True)
class Ranking:
    """The candidates in the order of their trial, each one's weight in (0, 1] when fixes are compared, and the cost."""

    ordered: list[Candidate]
    weights: dict[Candidate, float]
    ranked_by: str
    usage: Usage = Usage()


async def rank(
    found: Sequence[Candidate],
    sources: Mapping[str, str],
    said: str,
    model: Model | None = None,
    words: str = "",
) -> Ranking:
    """Order `found`, which comes with the best prior first.

    Raises:
        ModelError: The model failed.
    """
    weights = {candidate: candidate.prior for candidate in found}
    if not isinstance(model, Likelihoods) or not found:
        return Ranking(list(found), weights, "prior (how suspect the line, how common the kind of fault)")
    judged, usage = await weighed(found[:MAX_SCORED], sources, words or said, model)
    weights.update(judged)
    ordered = sorted(found, key=lambda one: -weights[one])
    return Ranking(ordered, weights, "the model's likelihood of each edited line, times the prior", usage)


async def weighed(
    found: Sequence[Candidate], sources: Mapping[str, str], words: str, model: Model | None
) -> tuple[dict[Candidate, float], Usage]:
    """Each candidate's prior times what the model makes of it, and the cost; empty where it gives no likelihoods.

    Raises:
        ModelError: The model failed.
    """
    if not isinstance(model, Likelihoods) or not found:
        return {}, Usage()
    ratios, usage = await likelihoods(found, sources, model, words)
    return {
        one: one.prior * math.exp(WEIGHT * max(-MAX_RATIO, min(MAX_RATIO, ratio)))
        for one, ratio in ratios.items()
    }, usage


async def likelihoods(
    found: Sequence[Candidate], sources: Mapping[str, str], model: Likelihoods, words: str
) -> tuple[dict[Candidate, float], Usage]:
    """Each candidate's log-likelihood ratio against the lines as they are (the line after included), and the cost."""
    pairs: dict[tuple[str, str], float] = {}
    asked: dict[Candidate, tuple[tuple[str, str], tuple[str, str]]] = {}
    for one in found:
        lines = sources[one.file].split("\n")
        context = f"{words[-WORDS_CHARACTERS:]}\n\n" + "".join(f"{line}\n" for line in lines[: one.first - 1])
        if len(context) > CONTEXT_CHARACTERS:
            continue  # the model cannot read so far: the prior alone decides
        old, after = lines[one.first - 1 : one.last], lines[one.last : one.last + 1]
        forms = (context, "\n".join([*old, *after])), (context, "\n".join([*one.lines, *after]))
        asked[one] = forms
        pairs.update(dict.fromkeys(forms, 0.0))
    values, usage = await model.log_likelihoods(list(pairs))
    pairs = dict(zip(pairs, values, strict=True))
    return {one: pairs[new] - pairs[old] for one, (old, new) in asked.items()}, usage


def listing(sources: Mapping[str, str], suspects: Sequence[Suspect], said: str) -> str:
    """The most suspect file with line numbers, and how it failed: the form that the model was trained on."""
    if not suspects:
        return f"Failure:\n{said}"
    file, line = suspects[0].file, suspects[0].line
    lines = sources[file].split("\n")
    first = max(0, line - 40)
    numbered = "\n".join(f"{n} {text[:160]}" for n, text in enumerate(lines[first : line + 20], first + 1))
    return f"File {file}\n{numbered[:CONTEXT_CHARACTERS]}\nFailure:\n{said}"
