"""Whether a relation between symbolic values holds: by their digits where they tell, else by proof. In a worker."""

import math
from dataclasses import dataclass

import sympy
from sympy import Expr

from agent_runtime_tools.relations import COMPARISONS, Link, Truth
from agent_runtime_tools.tokens import CalculationError

DECIDING_DIGITS = 50
WELL_ABOVE_ROUNDING = sympy.Rational(1, 10**20)
MAX_TERMS = 2_000


@dataclass(frozen=True, slots=True)
class Relation:
    """A relation that holds a symbol, or sides that are not rational."""

    left: Expr
    relation: str
    right: Expr
    link: Link = Link("=")


def decide(relation: Relation) -> Truth:
    """Whether a relation holds; one with variables, whether it holds for all of them.

    Raises:
        CalculationError: That cannot be told.
    """
    difference = relation.left - relation.right
    if not difference.free_symbols:
        holds = _compare(difference, relation.relation)
        is_near = not holds and _is_rounding(relation)
        relation.link.check_steps(relation.left, holds or is_near)
        return Truth(holds or is_near, relation.left, "≈" if is_near else relation.relation, relation.right)
    is_identity = is_zero(difference)
    if relation.relation in ("=", "==", "!=", "≈"):
        return Truth(
            is_identity == (relation.relation != "!="), relation.left, relation.relation, relation.right
        )
    raise CalculationError("an inequality with a variable is neither true nor false: use solve(...)")


def _is_rounding(relation: Relation) -> bool:
    """Whether a decimal literal on one side is the rounding of the other side."""
    if relation.link.exponent is None:
        return False
    left, right = (side.evalf(DECIDING_DIGITS) for side in (relation.left, relation.right))
    if not (left.is_real and right.is_real and left and right):
        return False
    return bool(2 * abs(left - right) <= sympy.Rational(10) ** relation.link.exponent)


def _compare(difference: Expr, relation: str) -> bool:
    """Compare a number with 0: by its digits where they tell, else by proof."""
    number = difference.evalf(DECIDING_DIGITS)
    if relation not in ("=", "==", "!=", "≈") and not number.is_real:
        raise CalculationError("only real numbers can be ordered")
    is_equal = abs(number) < sympy.Float(10) ** (5 - DECIDING_DIGITS) and is_zero(difference)
    sign = 0 if is_equal else int(sympy.sign(sympy.re(number))) or 1
    return COMPARISONS[relation](sign, 0)


def is_zero(expression: Expr) -> bool:
    """Whether an expression is 0 for all values of its variables; the cheap proofs first."""
    if n_terms(expression) <= MAX_TERMS and sympy.expand(expression) == 0:
        return True
    if expression.is_polynomial() or _differs_from_zero(expression):
        return False
    return bool(sympy.simplify(expression) == 0)


def _differs_from_zero(expression: Expr) -> bool:
    """Whether one point already shows that an expression is not 0; such a point is no accident of rounding."""
    names = sorted(expression.free_symbols, key=str)
    point = {name: sympy.Rational(17 + 6 * n, 29) for n, name in enumerate(names)}
    value = expression.subs(point).evalf(DECIDING_DIGITS)
    return bool(value.is_number and value.is_finite and abs(value) > WELL_ABOVE_ROUNDING)


def n_terms(expression: Expr) -> float:
    """How many terms the expanded form may have at most."""
    if expression.is_Add:
        return sum(n_terms(term) for term in expression.args)
    if expression.is_Mul:
        return math.prod(n_terms(factor) for factor in expression.args)
    if expression.is_Pow and expression.exp.is_Integer and expression.exp > 1:
        n, k = int(expression.exp), n_terms(expression.base)
        return math.comb(n + int(k) - 1, n) if n * k < MAX_TERMS**2 else math.inf
    return 1
