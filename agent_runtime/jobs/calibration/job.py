"""Ask a model questions whose answers are known, and fit how sure its answers may be called.

The items are generated, and of no benchmark. Each is asked once greedily and once as a vote; half of the answers fit
the map (logistic regression by Newton's method, held to zero lightly), the other half measures it.
"""

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from agent_runtime.config import RunConfig
from agent_runtime.errors import InputError
from agent_runtime.kernel.runtime import Runtime
from agent_runtime.scoring.calibration import Calibration, features, logistic
from agent_runtime.scoring.equivalence import equal
from agent_runtime.scoring.ranking import mean_logprob
from agent_runtime.trace.reader import read
from agent_runtime.types import Answer

ITEMS = Path(__file__).with_name("items.jsonl")
MIN_CASES = 10  # fewer answers fit nothing
RIDGE = 0.5  # pulls each coefficient towards zero: some dozen answers must not make one certain
N_STEPS = 50
STRATEGIES = ("chain", "vote:4")

Opener = Callable[..., AbstractAsyncContextManager[Runtime]]


@dataclass(frozen=True, slots=True)
class Item:
    """A question with its tables (file name -> CSV) and the one right answer."""

    question: str
    answer: str
    tables: dict[str, str]


@dataclass(frozen=True, slots=True)
class Case:
    """What was known of an answer, and whether it was right."""

    found: tuple[float, float, float]
    is_right: bool
    verdict: str


def read_items(path: Path = ITEMS) -> list[Item]:
    """The items that ship, or those of another file of the same form."""
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        return [Item(one["question"], one["answer"], one.get("tables", {})) for one in lines]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{str(path)!r} holds no items: one JSON object a line is expected ({error})"
        ) from None


async def cases_of(
    items: Sequence[Item], open_runtime: Opener, config: RunConfig, say: Callable[[str], None]
) -> list[Case]:
    """Ask every item by every strategy; what a budget or an empty search leaves unanswered is no case."""
    found: list[Case] = []
    with tempfile.TemporaryDirectory(prefix="agent-runtime-calibrate-") as place:
        for strategy in STRATEGIES:
            asked = config.model_copy(update={"strategy": strategy, "trace": None})
            async with open_runtime(asked) as runtime:
                for index, item in enumerate(items):
                    answer = await _ask(runtime, item, Path(place) / f"{strategy.replace(':', '-')}-{index}")
                    found += _case(answer, item)
                    say(
                        f"{strategy}: {index + 1} of {len(items)}, {sum(one.is_right for one in found)} right so far"
                    )
    return found


async def _ask(runtime: Runtime, item: Item, folder: Path) -> Answer:
    return await runtime.solve(runtime.new_task(item.question, _tables(item, folder)))


def _tables(item: Item, folder: Path) -> tuple[Path, ...]:
    """The tables of an item as files."""
    folder.mkdir()
    paths = tuple(folder / Path(name).name for name in item.tables)
    for path, text in zip(paths, item.tables.values(), strict=True):
        path.write_text(text, encoding="utf-8")
    return paths


def _case(answer: Answer, item: Item) -> Iterator[Case]:
    if answer.candidate is None or answer.node_id is None or answer.trace is None:
        return
    sure = mean_logprob(read(answer.trace).graph().path(answer.node_id))
    known = features(answer.vote_share, is_confirmed=answer.verdict == "confirmed", mean_logprob=sure)
    yield Case(known, equal(answer.candidate, item.answer), answer.verdict)


def fit(cases: Sequence[Case], model: str) -> Calibration:
    """The map that half of the cases fit, with its Brier score on the other half.

    Raises:
        InputError: There are too few answers to fit anything.
    """
    if len(cases) < MIN_CASES:
        raise InputError(f"{len(cases)} answers are too few to fit a map; at least {MIN_CASES} are needed")
    fitted, held_out = cases[::2], cases[1::2]
    bias, share, confirmed, logprob = _newton(fitted)
    coefficients = (bias, share, confirmed, logprob)
    errors = [(logistic(case.found, coefficients) - case.is_right) ** 2 for case in held_out]
    return Calibration(model, coefficients, len(fitted), sum(errors) / len(errors))


def _newton(cases: Sequence[Case]) -> list[float]:
    """Coefficients of a ridge logistic regression, the constant first."""
    x = np.array([[1.0, *case.found] for case in cases])
    y = np.array([float(case.is_right) for case in cases])
    weights = np.zeros(x.shape[1])
    for _ in range(N_STEPS):
        p = 1.0 / (1.0 + np.exp(-(x @ weights)))
        gradient = x.T @ (p - y) + RIDGE * weights
        hessian = (x * (p * (1 - p))[:, None]).T @ x + RIDGE * np.eye(x.shape[1])
        weights -= np.linalg.solve(hessian, gradient)
    return [float(weight) for weight in weights]
