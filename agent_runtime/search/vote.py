"""Several chains vote: self-consistency (Wang et al. 2022, arXiv:2203.11171), stopped as soon as it is decided.

The stopping rule is the Beta criterion of adaptive consistency (Aggarwal et al. 2023, arXiv:2305.11860). Departure:
only votes that an observation supports and no judge finds bad count towards it, so a chorus of unsupported answers
ends nothing early.
"""

from math import comb

from agent_runtime.protocols import Expander
from agent_runtime.types import Candidate, Node, Sampling

# Nucleus sampling (Holtzman et al. 2020, arXiv:1904.09751): the tail of a small model's distribution holds made-up
# names, and one such token in a query is a branch lost.
WARM = Sampling(temperature=0.8, top_p=0.9)
# Posterior probability that more votes would not change the leader. The paper's 0.95 takes four votes to none, so that
# a vote of four would never end early. At 0.9 three to none decide (0.9375), when the fourth cannot win any more; two
# to none do not (0.875), and neither do four to one (0.89).
DECIDED = 0.9
# Confidence at which more thinking would rarely change the answer: of those that say 0.6 to 0.8, 83 % were right
# in the calibration, 47 % on the harder questions of the curves (docs/scoreboard.md). One chain alone says 0.65 at the
# most.
ENOUGH = 0.6


class Vote:
    """Runs up to `n_chains` chains, `wave` of them side by side in one batch, until the vote is decided."""

    def __init__(self, n_chains: int = 4, wave: int = 4, sampling: Sampling = WARM) -> None:
        self._n_chains = n_chains
        self._wave = wave
        self._sampling = sampling

    async def search(self, tree: Expander) -> None:
        """Expand every open branch by one action a round; open the next wave when the last one has ended."""
        n_left = self._n_chains
        answered: list[Node] = []
        while n_left > 0:
            branches = await tree.expand([tree.root], min(n_left, self._wave), self._sampling)
            if not branches:
                return
            n_left -= len(branches)
            while branches := [node for node in branches if node.state == "open"]:
                branches = await tree.expand(branches, 1, self._sampling)
                answered += [node for node in branches if node.state == "answered"]
                if is_decided(tree, answered):
                    tree.close([node for node in branches if node.state == "open"], "the vote is decided")
                    return


def is_decided(tree: Expander, answered: list[Node]) -> bool:
    """Whether the leader among the sound answers would win against the runner-up with more votes, too."""
    votes = sorted((candidate.n_sound for candidate in tree.candidates(answered)), reverse=True)
    return bool(votes and votes[0]) and leader_wins(votes[0], votes[1] if len(votes) > 1 else 0) >= DECIDED


def is_sure(leader: Candidate) -> bool:
    """Whether the best of the answers so far is read off a check and said with enough confidence."""
    return leader.verdict in ("supported", "confirmed") and leader.confidence >= ENOUGH


def leader_wins(n_first: int, n_second: int) -> float:
    """P(p > 1/2) for p ~ Beta(n_first + 1, n_second + 1), exact for whole votes."""
    n = n_first + n_second + 1
    return float(sum(comb(n, k) for k in range(n_first + 1))) / 2.0**n
