"""How likely a model finds texts after a context: teacher forcing through the branch engine, one token a round.

The texts form a tree of tokens. Each round asks for all of its nodes at one depth, so that every prefix is in the
engine's cache when the next round needs it: a node costs one token, and what texts share is computed once.
"""

from collections.abc import Sequence

from agent_runtime.engine.engine import Engine

TokenIds = tuple[int, ...]


async def log_likelihoods(
    engine: Engine, pairs: Sequence[tuple[TokenIds, TokenIds]]
) -> tuple[list[float], int]:
    """For each (context, text): the sum of the text's log-probabilities after the context; the tokens that took.

    What was in the cache before takes none.

    Raises:
        InputError: A text does not fit the model's context.
        ModelError: Computing failed.
    """
    totals = [0.0] * len(pairs)
    n_tokens = 0
    if pairs:  # contexts of one file begin alike: the longest is computed once and shared
        (longest,) = await engine.score([max((context for context, _ in pairs), key=len)], (0,))
        n_tokens += longest.n_prefilled
    for depth in range(max((len(text) for _, text in pairs), default=0)):
        longer = [index for index, (_, text) in enumerate(pairs) if len(text) > depth]
        prefixes = {index: (*pairs[index][0], *pairs[index][1][:depth]) for index in longer}
        unique = list(dict.fromkeys(prefixes.values()))
        wanted = tuple(sorted({pairs[index][1][depth] for index in longer}))
        rows = dict(zip(unique, await engine.score(unique, wanted), strict=True))
        n_tokens += sum(row.n_prefilled for row in rows.values())
        column = {token: at for at, token in enumerate(wanted)}
        for index in longer:
            totals[index] += rows[prefixes[index]].logprobs[column[pairs[index][1][depth]]]
    return totals, n_tokens
