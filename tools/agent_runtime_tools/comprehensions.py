"""Comprehensions: `x**2 for x in range(5) if x > 1`, written out value by value into one list."""

from collections.abc import Sequence

from agent_runtime_tools.program import Instruction, Program
from agent_runtime_tools.tokens import CalculationError, Token

MAX_INSTRUCTIONS = 2_000
HELP = "a comprehension goes over range(...) or a list of numbers, as in [x**2 for x in range(5)]"


def values(tokens: list[Token], index: int) -> tuple[int, Sequence[int], str]:
    """What stands after `for`: the index of the token behind it, the values, and the variable's name."""
    words = [token.text for token in tokens[index : index + 5]]
    is_range = words[2:] == ["in", "range", "("]
    if len(words) < 5 or words[2] != "in" or not (is_range or words[3] == "["):
        raise CalculationError(HELP)
    index += 5 if is_range else 4
    closing = ")" if is_range else "]"
    numbers: list[int] = []
    while tokens[index].kind != closing:
        sign = -1 if tokens[index].kind == "-" else 1
        index += sign == -1
        number = tokens[index].number
        if tokens[index].kind != "number" or not isinstance(number, int):
            raise CalculationError(HELP)
        numbers.append(sign * number)
        index += 1
        if tokens[index].kind == ",":
            index += 1
        elif tokens[index].kind != closing:
            raise CalculationError(HELP)
    return index + 1, _range(numbers) if is_range else numbers, words[1]


def _range(numbers: list[int]) -> range:
    if not 1 <= len(numbers) <= 3 or (len(numbers) == 3 and numbers[2] == 0):
        raise CalculationError("range takes 1 to 3 whole numbers")
    return range(*numbers)


def written_out(body: Program, name: str, items: Sequence[int], condition: Program) -> Program:
    """The program of the list: the body, and the condition beside it, for each value of the variable."""
    if len(items) * (len(body) + len(condition)) > MAX_INSTRUCTIONS:
        raise CalculationError(f"a comprehension has at most {MAX_INSTRUCTIONS} steps: use sum(f, x=1..n)")
    program: Program = []
    for item in items:
        program += (
            Instruction("number", item) if step.op == "symbol" and step.value == name else step
            for step in (*body, *condition)
        )
    n = len(items) * (2 if condition else 1)
    program.append(Instruction("keep" if condition else "list", n=n))
    return program
