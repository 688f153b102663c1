"""The stages of a recipe in their order: base -> supervised -> judge -> reinforced -> measured, each saved.

Every stage writes its folder and a line to `figures.jsonl` with the recipe's hash and seed, so that a figure can
be traced to what made it. A later stage starts from the weights in memory.
"""

import hashlib
import json
import random
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from itertools import chain, islice
from pathlib import Path
from typing import Any

import torch

from agent_runtime.models.local import LocalModel
from agent_runtime.training.encoding import Sample
from agent_runtime.training.evaluate import evaluate_family
from agent_runtime.training.examples import examples_of, samples_of, traces_of
from agent_runtime.training.fitting import Progress
from agent_runtime.training.grpo import Iteration, Reinforcer
from agent_runtime.training.process_reward import best_threshold, calibrate, judge_samples, train_judge
from agent_runtime.training.recipe import Data, Recipe
from agent_runtime.training.rollouts import Draw, OpenRuntime, draw_rollouts
from agent_runtime.training.sft import fine_tune
from agent_runtime.training.step_labels import judged_examples, labelled_samples
from agent_runtime.training.tasks import generate
from agent_runtime.training.tasks.example import Example
from agent_runtime.training.weights import Weights, add_adapter, load, save_adapter, save_merged
from agent_runtime.types import Sampling

STAGES = ("sft", "judge", "grpo", "evaluate")
GRPO_SEED = 77_000_000  # far from the seeds of the supervised examples
Report = Callable[[str], None]


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
        if "sft" in stages:
            self.sft(weights)
        if "judge" in stages:
            self.judge(weights)
        if "grpo" in stages and self.recipe.grpo.iterations:
            await self.grpo(weights)
        save_merged(weights, self.out / "model")
        if weights.has_adapter:
            n_bytes = save_adapter(weights, self.out / "adapter")
            self._note("adapter", {"megabytes": n_bytes / 1e6})
        if "evaluate" in stages:
            await self.evaluate()
        return weights

    def _start(self) -> Weights:
        recipe = self.recipe
        device = recipe.device if recipe.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
        weights = load(recipe.base, device, recipe.seed)
        add_adapter(weights, recipe.lora, recipe.seed)
        return weights

    # --- stages

    def sft(self, weights: Weights) -> list[float]:
        """Learn from the teachers and from verified runs."""
        recipe = self.recipe
        samples = list(samples_of(recipe.data, weights.tokenizer, recipe.seed))
        self._report(f"sft: {len(samples):,} samples, {sum(map(len, samples)):,} tokens")
        losses = fine_tune(weights, samples, recipe.sft, recipe.seed, self._show("sft"))
        self._note("sft", {"samples": len(samples), "first_loss": losses[0], "last_loss": losses[-1]})
        return losses

    def judge(self, weights: Weights) -> None:
        """Learn to judge steps; calibration on held-out steps of ours."""
        recipe = self.recipe
        rng = random.Random(recipe.seed + 1)  # noqa: S311
        data = Data(examples=recipe.judge.examples, workers=recipe.data.workers)
        samples = self._judged(examples_of(data, recipe.seed + 1), weights, rng)
        for trace in traces_of(recipe.data.traces):
            samples += labelled_samples(trace, weights.tokenizer)
        losses = train_judge(weights, samples, recipe.judge, recipe.seed, self._show("judge"))
        heldout = self._judged(self._heldout(), weights, rng)
        scored = judge_samples(weights, heldout, recipe.judge.optimiser.row_tokens)
        half = len(scored) // 2
        threshold = best_threshold(scored[:half]) if half else 0.5
        found = asdict(calibrate(scored[half:]))
        self._note("judge", {"last_loss": losses[-1], "threshold": threshold, **found})

    def _judged(self, examples: Iterable[Example], weights: Weights, rng: random.Random) -> list[Sample]:
        return [sample for example in examples for sample in judged_examples(example, weights.tokenizer, rng)]

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

    async def _rollouts(self, weights: Weights, tasks: list[Example], draw: Draw) -> list[Any]:
        """The policy is saved and opened by the engine as any model is: what is rewarded is what will run."""
        folder = self.out / "policy"
        save_merged(weights, folder)
        model = LocalModel.from_spec(f"hf:{folder}")
        work = self.out / "rollouts"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        try:
            return await draw_rollouts(tasks, model, self._open_runtime, draw, work)
        finally:
            await model.aclose()

    async def evaluate(self) -> None:
        """Measure the saved weights on held-out items."""
        model = LocalModel.from_spec(f"hf:{self.out / 'model'}")
        work = self.out / "evaluation"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        try:
            for family, n in sorted(self.recipe.heldout.items()):
                found = await evaluate_family(family, n, 8, self.recipe.seed, model, self._open_runtime, work)
                self._note("evaluate", found.as_row())
                self._report(f"{family}: greedy {found.greedy}, 8 votes {found.voted}")
        finally:
            await model.aclose()

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
