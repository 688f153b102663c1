"""The calculator's worker program: `calculator_worker.py symbolic|units`.

A request is a program of the expression grammar, already checked in the host: operations, names of the vocabulary and
whole numbers. Two kinds of worker, so that nobody waits for the libraries of the other.
"""

import importlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from agent_runtime_tools.calculated import sent
from agent_runtime_tools.expression import parse
from agent_runtime_tools.program import decode
from agent_runtime_tools.serving import Limits, Message, serve
from agent_runtime_tools.tokens import CalculationError

WARM_UPS = {"symbolic": "2^x = 8", "units": "5 km in miles"}  # loads what sympy and pint load late
FAILURES = (ArithmeticError, AttributeError, NotImplementedError, TypeError, ValueError)  # of sympy and pint
LIMITS = Limits(memory_bytes=768 * 2**20)


def main(kind: str) -> None:
    """Load what one kind of calculation needs, then serve it."""
    warm_up = parse(WARM_UPS[kind])  # a kind that is unknown ends here
    evaluate = importlib.import_module(f"agent_runtime_tools.{kind}").evaluate
    evaluate(warm_up)

    def answer(request: Message) -> Message:
        try:
            return sent(evaluate(decode(request["program"])))
        except CalculationError as error:
            return {"error": str(error)}
        except FAILURES:
            return {"error": "no value could be worked out: write it in smaller steps"}

    serve(answer, LIMITS)


if __name__ == "__main__":
    main(sys.argv[1])
