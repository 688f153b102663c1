"""Vectors and matrices as lists and lists of rows, through sympy. Runs in a worker only."""

from collections.abc import Callable, Sequence
from typing import Any

import sympy
from sympy.matrices.exceptions import NonInvertibleMatrixError

from agent_runtime_tools.algebra import Function, Value, argument, simple
from agent_runtime_tools.tokens import CalculationError

MAX_SIDE = 12
Matrix = Any  # sympy's are untyped


def _matrix(value: Value, *, is_square: bool = False) -> Matrix:
    rows = value if isinstance(value, list) else []
    if not rows or not all(isinstance(row, list) and row and len(row) == len(rows[0]) for row in rows):
        raise CalculationError("a matrix is a list of rows, such as [[1, 2], [3, 4]]")
    if max(len(rows), len(rows[0])) > MAX_SIDE:
        raise CalculationError(f"a matrix has at most {MAX_SIDE} rows and columns")
    if is_square and len(rows) != len(rows[0]):
        raise CalculationError(f"a square matrix is needed, not {len(rows)} by {len(rows[0])}")
    return sympy.Matrix([[argument(entry) for entry in row] for row in rows])


def _rows(matrix: Matrix) -> list[list[Value]]:
    return [[simple(entry) for entry in row] for row in matrix.tolist()]


def _inverse(matrix: Matrix) -> list[list[Value]]:
    try:
        return _rows(matrix.inv())
    except NonInvertibleMatrixError:
        raise CalculationError("this matrix has no inverse: its determinant is 0") from None


def multiply(left: Value, right: Value) -> list[list[Value]]:
    """The product of two matrices."""
    if not any(
        isinstance(row, list) for side in (left, right) for row in (side if isinstance(side, list) else ())
    ):
        raise CalculationError("two lists side by side: write dot([1, 2], [3, 4]) for the scalar product")
    first, second = _matrix(left), _matrix(right)
    if first.cols != second.rows:
        raise CalculationError("the columns of the left matrix are not as many as the rows of the right one")
    return _rows(first * second)


def _vectors(values: Sequence[Value]) -> tuple[Matrix, Matrix]:
    if not all(isinstance(value, list) and value for value in values):
        raise CalculationError("a vector is a list of numbers, such as [1, 2, 3]")
    left, right = (sympy.Matrix([argument(entry) for entry in value]) for value in values)
    if left.rows != right.rows:
        raise CalculationError("two vectors of one length are needed")
    return left, right


def _cross(values: Sequence[Value]) -> list[Value]:
    left, right = _vectors(values)
    if left.rows != 3:
        raise CalculationError("the cross product takes two vectors of three numbers")
    return [simple(entry) for entry in left.cross(right)]


def _of_square(compute: Callable[[Matrix], Value]) -> Function:
    return lambda values: compute(_matrix(values[0], is_square=True))


FORMS: dict[str, Function] = {
    "matrix": lambda v: _rows(_matrix(v[0])),
    "det": _of_square(lambda matrix: matrix.det()),
    "inv": _of_square(_inverse),
    "trace": _of_square(lambda matrix: matrix.trace()),
    "transpose": lambda v: _rows(_matrix(v[0]).T),
    "matmul": lambda v: multiply(v[0], v[1]),
    "dot": lambda v: _vectors(v)[0].dot(_vectors(v)[1]),
    "cross": _cross,
}
