"""GSM8K's training set in the protocol: each `<<expression=value>>` of a solution becomes a checked step.

The recipe takes a path and a hash, and nothing is taken from the network. A solution whose annotations do not
compute to what they say, or whose last one is not the answer, is left out. MIT licence; only the training set.

Reference: Cobbe et al. 2021, Training Verifiers to Solve Math Word Problems, arXiv:2110.14168.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

from agent_runtime.errors import InputError
from agent_runtime_training.tasks.checking import is_right
from agent_runtime_training.tasks.example import Example
from agent_runtime_training.tasks.rendering import render_number
from agent_runtime_training.tasks.teacher import Teacher, TeacherError, evaluate

_ANNOTATION = re.compile(r"<<([^=<>]+)=([^<>]+)>>")
_PLAIN = re.compile(r"[\d\s+\-*/().]+")
MAX_THOUGHT_CHARACTERS = 160


def read_gsm8k(path: Path, sha256: str) -> Iterator[Example]:
    """The problems that can be rewritten, in the file's order.

    Raises:
        InputError: The file is not there, or is not the one named by `sha256`.
    """
    if not path.is_file():
        raise InputError(f"no GSM8K training set at {str(path)!r}")
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise InputError(
            f"{str(path)!r} has SHA-256 {found}, not {sha256}: not the training set of the recipe"
        )
    for index, line in enumerate(content.decode().splitlines()):
        record = json.loads(line)
        example = rewrite(f"gsm8k-{index}", record["question"], record["answer"])
        if example is not None:
            yield example


def rewrite(name: str, question: str, solution: str) -> Example | None:
    """One problem with its solution as a trace; None when the solution cannot be carried over."""
    body, _, gold = solution.partition("####")
    gold = gold.strip().replace(",", "")
    teacher = Teacher()
    lines = [line for line in body.strip().splitlines() if line.strip()]
    checked = [(line, match) for line in lines for match in [list(_ANNOTATION.finditer(line))] if match]
    if not checked:
        return None
    teacher.plan(*(_plan_item(line) for line, _ in checked))
    result = ""
    for line, matches in checked:
        for match in matches:
            expression = match.group(1).strip().replace(",", "")
            if not _PLAIN.fullmatch(expression):
                return None
            try:
                result = render_number(evaluate(expression))
            except TeacherError:
                return None
            if not is_right(result, match.group(2).strip()):
                return None
            teacher.calc(_thought(line, result), expression)
    if not is_right(result, gold):
        return None
    teacher.answer(gold)
    return Example(
        id=name,
        family="gsm8k",
        kind="word_problem",
        split="train",
        question=question.strip(),
        answer=gold,
        turns=tuple(teacher.turns),
        template="gsm8k",
    )


def _thought(line: str, result: str) -> str:
    """A line of the solution up to what it computes; nothing where it gives the result away."""
    head = _ANNOTATION.split(line, maxsplit=1)[0]
    head = re.sub(r"=?\s*[\d.,$*/+\-() x%]*$", "", head).strip(" :=$")
    gives_away = re.search(rf"(?<![\d.]){re.escape(result)}(?![\d.]*\d)", head)
    return head[:MAX_THOUGHT_CHARACTERS] if head and not gives_away else "Compute."


def _plan_item(line: str) -> str:
    """What a line is about, before its first number: a plan knows no results."""
    words = re.split(r"[\d$=]", line, maxsplit=1)[0].split()
    return " ".join(words[:12]) if len(words) > 1 else "Next value"
