"""`agent-runtime calibrate`: fit how sure a model's answers may be called, and keep it for the runs to come."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from agent_runtime.jobs.calibration.job import Case
    from agent_runtime.scoring.calibration import Calibration


def calibrate(
    model: Annotated[str | None, typer.Option(metavar="SPEC", help="The model to fit. [embedded]")] = None,
    items: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Questions with known answers; the shipped ones by default."),
    ] = None,
    n: Annotated[
        int | None, typer.Option("-n", metavar="N", min=5, help="Ask the first N of them alone.")
    ] = None,
    max_tokens: Annotated[int, typer.Option(metavar="N", min=1, help="Of one question.")] = 4_000,
) -> None:
    """Ask a model questions whose answers are known, and fit what its confidence means."""
    import anyio  # noqa: PLC0415  (--help needs none of it)

    from agent_runtime.assembly import build_model, open_runtime  # noqa: PLC0415
    from agent_runtime.config import RunConfig, cache_folder  # noqa: PLC0415
    from agent_runtime.jobs.calibration.job import ITEMS, cases_of, fit, read_items  # noqa: PLC0415
    from agent_runtime.scoring.calibration import calibration_file, write_calibration  # noqa: PLC0415

    config = RunConfig.load(
        {"model": model, "max_tokens": max_tokens, "planner": "none", "min_confidence": 0.0}
    )
    asked = read_items(items or ITEMS)[:n]

    async def measure() -> None:
        speaker = build_model(config)
        card = await speaker.card()
        try:
            cases = await cases_of(
                asked, lambda asked_config: open_runtime(asked_config, model=speaker), config, _say
            )
        finally:
            await speaker.aclose()
        fitted = fit(cases, card.name)
        path = calibration_file(cache_folder(), card.name, card.sha256)
        write_calibration(path, fitted)
        for line in report(cases, fitted):
            typer.echo(line)
        typer.echo(f"kept in {path}")

    anyio.run(measure)


def report(cases: "list[Case]", fitted: "Calibration") -> Iterable[str]:
    """Stated against right, supported and confirmed answers apart, on the half that was not fitted."""
    from agent_runtime.scoring.calibration import logistic  # noqa: PLC0415
    from agent_runtime.scoring.intervals import reliability  # noqa: PLC0415

    yield f"{fitted.n_items} answers fitted, Brier score {fitted.brier:.3f} on {len(cases) - fitted.n_items} others"
    for verdict in ("supported", "confirmed"):
        held_out = [case for case in cases[1::2] if case.verdict == verdict]
        stated = [(logistic(case.found, fitted.coefficients), case.is_right) for case in held_out]
        yield f"{verdict}: {len(stated)} answers"
        for band, n, mean, right in reliability(stated):
            yield f"  {band}  {n:5}  mean {mean:.2f}  right {right:.2f}"


def _say(line: str) -> None:
    sys.stderr.write(f"\r{line}\x1b[K" if sys.stderr.isatty() else f"{line}\n")
