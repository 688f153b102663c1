"""What goes into the branch engine and what comes out: plain values, importable without torch."""

from dataclasses import dataclass

from agent_runtime.types import Sampling


@dataclass(frozen=True, slots=True)
class Job:
    """One branch that wants to decode.

    `ids` is everything that the branch has read and written so far; the keys and values of any prefix that
    the engine has seen are reused, the rest is computed in chunks. `seed` belongs to the branch: with fp32
    arithmetic the same seed gives the same tokens whatever else is in the batch, in bf16 in the same batch.
    Decoding ends after one of `stop_ids` (it is part of the output), when the grammar can go no further, or at
    `max_tokens`. `grammar` is a Lark text of llguidance that the *output* must match; None leaves the model free.
    """

    ids: tuple[int, ...]
    max_tokens: int
    sampling: Sampling = Sampling()
    seed: int = 0
    stop_ids: frozenset[int] = frozenset()
    grammar: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What one branch wrote.

    `logprobs` holds one number a token: its log-probability under the model itself (temperature 1, before
    filters and grammar), and 0.0 exactly for the `n_forced` tokens that the grammar left no choice about.
    `is_cut`: `max_tokens` ended it, not a stop id or the grammar. `n_prefilled` prompt tokens were computed
    for this job; the other `n_reused` were not.
    """

    ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    is_cut: bool
    n_prefilled: int
    n_reused: int
    n_forced: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Scored:
    """The log-probability of each candidate after one context; `n_prefilled` of its tokens were computed for it."""

    logprobs: tuple[float, ...]
    n_prefilled: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Capacity:
    """How much room there is. Free counts what eviction can free at once, too.

    `free_branches` more can decode at once; what comes on top waits for its turn.
    """

    max_kv_tokens: int
    free_kv_tokens: int
    bytes_per_token: int
    free_branches: int

    def branches(self, n_tokens: int, shared_tokens: int = 0) -> int:
        """How many branches of `n_tokens` each can decode at once now, behind a new prefix of `shared_tokens`."""
        n_fit = max(0, self.free_kv_tokens - shared_tokens) // max(1, n_tokens)
        return min(n_fit, self.free_branches)
