"""Candidate edits around the suspect lines: every operator at every place, each once, the likeliest first.

The order without a model: how suspect the line is, times how often faults of the operator's kind are made. Asserts
and tests are never edited, and no call on the way to the failure is taken out: that would only silence it.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence

from agent_runtime.jobs.debugging.commands import is_test
from agent_runtime.jobs.debugging.expressions import variants
from agent_runtime.jobs.debugging.localise import by_file
from agent_runtime.jobs.debugging.source import FunctionNode, Source, end_line
from agent_runtime.jobs.debugging.statements import rewrites
from agent_runtime.jobs.debugging.types import Candidate, Suspect

MAX_CANDIDATES = 4_000


def candidates(
    files: Mapping[str, str], suspects: Sequence[Suspect], hints: Iterable[Candidate] = ()
) -> list[Candidate]:
    """All candidates, best prior first; `hints` come from the kind of the failure and go before the rest."""
    found: dict[tuple[str, str], Candidate] = {}
    for candidate in hints:
        if not is_test(candidate.file):
            found.setdefault(_key(candidate, files), candidate)
    for file, scores in by_file(suspects).items():
        if is_test(file):
            continue
        for candidate in _of_file(file, files[file], scores):
            key = _key(candidate, files)
            known = found.get(key)
            if known is None or known.prior < candidate.prior:
                found[key] = candidate
    return sorted(found.values(), key=lambda one: -one.prior)[:MAX_CANDIDATES]


def in_source_order(found: Iterable[Candidate]) -> list[Candidate]:
    """The order of a blind search: line by line from the top, operators as they come."""
    return sorted(found, key=lambda one: (one.file, one.first))


def _key(candidate: Candidate, files: Mapping[str, str]) -> tuple[str, str]:
    return candidate.file, candidate.applied(files[candidate.file])


def _of_file(file: str, text: str, scores: Mapping[int, float]) -> Iterator[Candidate]:
    try:
        source = Source(file, text)
    except (SyntaxError, ValueError, RecursionError):
        return
    scores = _with_functions(source, scores)
    for node in ast.walk(source.tree):
        score = _score(node, scores)
        if score == 0.0 or _is_spared(source, node):
            continue
        for candidate in _of_node(source, node):
            yield _weighed(candidate, score)


def _of_node(source: Source, node: ast.AST) -> Iterator[Candidate]:
    if isinstance(node, ast.expr):
        for new, operator, prior in variants(source, node):
            try:
                candidate = source.replaced(node, new, operator, prior)
            except (ValueError, TypeError, AttributeError):  # a node that cannot be written, such as -(-1).x
                continue
            if candidate is not None:
                yield candidate
    elif isinstance(node, ast.stmt):
        yield from rewrites(source, node)


def _score(node: ast.AST, scores: Mapping[int, float]) -> float:
    if not isinstance(node, ast.expr | ast.stmt):
        return 0.0
    last = (
        node.lineno
        if isinstance(node, FunctionNode | ast.ClassDef) or hasattr(node, "body")
        else node.end_lineno
    )
    return max((scores.get(line, 0.0) for line in range(node.lineno, (last or node.lineno) + 1)), default=0.0)


def _with_functions(source: Source, scores: Mapping[int, float]) -> dict[int, float]:
    """The suspect lines, and the rest of their functions at a discount: what was not run may be what is missing."""
    spread = dict(scores)
    for node in ast.walk(source.tree):
        if isinstance(node, FunctionNode):
            lines = range(node.lineno, end_line(node) + 1)
            best = max((scores.get(line, 0.0) for line in lines), default=0.0)
            if best:
                for line in lines:
                    spread.setdefault(line, best * 0.5)
    return spread


def _is_spared(source: Source, node: ast.AST) -> bool:
    """Asserts say what is right; imports, annotations and docstrings hold no fault that these operators undo."""
    while node is not source.tree:
        if isinstance(node, ast.Assert | ast.Import | ast.ImportFrom):
            return True
        parent = source.parents[node]
        if isinstance(parent, ast.arg | ast.AnnAssign) and getattr(parent, "annotation", None) is node:
            return True
        if isinstance(parent, FunctionNode) and parent.returns is node:
            return True
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return True
        node = parent
    return False


def _weighed(candidate: Candidate, score: float) -> Candidate:
    prior = candidate.prior * score
    return Candidate(
        candidate.file, candidate.first, candidate.last, candidate.lines, candidate.operator, prior
    )
