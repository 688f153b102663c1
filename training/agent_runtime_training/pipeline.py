"""The stages of a recipe in their order: base -> supervised -> judge -> reinforced, each saved and then measured.

Every stage leaves its weights in a folder of its name, so that stages can be compared, and a line in
`figures.jsonl` with the recipe's hash and seed, so that a figure can be traced to what made it. A later stage
starts from the weights in memory.
"""

import hashlib
import json
import random
import shutil
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from itertools import chain, islice
from pathlib import Path
from typing import Any

import torch

from agent_runtime.errors import InputError
from agent_runtime.models.local import LocalModel
from agent_runtime.trace.export import KINDS, export
from agent_runtime.trace.surviving import traces_of
from agent_runtime.types import Sampling
from agent_runtime_training.comparison import comparison, draw_curve
from agent_runtime_training.encoding import Sample, encode_example
from agent_runtime_training.evaluate import FamilyResult, evaluate_family
from agent_runtime_training.examples import examples_of, samples_of_runs
from agent_runtime_training.fitting import Progress
from agent_runtime_training.grpo import Iteration, Reinforcer
from agent_runtime_training.process_reward import best_threshold, calibrate, judge_samples, train_judge
from agent_runtime_training.recipe import Data, Recipe
from agent_runtime_training.rollouts import Draw, OpenRuntime, RolloutGroup, draw_labels, draw_rollouts
from agent_runtime_training.sft import fine_tune
from agent_runtime_training.step_labels import judged_examples, labelled_samples
from agent_runtime_training.tasks import generate
from agent_runtime_training.tasks.example import Example
from agent_runtime_training.weights import (
    Weights,
    adapter_of,
    add_adapter,
    blend,
    load,
    save_adapter,
    save_merged,
)

STAGES = ("sft", "judge", "grpo", "evaluate", "export")
GRPO_SEED = 77_000_000  # far from the seeds of the supervised examples
LABEL_SEED = 55_000_000
Report = Callable[[str], None]


def n_labels(samples: Iterable[Sample]) -> int:
    """How many steps have a label."""
    return sum(label is not None for sample in samples for label in sample.labels)


class Pipeline:
    """One training run in `out`."""

    def __init__(self, recipe: Recipe, out: Path, open_runtime: OpenRuntime, report: Report) -> None:
        self.recipe = recipe
        self.out = out
        self._open_runtime = open_runtime
        self._report = report
        self._hash = hashlib.sha256(recipe.model_dump_json().encode()).hexdigest()[:12]
        out.mkdir(parents=True, exist_ok=True)

    async def run(self, stages: Sequence[str] = STAGES) -> Weights:
        """Carry out the stages named, in their order; the trained weights.

        Raises:
            ConfigError: The recipe names something that is not there, or gives nothing to learn from.
            ModelError: The base weights cannot be fetched, or the model failed in a rollout.
        """
        weights = self._start()
        learned: list[str] = []
        if "sft" in stages:
            self.sft(weights)
            learned.append(self._keep("sft", weights))
        if "judge" in stages:
            await self.judge(weights)
            learned.append(self._keep("judge", weights))
        if "grpo" in stages and self.recipe.grpo.iterations:
            await self.grpo(weights)
            learned.append(self._keep("grpo", weights))
        self._keep("model", weights)
        if weights.has_adapter:
            n_bytes = save_adapter(weights, self.out / "adapter")
            self._note("adapter", {"megabytes": n_bytes / 1e6})
        if "evaluate" in stages:
            await self.evaluate(learned or ["model"])
        if "export" in stages:
            self.export()
        return weights

    def _keep(self, name: str, weights: Weights) -> str:
        """Save the weights as they are now in a folder of that name."""
        save_merged(weights, self.out / name)
        return name

    def _start(self) -> Weights:
        recipe = self.recipe
        device = recipe.device if recipe.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
        weights = load(recipe.base, device, recipe.seed)
        if not weights.has_adapter:
            add_adapter(weights, recipe.lora, recipe.seed)
        return weights

    # --- stages

    def sft(self, weights: Weights) -> list[float]:
        """Learn from the teachers and from verified runs."""
        recipe = self.recipe
        samples = [
            encode_example(example, weights.tokenizer) for example in examples_of(recipe.data, recipe.seed)
        ]
        runs = list(samples_of_runs(recipe.data.traces, weights.tokenizer))
        samples += runs
        n_long = sum(len(sample) > recipe.sft.row_tokens for sample in samples)
        self._report(
            f"sft: {len(samples):,} samples, {len(runs):,} of them recorded runs, {sum(map(len, samples)):,} tokens; "
            f"{n_long:,} left out, longer than a row"
        )
        before = adapter_of(weights)
        losses = fine_tune(weights, samples, recipe.sft, recipe.seed, self._show("sft"))
        blend(weights, before, recipe.blend)
        sources = {"samples": len(samples), "runs": len(runs), "too_long": n_long}
        self._note("sft", {**sources, "first_loss": losses[0], "last_loss": losses[-1]})
        return losses

    async def judge(self, weights: Weights) -> None:
        """Learn to judge steps; calibration on held-out steps of ours."""
        recipe = self.recipe
        rng = random.Random(recipe.seed + 1)  # noqa: S311
        data = Data(examples=recipe.judge.examples, workers=recipe.data.workers)
        samples = self._judged(examples_of(data, recipe.seed + 1), weights, rng)
        from_runs = [
            sample
            for trace in traces_of(recipe.data.traces)
            for sample in labelled_samples(trace, weights.tokenizer)
        ]
        from_rollouts = await self._rollout_labels(weights)
        samples += [*from_runs, *from_rollouts]
        losses = train_judge(weights, samples, recipe.judge, recipe.seed, self._show("judge"))
        heldout = self._judged(self._heldout(), weights, rng)
        scored = judge_samples(weights, heldout, recipe.judge.optimiser.row_tokens)
        half = len(scored) // 2
        threshold = best_threshold(scored[:half]) if half else 0.5
        found = asdict(calibrate(scored[half:]))
        sources = {"labels_in_runs": n_labels(from_runs), "labels_in_rollouts": n_labels(from_rollouts)}
        self._note("judge", {**sources, "last_loss": losses[-1], "threshold": threshold, **found})

    def _judged(self, examples: Iterable[Example], weights: Weights, rng: random.Random) -> list[Sample]:
        return [sample for example in examples for sample in judged_examples(example, weights.tokenizer, rng)]

    async def _rollout_labels(self, weights: Weights) -> list[Sample]:
        """Steps of the policy on generated tasks, labelled by failed checks and by the oracle's share of right ends."""
        settings = self.recipe.judge.rollouts
        drawn = [
            generate(family, settings.tasks, LABEL_SEED + self.recipe.seed) for family in settings.families
        ]
        tasks = list(chain.from_iterable(drawn))
        if not tasks:
            return []
        sampling = Sampling(temperature=settings.temperature)
        draw = Draw(settings.branches, sampling, settings.max_tokens, self.recipe.seed)
        async with self._policy(weights) as (model, work):
            samples = await draw_labels(tasks, model, self._open_runtime, draw, work, weights.tokenizer)
        self._report(f"judge: {n_labels(samples):,} steps labelled in rollouts of {len(tasks):,} tasks")
        return samples

    def _heldout(self) -> Iterable[Example]:
        return chain.from_iterable(
            generate(family, n, self.recipe.seed, "heldout")
            for family, n in sorted(self.recipe.heldout.items())
        )

    async def grpo(self, weights: Weights) -> list[Iteration]:
        """Reinforce: rollouts by the runtime over the current weights, then one pass over them."""
        settings = self.recipe.grpo
        reinforcer = Reinforcer(weights, settings, self.recipe.seed)
        curve: list[Iteration] = []
        for number in range(settings.iterations):
            tasks = self._grpo_tasks(number)
            draw = Draw(
                settings.group,
                Sampling(temperature=settings.temperature),
                settings.max_tokens,
                self.recipe.seed + number,
            )
            groups = await self._rollouts(weights, tasks, draw)
            curve.append(reinforcer.improve(groups))
            self._note("grpo", asdict(curve[-1]))
            self._report(
                f"grpo {number + 1}/{settings.iterations}: reward {curve[-1].mean_reward:.3f}, "
                f"right {curve[-1].share_right:.1%}, groups used {curve[-1].n_used_groups}/{len(groups)}"
            )
        if draw_curve(curve, self.out / "rewards.svg"):
            self._report(f"grpo: curve of rewards in {self.out / 'rewards.svg'}")
        return curve

    def _grpo_tasks(self, number: int) -> list[Example]:
        """Fresh training-split tasks, the families in turn."""
        settings = self.recipe.grpo
        each = -(-settings.tasks // len(settings.families))
        drawn = [
            generate(family, each, GRPO_SEED + self.recipe.seed + number, "train")
            for family in settings.families
        ]
        return list(islice(chain.from_iterable(zip(*drawn, strict=True)), settings.tasks))

    async def _rollouts(self, weights: Weights, tasks: list[Example], draw: Draw) -> list[RolloutGroup]:
        async with self._policy(weights) as (model, work):
            return await draw_rollouts(tasks, model, self._open_runtime, draw, work)

    @asynccontextmanager
    async def _policy(self, weights: Weights) -> AsyncIterator[tuple[LocalModel, Path]]:
        """The policy is saved and opened by the engine as any model is: what is rewarded is what will run."""
        self._keep("policy", weights)
        async with self._opened("policy", "rollouts") as opened:
            yield opened

    @asynccontextmanager
    async def _opened(self, name: str, work_name: str) -> AsyncIterator[tuple[LocalModel, Path]]:
        """Weights that were kept as a model, and an empty folder to work in."""
        model = LocalModel.from_spec(f"hf:{self.out / name}")
        work = self.out / work_name
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        try:
            yield model, work
        finally:
            await model.aclose()

    async def evaluate(self, names: Sequence[str]) -> None:
        """Measure the weights that were kept under each name on the same held-out items, and compare them."""
        results: dict[str, list[FamilyResult]] = {}
        for name in names:
            results[name] = []
            async with self._opened(name, "evaluation") as (model, work):
                for family, n in sorted(self.recipe.heldout.items()):
                    found = await evaluate_family(
                        family, n, self.recipe.votes, self.recipe.seed, model, self._open_runtime, work
                    )
                    results[name].append(found)
                    self._note("evaluate", {"weights": name, **found.as_row()})
                    self._report(
                        f"{name}, {family}: greedy {found.greedy}, {found.n_votes} votes {found.voted}"
                    )
        (self.out / "comparison.md").write_text(comparison(results), encoding="utf-8")

    def export(self) -> None:
        """Write the recorded runs as data sets of every kind; a kind that they hold nothing for is named."""
        traces = list(traces_of(self.recipe.data.traces))
        for kind in KINDS.values():
            try:
                n_rows = export(traces, kind, self.out / "data")
            except InputError as error:
                n_rows = 0
                self._report(f"export: {error}")
            self._note("export", {"kind": kind, "rows": n_rows})

    # --- the record

    def _show(self, stage: str) -> Callable[[Progress], None]:
        def show(progress: Progress) -> None:
            if progress.step == progress.n_steps or progress.step % 20 == 0:
                rate = progress.n_tokens / max(progress.seconds, 1e-9)
                self._report(
                    f"{stage} {progress.step}/{progress.n_steps}: loss {progress.loss:.4f}, {rate:,.0f} tokens/s"
                )

        return show

    def _note(self, stage: str, figures: dict[str, Any]) -> None:
        line = {"stage": stage, "recipe": self._hash, "seed": self.recipe.seed, **figures}
        with (self.out / "figures.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
