"""The calculator: exact arithmetic in process, everything else in a worker that can be killed.

A line goes through one grammar (`expression`) that resolves every name against a fixed vocabulary. What comes out is
evaluated over fractions, with the size of each result bounded, here and at once; what needs algebra or units goes to
a warm worker as a program, never as text.
"""

import time
from collections.abc import Callable
from pathlib import Path

from agent_runtime.errors import ToolError
from agent_runtime.types import CONSTANT, UNREAD, Cell, Demonstration, Observation, Task, ToolForm, Value
from agent_runtime_tools import arithmetic, clock, dates, rendering
from agent_runtime_tools.calculated import Calculated, Typed, received
from agent_runtime_tools.exact_functions import NotRational
from agent_runtime_tools.expression import parse
from agent_runtime_tools.program import Program, encode
from agent_runtime_tools.tokens import CalculationError
from agent_runtime_tools.worker import WorkerPool

PROGRAM = Path(__file__).with_name("calculator_worker.py")
OPERANDS = ("number", "name", "constant")  # what an operation works on


class Calculator:
    """Exact arithmetic, algebra, units, dates and money; `size` calculations at a time in workers.

    Text is exact, with a decimal beside it where it is no whole number: `67/25 ≈ 2.68`. A relation answers whether it
    holds; a bare equation with a variable is solved.
    """

    name = "calc"
    description = (
        "exact calculation: sqrt(2)/3, solve(x^2-5x+6=0), 5 km in miles, "
        "days between 2024-01-02 and 2024-03-01, npv(5%, -9, 6)"
    )

    form = ToolForm(
        demonstrations=(
            Demonstration(
                "What is 80 with 15% off?",
                "Take 15% of 80 off.",
                "80 - 15% of 80",
                "68",
                "68",
            ),
        ),
        max_tokens=96,
    )

    def __init__(self, size: int = 2) -> None:
        self._symbolic = WorkerPool(self.name, PROGRAM, ["symbolic"], size=size)
        self._units = WorkerPool(self.name, PROGRAM, ["units"], size=1, spare=0)

    @property
    def pids(self) -> set[int]:
        """The worker processes of now."""
        return self._symbolic.pids | self._units.pids

    def start(self) -> None:
        """Start a worker in the background, so that the first hard calculation finds it warm."""
        self._symbolic.start()

    async def run(self, text: str, task: Task, seconds: float) -> Observation:
        """Calculate one line.

        Raises:
            ToolTimeout: It did not end in time and was killed.
            ToolError: It is no calculation, or has no value; the message says what would be right.
        """
        started = time.perf_counter()
        result = await self.calculate(text, seconds)
        return Observation(
            tool=self.name,
            text=result.text,
            brief=result.brief,
            outcome=result.outcome,
            seconds=time.perf_counter() - started,
            is_truncated=result.is_truncated,
            value=_value(result.value),
            shape=_shape(text),
        )

    async def calculate(self, text: str, seconds: float) -> Calculated:
        """Calculate one line, with its exact value and the value's type beside the text.

        Raises:
            ToolTimeout: It did not end in time and was killed.
            ToolError: It is no calculation, has no value or has two readings; the message says what would be right.
        """
        try:
            return await self._calculate(text, seconds)
        except CalculationError as error:
            raise ToolError(str(error)) from None

    async def aclose(self) -> None:
        """Stop the workers."""
        await self._symbolic.aclose()
        await self._units.aclose()

    async def _calculate(self, text: str, seconds: float) -> Calculated:
        if dates.has_date(text):
            if clock.has_time(text):
                return clock.evaluate(dates.normalise(text))
            return rendering.render(dates.evaluate(text))
        if clock.has_time(text):
            return clock.evaluate(text)
        program = parse(text)
        if _has_units(program):
            return await self._ask(self._units, program, seconds)
        try:
            return rendering.render(arithmetic.evaluate(program))
        except NotRational:
            return await self._ask(self._symbolic, program, seconds)

    async def _ask(self, workers: WorkerPool, program: Program, seconds: float) -> Calculated:
        reply = await workers.call({"program": encode(program)}, seconds)
        if "error" in reply:
            raise ToolError(reply["error"])
        return received(reply)


def _value(typed: Typed | None) -> Value | None:
    """The exact value of a result as an observation carries it."""
    if typed is None:
        return None
    cells: dict[str, Callable[[str], Cell]] = {"integer": int, "boolean": lambda text: text == "true"}
    whole = f"{typed.text} {typed.unit}".rstrip()
    return Value(typed.kind.upper(), cells[typed.kind](typed.text) if typed.kind in cells else whole)


def _shape(text: str) -> tuple[str, ...]:
    """The operations of a calculation without its numbers; days and times are one kind each."""
    if dates.has_date(text) or clock.has_time(text):
        return ("days" if dates.has_date(text) else "times",)
    try:
        program = parse(text)
    except CalculationError:
        return UNREAD
    return tuple(sorted(one.op for one in program if one.op not in OPERANDS)) or CONSTANT


def _has_units(program: Program) -> bool:
    """Units are meant where one is named in full, or converted to; an angle alone is a number."""
    operations = {instruction.op for instruction in program}
    return "unit" in operations or ("convert" in operations and "angle" not in operations)
