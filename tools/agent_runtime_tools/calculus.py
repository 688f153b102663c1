"""The forms of algebra and calculus: solve, simplify, derivatives, integrals, limits, sums. Runs in a worker only.

Each takes the values of its arguments, built by the algebra machine, and gives a value back. What sympy leaves
unevaluated is either computed as a decimal (no variable in it) or an error: never an echo of the question.
"""

from collections.abc import Callable, Sequence
from typing import Any

import sympy
from sympy import Expr, Integer, S, Symbol

from agent_runtime_tools import elementary, matrices
from agent_runtime_tools.algebra import Approach, Range, Value, flatten, symbolic, variable, whole
from agent_runtime_tools.decisions import MAX_TERMS, Relation, is_zero, n_terms
from agent_runtime_tools.relations import Truth
from agent_runtime_tools.tokens import CalculationError

MAX_DEGREE = 24
MAX_ORDER = 20
MAX_FACTOR_BITS = 256
MAX_PRODUCT_TERMS = 5_000
MAX_PRIME_BITS = 2_048


# --- equations


def solve(values: Sequence[Value]) -> Value:
    """Solve an equation, a system or an inequality for its variables."""
    equations, given = _system(values)
    unknowns = _unknowns(equations, given)
    if any(isinstance(equation, Relation) and equation.relation[0] in "<>!" for equation in equations):
        return _solve_inequality(equations, unknowns)
    expressions = [_residual(equation) for equation in equations]
    for expression in expressions:
        _check_degree(expression, unknowns)
    if len(equations) > 1 or isinstance(values[0], list):
        return _attempt(lambda: sympy.solve(expressions, unknowns, dict=True))
    if is_zero(expressions[0]):
        return f"every {unknowns[0]}"
    roots = _roots(expressions[0], unknowns[0])
    if any(root.has(sympy.CRootOf) for root in roots):  # roots that only have a name
        return _nroots(expressions[0], unknowns[0])
    return roots


def _system(values: Sequence[Value]) -> tuple[Sequence[Value], Sequence[Value]]:
    """The equations and what they are solved for: `solve([...], x)` and `solve(x+y=3, x-y=1)` alike."""
    if isinstance(values[0], list):
        return values[0], values[1:]
    n_more = next(
        (n for n, value in enumerate(values[1:]) if not isinstance(value, Relation | Truth)), len(values) - 1
    )
    return values[: 1 + n_more], values[1 + n_more :]


def _unknowns(equations: Sequence[Value], given: Sequence[Value]) -> list[Symbol]:
    if given:
        return [variable(value) for value in flatten(given)]
    found: set[Any] = set()
    for equation in equations:
        if isinstance(equation, Relation):
            found |= equation.left.free_symbols | equation.right.free_symbols
        elif isinstance(equation, Expr):
            found |= equation.free_symbols
    names = sorted(found, key=str)
    if not names:
        raise CalculationError("there is no variable to solve for")
    if len(names) > 1 and len(equations) == 1:
        raise CalculationError(f"say what to solve for, as in solve(..., {names[0]})")
    return names


def _residual(equation: Value) -> Expr:
    if isinstance(equation, Relation):
        return equation.left - equation.right
    if isinstance(equation, Truth):
        raise CalculationError("an equation to solve holds a variable")
    return symbolic(equation)


def _check_degree(expression: Expr, unknowns: Sequence[Symbol]) -> None:
    if expression.is_polynomial(*unknowns):
        degree = sympy.Poly(expression, *unknowns).total_degree() if n_terms(expression) <= MAX_TERMS else 999
        if degree > MAX_DEGREE:
            raise CalculationError(f"solve goes to degree {MAX_DEGREE}")


def _attempt(compute: Callable[[], Value]) -> Value:
    try:
        return compute()
    except NotImplementedError:
        raise CalculationError("no way to solve this in closed form is known") from None


def _roots(expression: Expr, unknown: Symbol) -> list[Expr]:
    """The solutions; those in real numbers where sympy asks for them (`abs(x) = 3`)."""
    try:
        return list(sympy.solve(expression, unknown))
    except NotImplementedError:
        real = Symbol(unknown.name, real=True)
        return list(_attempt(lambda: sympy.solve(expression.subs(unknown, real), real)))


def _nroots(expression: Expr, unknown: Symbol) -> list[Expr]:
    """The roots of a polynomial as decimals."""
    if not expression.is_polynomial(unknown) or len(expression.free_symbols) > 1:
        raise CalculationError("no way to write the solutions in closed form is known")
    return list(sympy.Poly(expression, unknown).nroots(n=15))


def _solve_inequality(relations: Sequence[Value], unknowns: Sequence[Symbol]) -> Value:
    if len(relations) != 1 or len(unknowns) != 1:
        raise CalculationError("solve takes one inequality in one variable")
    kinds = {"<": sympy.Lt, "<=": sympy.Le, ">": sympy.Gt, ">=": sympy.Ge, "!=": sympy.Ne}
    relation, unknown = relations[0], unknowns[0]
    real = Symbol(unknown.name, real=True)
    inequality = kinds[relation.relation](
        relation.left.subs(unknown, real), relation.right.subs(unknown, real)
    )
    if inequality in (True, False):
        return f"every {unknown}" if inequality else []
    return str(_attempt(lambda: sympy.solve_univariate_inequality(inequality, real)))


# --- forms


def _expand(values: Sequence[Value]) -> Expr:
    expression = symbolic(values[0])
    if n_terms(expression) > MAX_TERMS:
        raise CalculationError(f"expanding this gives over {MAX_TERMS} terms")
    return sympy.expand(expression)


def _simplify(values: Sequence[Value]) -> Value:
    if isinstance(values[0], Relation):
        raise CalculationError("simplify takes an expression; to solve an equation use solve(...)")
    return sympy.simplify(symbolic(values[0]))


def _substitute(values: Sequence[Value]) -> Expr:
    return symbolic(values[0]).subs(variable(values[1]), symbolic(values[2]))


# --- calculus


def _only_variable(expression: Expr) -> Symbol:
    names = sorted(expression.free_symbols, key=str)
    if len(names) != 1:
        raise CalculationError("say which variable, as in diff(x**2*y, x)")
    return names[0]


def differentiate(values: Sequence[Value]) -> Expr:
    """The derivative: `diff(f)`, `diff(f, x)`, `diff(f, x, n)`."""
    expression = symbolic(values[0])
    name = variable(values[1]) if len(values) > 1 else _only_variable(expression)
    order = whole(values[2], 1, MAX_ORDER, "the order of a derivative") if len(values) > 2 else 1
    return sympy.diff(expression, name, order)


def integrate(values: Sequence[Value]) -> Expr:
    """The integral: `integrate(f)`, `(f, x)`, `(f, x, a, b)`, `(f, x=a..b)`, `(f, (x, a, b))`."""
    expression = symbolic(values[0])
    if len(values) == 1:
        return _closed(sympy.integrate(expression, _only_variable(expression)), "antiderivative")
    if len(values) == 2 and isinstance(values[1], Symbol):
        return _closed(sympy.integrate(expression, values[1]), "antiderivative")
    return _closed(sympy.integrate(expression, _bounds(values[1:])), "integral")


def _bounds(values: Sequence[Value]) -> tuple[Symbol, Expr, Expr]:
    """A variable with its bounds, in any of the ways to write them."""
    if len(values) == 1 and isinstance(values[0], Range):
        return values[0].variable, values[0].start, values[0].end
    items = flatten(values)
    if len(items) != 3:
        raise CalculationError("bounds are written x, 0, 1 or x=0..1")
    return variable(items[0]), symbolic(items[1]), symbolic(items[2])


def _closed(result: Expr, what: str) -> Expr:
    """A result in closed form, or as a decimal where no variable is left."""
    if not result.has(sympy.Integral, sympy.Sum, sympy.Product, sympy.Limit):
        return result
    if not result.free_symbols:
        number = result.evalf(15)
        if number.is_Float:
            return number
    raise CalculationError(f"no {what} in closed form was found")


def limit(values: Sequence[Value]) -> Expr:
    """The limit: `limit(f, x -> a)`, `limit(f, x, a)`; a last 1 comes from the right, -1 from the left."""
    expression = symbolic(values[0])
    if isinstance(values[1], Approach):
        name, target, side = values[1].variable, values[1].target, values[2:]
    elif len(values) > 2:
        name, target, side = variable(values[1]), symbolic(values[2]), values[3:]
    else:
        raise CalculationError("a limit is written limit(sin(x)/x, x -> 0)")
    direction = "+-" if target.is_finite else "+"
    if side:
        direction = "+" if whole(side[0], -1, 1, "the side of a limit") > 0 else "-"
    try:
        result = _attempt(lambda: sympy.limit(expression, name, target, direction))
    except ValueError:
        result = S.ComplexInfinity
    if result is S.ComplexInfinity:
        raise CalculationError("the limits from left and right differ: ask for one, as in limit(f, x, 0, 1)")
    return _closed(result, "limit")


def _series(values: Sequence[Value]) -> Expr:
    expression = symbolic(values[0])
    name = variable(values[1]) if len(values) > 1 else _only_variable(expression)
    point = symbolic(values[2]) if len(values) > 2 else S.Zero
    order = whole(values[3], 1, MAX_ORDER, "the order of a series") if len(values) > 3 else 6
    return sympy.series(expression, name, point, order).removeO()


def summation(values: Sequence[Value]) -> Expr:
    """The sum over an index: `sum(f, i=1..n)`, `(f, i, 1, n)`, `(f, (i, 1, n))`; else of the values."""
    if not _is_indexed(values):
        return sympy.Add(*(symbolic(value) for value in flatten(values)))
    expression, bounds = symbolic(values[0]), _bounds(values[1:])
    return _closed(sympy.summation(expression, bounds), "sum")


def product(values: Sequence[Value]) -> Expr:
    """The product over an index, written as for sums; else of the values."""
    if not _is_indexed(values):
        return sympy.Mul(*(symbolic(value) for value in flatten(values)))
    expression, bounds = symbolic(values[0]), _bounds(values[1:])
    span = bounds[2] - bounds[1]
    if span.is_Integer and span > MAX_PRODUCT_TERMS:
        raise CalculationError(f"a product has at most {MAX_PRODUCT_TERMS} factors")
    return _closed(sympy.product(expression, bounds), "product")


def _is_indexed(values: Sequence[Value]) -> bool:
    if len(values) == 2:
        return isinstance(values[1], Range) or (isinstance(values[1], list) and len(values[1]) == 3)
    return len(values) == 4 and isinstance(values[1], Symbol)


# --- whole numbers


def _number(value: Value, bits: int, what: str) -> int:
    if not isinstance(value, int) or value.bit_length() > bits:
        raise CalculationError(f"{what} takes a whole number of at most {int(bits * 0.301)} digits")
    return value


def _factor(values: Sequence[Value]) -> Value:
    """The factors of an expression; of a whole number, its primes: 2^3*3^2*5."""
    if not isinstance(values[0], int):
        return sympy.factor(symbolic(values[0]))
    powers = sympy.factorint(_number(values[0], MAX_FACTOR_BITS, "factor"))
    return "*".join(str(p) if n == 1 else f"{p}^{n}" for p, n in powers.items()) or str(values[0])


def _fibonacci(values: Sequence[Value]) -> Expr:
    return sympy.fibonacci(whole(values[0], 0, 50_000, "the index of a Fibonacci number"))


FORMS: dict[str, Callable[[Sequence[Value]], Value]] = (
    elementary.FORMS
    | matrices.FORMS
    | {
        "solve": solve,
        "eq": lambda v: Relation(symbolic(v[0]), "==", symbolic(v[1])),
        "simplify": _simplify,
        "expand": _expand,
        "factor": _factor,
        "cancel": lambda v: sympy.cancel(symbolic(v[0])),
        "together": lambda v: sympy.together(symbolic(v[0])),
        "apart": lambda v: sympy.apart(symbolic(v[0]), *(variable(x) for x in v[1:])),
        "subs": _substitute,
        "diff": differentiate,
        "integrate": integrate,
        "limit": limit,
        "series": _series,
        "sum": summation,
        "product": product,
        "isprime": lambda v: bool(sympy.isprime(_number(v[0], MAX_PRIME_BITS, "isprime"))),
        "factorint": lambda v: dict(sympy.factorint(_number(v[0], MAX_FACTOR_BITS, "factorint"))),
        "divisors": lambda v: list(sympy.divisors(_number(v[0], MAX_FACTOR_BITS, "divisors"))),
        "nextprime": lambda v: int(sympy.nextprime(_number(v[0], MAX_FACTOR_BITS, "nextprime"))),
        "prevprime": lambda v: int(sympy.prevprime(_number(v[0], MAX_FACTOR_BITS, "prevprime"))),
        "totient": lambda v: Integer(sympy.totient(_number(v[0], MAX_FACTOR_BITS, "totient"))),
        "sigma": lambda v: Integer(sympy.divisor_sigma(_number(v[0], MAX_FACTOR_BITS, "sigma"))),
        "fibonacci": _fibonacci,
    }
)
