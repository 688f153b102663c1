"""Letters and words that may be names, units, labels or constants, by what stands around them."""

from fractions import Fraction
from itertools import pairwise

from agent_runtime_tools.program import Instruction, Program
from agent_runtime_tools.tokens import CalculationError, Token
from agent_runtime_tools.vocabulary import MONEY, UNITS, is_symbol

PLURALS = frozenset(
    {"people", "children", "men", "women", "mice", "feet", "teeth", "geese", "fish", "sheep", "each"}
)
BINDING = frozenset(
    {"sum", "product", "solve", "diff", "integrate", "limit", "series", "subs", "expand", "factor"}
)


def is_assigned(name: str, rest: list[Token]) -> bool:
    """Whether a letter before `=` is only the name of what follows: nothing there is a variable."""
    kinds = [token.kind for token in rest]
    is_unit = name in UNITS
    if any(t.kind == "name" and (is_symbol(t.text) or (is_unit and t.text in UNITS)) for t in rest):
        return False
    if "," in kinds or name in ("pi", "π", "inf", "infinity", "oo", "∞", "tau"):
        return False
    if name == "e" and kinds[1:] != ["end"]:
        raise CalculationError(
            "two readings: e is Euler's number; name the variable otherwise, or write 2.71828 = ..."
        )
    return name != "e"


def with_imaginary_unit(program: Program, tokens: list[Token]) -> Program:
    """`5i`, `3j`, `e^(i*pi)`: the letters mean the imaginary unit where nothing could be solved or counted by them."""
    names = {instruction.value for instruction in program if instruction.op == "symbol"}
    if not names & {"i", "j"} or any(i.op in ("relation", "chain", "range", "approach") for i in program):
        return program
    if any(i.op == "call" and i.value in BINDING for i in program):
        return program
    close = {
        after.text
        for before, after in pairwise(tokens)
        if before.kind == "number" and after.kind == "name" and not after.gap
    }
    units = {name for name in ("i", "j") if name in names and (name in close or name == "i")}
    return [Instruction("constant", "i") if i.op == "symbol" and i.value in units else i for i in program]


def is_counted(noun: str, number: int | Fraction) -> bool:
    """Whether a word can be what is counted: a plural, a currency's code, or one of it."""
    return noun.endswith("s") or noun.isupper() or noun.lower() in PLURALS or 0 < number <= 1


def stem(noun: str) -> str:
    word = noun.lower()
    for ending, instead in (("ies", "y"), ("xes", "x"), ("ses", "s"), ("s", "")):
        if word.endswith(ending):
            word = word.removesuffix(ending) + instead
            break
    return MONEY.get(word, word)
