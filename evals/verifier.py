"""What can the verdicts refute? Derivations known to be right and mutants of them, through the runtime.

Run: python -m evals.verifier [--corpus FILE] [--pack FILE] [--seconds FILE] [--n N] [--seed N] [--judge MODEL].
Each mutant is written alone; twice in two forms (as it is, and inside a CTE with other aliases: one derivation); and
beside a different mutant of its item. Right ones are written alone, and with a second derivation by another structure
where `evals/second_derivations.jsonl` has one. Two checks of one run are written by two branches, and as two steps of
one branch. For measuring alone: nothing is trained or tuned on a corpus.
"""

import argparse
import json
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import anyio

from agent_runtime.types import Check, VerdictKind
from evals.derivations import Case, Outcome, measured, wrapped
from evals.packs.items import Item, read_pack

SHARED = Path(__file__).parents[2] / "shared"
KINDS: tuple[VerdictKind, ...] = ("refuted", "unchecked", "supported", "confirmed")
FORMS = ("alone", "twice", "beside", "second")
Row = dict[str, Any]


def cases(
    rows: Sequence[Row], seconds: Sequence[Row], forms: Sequence[str] = FORMS, corpus: Sequence[Row] = ()
) -> list[Case]:
    """Each row in every form that there is for it; the mutants beside it are drawn from the whole corpus."""
    second = {(one["item"], _plain(one["query"])): _check(one["second"]) for one in seconds}
    wrong: dict[str, list[str]] = {}
    for row in corpus or rows:
        if not row["right"]:
            wrong.setdefault(row["item"], []).append(row["query"])
    found: list[Case] = []
    for row in rows:
        first = _check(row["query"])
        others: dict[str, Check | None] = {}
        if row["right"]:
            others["second"] = second.get((row["item"], _plain(row["query"])))
        else:
            others["twice"] = _check(wrapped(row["query"]))
            others["beside"] = _neighbour(wrong[row["item"]], row["query"])
        if "alone" in forms:
            found.append(Case(row["item"], "alone", row["mutation"], ((first,),)))
        for form, other in others.items():
            if other is not None and form in forms:
                found.append(Case(row["item"], f"{form}, branches", row["mutation"], ((first,), (other,))))
                found.append(Case(row["item"], f"{form}, steps", row["mutation"], ((first, other),)))
    return found


def _neighbour(queries: Sequence[str], query: str) -> Check | None:
    at = queries.index(query)
    other = queries[(at + 1) % len(queries)]
    return None if other == query else _check(other)


def _check(written: str | Row) -> Check:
    return Check("sql", written) if isinstance(written, str) else Check(written["tool"], written["input"])


def _plain(query: str) -> str:
    return " ".join(query.split())


def decidable(outcome: Outcome) -> list[str]:
    """The verifiers but the judge that object to an outcome."""
    return (
        [one.verifier for one in outcome.answer.objections if one.verifier != "judge"]
        if outcome.answer
        else []
    )


def table(outcomes: Sequence[Outcome]) -> str:
    """The verdicts by form and mutation."""
    lines = [
        f"{'form':18} {'mutation':10} {'n':>4} "
        + " ".join(f"{kind:>10}" for kind in KINDS)
        + "   objected  confidence"
    ]
    forms = dict.fromkeys((one.case.mutation is None, one.case.form) for one in outcomes)
    for is_right, form in sorted(forms, key=lambda pair: (not pair[0], pair[1])):
        group = [one for one in outcomes if (one.case.mutation is None, one.case.form) == (is_right, form)]
        lines.append(_line(form, "right" if is_right else "all", group))
        if not is_right:
            for mutation in sorted({str(one.case.mutation) for one in group}):
                lines.append(_line("", mutation, [one for one in group if one.case.mutation == mutation]))
    return "\n".join(lines)


def _line(form: str, mutation: str, group: Sequence[Outcome]) -> str:
    answers = [one.answer for one in group if one.answer is not None]
    verdicts = Counter(answer.verdict for answer in answers)
    objected = sum(bool(decidable(one)) for one in group)
    sure = mean([answer.confidence for answer in answers] or [0.0])
    counts = " ".join(f"{verdicts[kind]:10}" for kind in KINDS)
    failed = len(group) - len(answers)
    return f"{form:18} {mutation:10} {len(group):4} {counts} {objected:10}  {sure:10.2f}" + (
        f"  {failed} failed" if failed else ""
    )


def objections(outcomes: Iterable[Outcome]) -> str:
    """Which verifiers object, to right derivations and to mutants."""
    found = Counter((one.case.mutation is None, name) for one in outcomes for name in set(decidable(one)))
    return (
        ", ".join(
            f"{name} to {'right' if right else 'wrong'} {n}" for (right, name), n in sorted(found.items())
        )
        or "none"
    )


def auc(right: Sequence[float], wrong: Sequence[float]) -> float | None:
    """P(a right one scores above a wrong one), ties counted half (Mann-Whitney); None where one side is empty."""
    if not right or not wrong:
        return None
    wins = sum((one > other) + 0.5 * (one == other) for one in right for other in wrong)
    return wins / (len(right) * len(wrong))


def judged(outcomes: Sequence[Outcome]) -> str:
    """How well the judge's scores, of the step and of the answer, tell right derivations from mutants."""
    lines = []
    for name in ("step_score", "answer_score"):
        sides: dict[bool, list[float]] = {True: [], False: []}
        for one in outcomes:
            score = getattr(one, name)
            if one.case.form == "alone" and score is not None:
                sides[one.case.mutation is None].append(score)
        area = auc(sides[True], sides[False])
        told = (
            "no scores, the model declined"
            if area is None
            else f"AUC {area:.3f}, mean {mean(sides[True]):.2f} and {mean(sides[False]):.2f}"
        )
        lines.append(f"judge by {name}: {told}")
    return "\n".join(lines)


def told(outcome: Outcome) -> Row:
    """A run with what it wrote and what became of it."""
    case, answer = outcome.case, outcome.answer
    assert answer is not None
    return {
        "item": case.item,
        "form": case.form,
        "mutation": case.mutation,
        "checks": [check.input for branch in case.branches for check in branch],
        "answer": answer.candidate,
        "objections": [one.text for one in answer.objections],
        "grounds": answer.grounds,
    }


def read_lines(path: Path) -> list[Row]:
    """The objects of a JSON-lines file; none where it is not there."""
    return (
        [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
        if path.is_file()
        else []
    )


def sampled(rows: list[Row], n: int | None, seed: int) -> list[Row]:
    """`n` right ones and `n` mutants, drawn by seed; all where n is None."""
    if n is None:
        return rows
    draw = random.Random(seed)
    shuffled = draw.sample(rows, len(rows))
    return [
        *[row for row in shuffled if row["right"]][:n],
        *[row for row in shuffled if not row["right"]][:n],
    ]


async def run(options: argparse.Namespace) -> None:
    items: dict[str, Item] = {item.id: item for item in read_pack(options.pack)}
    corpus = [row for row in read_lines(options.corpus) if row["item"] in items]
    rows = sampled(corpus, options.n, options.seed)
    wanted = cases(rows, read_lines(options.seconds), options.forms, corpus)
    judge = None
    if options.judge:
        from agent_runtime.assembly import build_model
        from agent_runtime.config import RunConfig

        judge = build_model(RunConfig.load({"model": options.judge}))
    started = time.monotonic()
    try:
        outcomes = await measured(items, wanted, judge)
    finally:
        if judge is not None:
            await judge.aclose()
    print(table(outcomes))
    print("objections without a model:", objections(one for one in outcomes if one.case.form == "alone"))
    if judge is not None:
        print(judged(outcomes))
    failures = Counter(one.error[:100] for one in outcomes if one.error)
    for error, n in failures.most_common(5):
        print(f"failed {n}: {error}")
    if options.show:
        form, kind = options.show
        for one in outcomes:
            if one.case.form.startswith(form) and one.answer is not None and one.answer.verdict == kind:
                print(json.dumps(told(one)))
    print(f"{len(outcomes)} runs in {time.monotonic() - started:.0f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, default=SHARED / "verifier" / "mutants.dev.jsonl")
    parser.add_argument("--pack", type=Path, default=SHARED / "packs" / "defog_sql.dev.jsonl")
    parser.add_argument("--seconds", type=Path, default=Path(__file__).with_name("second_derivations.jsonl"))
    parser.add_argument("--n", type=int, default=None, help="right ones, and as many mutants; all without it")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--forms", nargs="+", default=list(FORMS), choices=FORMS)
    parser.add_argument("--judge", default="", help="a model that judges: embedded, hf:..., openai:...")
    parser.add_argument(
        "--show", nargs=2, metavar=("FORM", "VERDICT"), help="print the runs of a form that end so"
    )
    options = parser.parse_args()
    if not options.corpus.is_file():
        print(
            f"{options.corpus} is not there (evaluation data, not part of the project); name another with --corpus"
        )
        return
    with tempfile.TemporaryDirectory(prefix="verifier-") as traces:
        os.environ["XDG_STATE_HOME"] = traces  # a thousand traces that nobody will read
        anyio.run(run, options)


if __name__ == "__main__":
    main()
