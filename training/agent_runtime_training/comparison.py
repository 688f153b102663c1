"""The stages of a training run side by side, for people: a table of held-out figures, a curve of rewards."""

from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from agent_runtime_training.evaluate import FamilyResult, Share
from agent_runtime_training.grpo import Iteration

HEAD = (
    "family", "weights", "greedy", "by vote", "one of the voters", "tokens, greedy", "tokens, vote",
)  # fmt: skip


def comparison(results: Mapping[str, Sequence[FamilyResult]]) -> str:
    """A Markdown table: each family on the weights of every stage, and what reinforcement changed."""
    rows = [HEAD, ("---",) * len(HEAD)]
    families = dict.fromkeys(found.family for stage in results.values() for found in stage)
    for family in families:
        rows += [
            _row(stage, found)
            for stage, of_stage in results.items()
            for found in of_stage
            if found.family == family
        ]
    table = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    changes = "".join(f"- {line}\n" for line in _changes(results))
    return table + (f"\nFrom sft to grpo, the same items:\n\n{changes}" if changes else "")


def _row(stage: str, found: FamilyResult) -> tuple[str, ...]:
    return (
        found.family,
        stage,
        str(found.greedy),
        f"{found.voted} ({found.n_votes})",
        str(found.within),
        f"{found.greedy_tokens:.0f}",
        f"{found.voted_tokens:.0f}",
    )


def _changes(results: Mapping[str, Sequence[FamilyResult]]) -> Iterator[str]:
    """What reinforcement did to each family, in points and in tokens; within 95 % intervals it is no change."""
    before = {found.family: found for found in results.get("sft", ())}
    for found in results.get("grpo", ()):
        if found.family in before:
            old = before[found.family]
            yield (
                f"{found.family}: greedy {_change(old.greedy, found.greedy)}, "
                f"by vote {_change(old.voted, found.voted)}, "
                f"tokens {found.voted_tokens / max(1.0, old.voted_tokens):.2f} times as many"
            )


def _change(old: Share, new: Share) -> str:
    """Points gained, and whether the intervals leave a doubt."""
    is_sure = new.interval[0] > old.interval[1] or new.interval[1] < old.interval[0]
    return f"{100 * (new.value - old.value):+.1f} points{'' if is_sure else ' (intervals overlap)'}"


def draw_curve(curve: Sequence[Iteration], path: Path) -> bool:
    """Draw reward and share of right answers over the iterations; False where matplotlib is not installed."""
    if find_spec("matplotlib") is None:
        return False
    from matplotlib.figure import Figure  # noqa: PLC0415 (a developer's package)
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.add_subplot(xlabel="iteration", ylabel="mean of the rollouts")
    numbers = [one.number for one in curve]
    axes.plot(numbers, [one.mean_reward for one in curve], marker="o", label="reward")
    axes.plot(numbers, [one.share_right for one in curve], marker="s", label="share right")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylim(bottom=0)
    axes.legend()
    figure.savefig(path, format="svg")
    return True
