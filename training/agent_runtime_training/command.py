"""`agent-runtime train`: make better weights from generated tasks and recorded runs, and measure them."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from agent_runtime.errors import ConfigError, ModelError

train = typer.Typer(no_args_is_help=True, help="Make better weights: train and measure.")
RecipeFile = Annotated[Path, typer.Argument(metavar="RECIPE", help="A TOML file.", show_default=False)]
Out = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="Where weights and figures go.", show_default=False)
]
ModelSpec = Annotated[str, typer.Option("--model", metavar="SPEC", help="embedded or hf:FOLDER.")]
Traces = Annotated[
    list[Path] | None, typer.Option("--traces", metavar="PLACE", help="Runs to learn from, besides.")
]


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _needs(*packages: str) -> None:
    """Refuse at once where the packages of the `train` extra are not installed."""
    from importlib.util import find_spec  # noqa: PLC0415

    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise ConfigError(f"training needs {', '.join(missing)}: pip install 'lrm-runtime[train]'")


def _train(recipe: Any, out: Path, stages: tuple[str, ...]) -> None:  # noqa: ANN401 - imported late
    import anyio  # noqa: PLC0415

    from agent_runtime.assembly import open_runtime  # noqa: PLC0415
    from agent_runtime_training.pipeline import Pipeline  # noqa: PLC0415

    anyio.run(Pipeline(recipe, out, open_runtime, _say).run, stages)
    typer.echo(f"weights in {out / 'model'}, figures in {out / 'figures.jsonl'}")


@train.command()
def run(
    recipe: RecipeFile,
    out: Out,
    gsm8k: Annotated[
        Path | None,
        typer.Option("--gsm8k", metavar="FILE", help="GSM8K's training set, for the recipe's hash."),
    ] = None,
    traces: Traces = None,
    stages: Annotated[
        str, typer.Option("--stages", metavar="LIST", help="Some of them, with commas.")
    ] = "sft,judge,grpo,evaluate",
) -> None:
    """Train by a recipe: supervised, judge, reinforced, measured."""
    _needs("peft")
    from agent_runtime_training.pipeline import STAGES  # noqa: PLC0415
    from agent_runtime_training.recipe import read_recipe  # noqa: PLC0415

    wanted = tuple(name.strip() for name in stages.split(","))
    if unknown := [name for name in wanted if name not in STAGES]:
        raise ConfigError(f"unknown stage {unknown[0]!r}; there are: {', '.join(STAGES)}")
    found = read_recipe(recipe)
    data = found.data.model_copy(
        update={"gsm8k": gsm8k or found.data.gsm8k, "traces": (*found.data.traces, *(traces or ()))}
    )
    if data.gsm8k_sha256 and data.gsm8k is None:
        _say(
            "GSM8K's training set is not named (--gsm8k FILE): learning from the other families alone, "
            "which gives other weights than the whole recipe"
        )
    _train(found.model_copy(update={"data": data}), out, wanted)


@train.command()
def smoke(out: Out, traces: Traces = None) -> None:
    """Run every stage small, on the CPU, with a tiny random model: shows that the machinery works, no more."""
    _needs("peft")
    from agent_runtime_training.pipeline import STAGES  # noqa: PLC0415
    from agent_runtime_training.recipe import RECIPES, read_recipe  # noqa: PLC0415

    recipe = read_recipe(RECIPES / "smoke.toml")
    data = recipe.data.model_copy(update={"traces": tuple(traces or ())})
    _train(recipe.model_copy(update={"data": data}), out, STAGES)


@train.command()
def embedded(
    out: Out,
    gsm8k: Annotated[
        Path | None, typer.Option("--gsm8k", metavar="FILE", help="GSM8K's training set; none: without it.")
    ] = None,
) -> None:
    """Make the embedded model's adapter again, from its base and the named data (needs a GPU)."""
    _needs("peft")
    if gsm8k is not None and not gsm8k.is_file():
        raise ConfigError(
            f"no GSM8K training set at {str(gsm8k)!r}; name gsm8k_train.jsonl, or leave --gsm8k out"
        )
    import torch  # noqa: PLC0415

    from agent_runtime_training.recipe import RECIPES  # noqa: PLC0415

    if not torch.cuda.is_available():
        raise ModelError("no CUDA device: this recipe takes 20 minutes of an H100, and days without one")
    run(RECIPES / "embedded.toml", out, gsm8k)


@train.command()
def evaluate(
    families: Annotated[
        list[str] | None,
        typer.Argument(metavar="FAMILY...", help="Families of tasks; none: all.", show_default=False),
    ] = None,
    model: ModelSpec = "embedded",
    n: Annotated[int, typer.Option("--n", min=1, help="Held-out items of each family.")] = 100,
    votes: Annotated[int, typer.Option("--votes", min=1, help="Chains that vote.")] = 8,
    seed: Annotated[int, typer.Option("--seed", min=0)] = 0,
) -> None:
    """Measure a model on held-out wordings and schemas: greedy, by vote, after an error."""
    import tempfile  # noqa: PLC0415

    import anyio  # noqa: PLC0415

    from agent_runtime.assembly import build_model, open_runtime  # noqa: PLC0415
    from agent_runtime.config import RunConfig  # noqa: PLC0415
    from agent_runtime_training.evaluate import evaluate_family  # noqa: PLC0415
    from agent_runtime_training.tasks import FAMILIES  # noqa: PLC0415

    for family in families or ():
        if family not in FAMILIES:
            raise ConfigError(f"unknown family {family!r}; there are: {', '.join(FAMILIES)}")

    async def measure() -> None:
        weights = build_model(RunConfig.load({"model": model}))
        try:
            for family in families or FAMILIES:
                with tempfile.TemporaryDirectory() as folder:
                    found = await evaluate_family(family, n, votes, seed, weights, open_runtime, Path(folder))
                after = f"; after a failed query {found.recovered}" if found.recovered else ""
                typer.echo(
                    f"{family}: greedy {found.greedy}; {votes} votes {found.voted}; "
                    f"one of {votes} {found.within}{after}"
                )
        finally:
            await weights.aclose()

    anyio.run(measure)


@train.command()
def judge(
    packs: Annotated[
        list[Path], typer.Argument(metavar="PACK...", help="prm_*.jsonl files.", show_default=False)
    ],
    model: ModelSpec = "embedded",
    threshold: Annotated[
        float, typer.Option("--threshold", min=0, max=1, help="P(good) below it: wrong.")
    ] = 0.5,
) -> None:
    """Report how well a model finds the first wrong step of a solution (F1)."""
    import anyio  # noqa: PLC0415

    from agent_runtime.assembly import build_model  # noqa: PLC0415
    from agent_runtime.config import RunConfig  # noqa: PLC0415
    from agent_runtime_training.process_reward import judge_with, score_pack  # noqa: PLC0415

    async def score() -> None:
        weights = build_model(RunConfig.load({"model": model}))
        try:
            for pack in packs:
                found = await score_pack(pack, judge_with(weights), threshold)
                typer.echo(
                    f"{pack.name}: F1 {found.f1:.1%}; first wrong step found in {found.wrong_accuracy:.1%} of "
                    f"{found.n_wrong}, all right said of {found.right_accuracy:.1%} of {found.n_right}"
                )
        finally:
            await weights.aclose()

    anyio.run(score)
