"""The calculator: what people write, what comes back, and what is refused."""

import json
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent_runtime.errors import ToolError, ToolTimeout
from agent_runtime.protocols import Tool
from agent_runtime.types import Observation, Task
from agent_runtime_tools.calculator import Calculator
from agent_runtime_tools.expression import parse
from agent_runtime_tools.vocabulary import CONSTANTS, FUNCTIONS, UNITS
from tests.corpora import corpus

TASK = Task("calculation", "What is it?")
SHARED = Path(__file__).parents[3] / "shared"
SECONDS = 30.0  # for what must come out; a machine under load is slow


async def calculate(calculator: Calculator, text: str, seconds: float = SECONDS) -> Observation:
    return await calculator.run(text, TASK, seconds)


def is_running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_the_calculator_is_a_tool():
    tool: Tool = Calculator()

    assert tool.name == "calc"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,234.50", "2469/2 ≈ 1234.5"),
        ("15% of 2,340", "351"),
        ("20% off 50", "40"),
        ("10 percent of 50", "5"),
        ("$1200 * 3", "3600"),
        ("1200 € / 2", "600"),
        ("0.1 + 0.2", "3/10 ≈ 0.3"),
        ("1/3 + 1/6", "1/2 ≈ 0.5"),
        ("2**3**2", "512"),
        ("-2^2", "-4"),
        ("2^-1", "1/2 ≈ 0.5"),
        ("17 % 5", "2"),
        ("17 mod 5", "2"),
        ("5! + 3!!", "123"),
        ("√(16) + 2² + 2³", "16"),
        ("12 \u00d7 3 ÷ 4 \u2212 1", "8"),
        ("12 x 3", "36"),
        ("2(3+4)", "14"),
        ("|3 - 5|", "2"),
        ("1.5 million", "1500000"),
        ("6 divided by 4", "3/2 ≈ 1.5"),
        ("max(1,234)", "234"),
        ("round(2.675, 2)", "67/25 ≈ 2.68"),
        ("round(2.5)", "2"),
        ("mean(1, 2, 6)", "3"),
        ("median([4, 1, 3, 2])", "5/2 ≈ 2.5"),
        ("sum(1, 2, 3)", "6"),
        ("pow(3, 10**9, 7)", "4"),
        ("8^(1/3)", "2"),
        ("total = 12*4", "48"),
        ("12*4 =", "48"),
        ("2^10000", "1.995063117e+3010 (3011 digits)"),
    ],
)
async def test_plain_arithmetic_is_exact(calculator, text, expected):
    assert (await calculate(calculator, text)).text == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sqrt(2)", "sqrt(2) ≈ 1.414213562"),
        ("√2*√2", "2"),
        ("log(8, 4)", "3/2 ≈ 1.5"),
        ("ln(e^3)", "3"),
        ("sin(30°)", "1/2 ≈ 0.5"),
        ("(1+sqrt(2))*(1-sqrt(2))", "-1"),
        ("(1+I)^2", "2*I"),
        ("abs(x) = 3", "[-3, 3]"),
        ("solve(x^3-3x+1=0)", "≈ [0.3472963553, 1.532088886, -1.879385242]"),
        ("exp(-10^9)", "exp(-1000000000) ≈ 1.249534272e-434294482"),
        ("solve(x**2 = 4, x)", "[-2, 2]"),
        ("x^2-5x+6=0", "[2, 3]"),
        ("x+y=10, x-y=2", "[{x: 6, y: 4}]"),
        ("solve(2x+3y=7, x-y=1)", "[{x: 2, y: 1}]"),
        ("solve(x+y=3, x-y=1, [x, y])", "[{x: 2, y: 1}]"),
        ("solve(x^2 < 4)", "(-2 < x) & (x < 2)"),
        ("solve(x = x + 1)", "no solution"),
        ("simplify((x**2-1)/(x-1))", "x + 1"),
        ("diff(x^3, x, 2)", "6*x"),
        ("integrate(x^2, x=0..3)", "9"),
        ("limit(sin(x)/x, x -> 0)", "1"),
        ("sum(i, i=1..n)", "n**2/2 + n/2"),
        ("sum(1/k^2, k=1..oo)", "pi**2/6 ≈ 1.644934067"),
        ("N(pi, 30)", "3.14159265358979323846264338328"),
        ("round(pi, 3)", "1571/500 ≈ 3.142"),
        ("factorint(360)", "{2: 3, 3: 2, 5: 1}"),
        ("30 degrees in radians", "pi/6 ≈ 0.5235987756"),
    ],
)
async def test_algebra_is_exact_with_a_decimal_beside(calculator, text, expected):
    assert (await calculate(calculator, text)).text == expected


@pytest.mark.parametrize(
    ("text", "expected", "brief"),
    [
        ("5 km in miles", "78125/25146 mi ≈ 3.106855961 mi", "3.11"),
        ("3 ft + 4 in in cm", "508/5 cm ≈ 101.6 cm", "101.6"),
        ("5 feet 3 inches in cm", "8001/50 cm ≈ 160.02 cm", "160.02"),
        ("100 km / 2 h", "50 km/h", "50 km/h"),
        ("68 °F in °C", "20 °C", "20"),
        ("10 km > 5 miles", "true (10 km > 5 mi)", "true (10 km > 5 mi)"),
        ("3 ft^2 in m^2", "435483/1562500 m^2 ≈ 0.27870912 m^2", "0.28"),
        ("(3 ft)² in ft^2", "9 ft^2", "9"),
        ("2 m^3 in liters", "2000 l", "2000"),
        ("5 km² + 1 m²", "5000001/1000000 km^2 ≈ 5.000001 km^2", "5 km^2"),
    ],
)
async def test_units_convert_exactly(calculator, text, expected, brief):
    observation = await calculate(calculator, text)

    assert (observation.text, observation.brief) == (expected, brief)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("days between 2024-01-02 and 2024-03-01", "59"),
        ("How many days from March 1, 2024 to 5 Apr 2024?", "35"),
        ("days(2024-02-01, 2024-03-01)", "29"),
        ("2024-03-01 - 2024-02-01", "29"),
        ("2024-01-31 + 1 month", "2024-02-29"),
        ("90 days after 2024-01-01", "2024-03-31"),
        ("weeks between 2024-01-01 and 2024-01-11", "10/7 ≈ 1.428571429"),
        ("weekday(2024-03-01)", "Friday"),
        ("2024-02-01", "2024-02-01"),
        ("2024-01-01 < 2024-02-01", "true (2024-01-01 < 2024-02-01)"),
        ("31/01/2024 - 1/13/2024", "18"),
        ("days between 2024-1-2 and 2024-3-1", "59"),
        ("2024-1-2 - 2024-1-1", "1"),
        ("weekday(31.12.2024)", "Tuesday"),
    ],
)
async def test_dates_are_dates_and_never_subtractions(calculator, text, expected):
    assert (await calculate(calculator, text)).text == expected


@pytest.mark.parametrize(
    "text",
    [
        "02/01/2024 - 01/01/2024",
        "02-01-2024",
        "5/3/2024",
        "02/01/24 - 01/01/24",
        "days between 1/2/2024 and 1/3/2024",
    ],
)
async def test_a_date_with_two_readings_is_refused_and_both_are_named(calculator, text):
    with pytest.raises(ToolError, match=r"several readings: write 20\d\d-\d\d-\d\d or 20\d\d-\d\d-\d\d"):
        await calculate(calculator, text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("24 / 6 / 2000", "1/500 ≈ 0.002"),
        ("2000-10-5", "1985"),
        ("100/10/2000", "1/200 ≈ 0.005"),
        ("12/4/3", "1"),
    ],
)
async def test_numbers_that_are_no_day_stay_numbers(calculator, text, expected):
    assert (await calculate(calculator, text)).text == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("npv(10%, -100, 60, 60)", "500/121 ≈ 4.132231405"),
        ("irr(-100, 110)", "1/10 ≈ 0.1"),
        ("irr(-1000, 300, 420, 680)", "≈ 0.16340560068898929553"),
        ("compound(1000, 5%, 2)", "2205/2 ≈ 1102.5"),
        ("compound(1000, 5%, 10, 12)", "≈ 1647.0094976902830342"),
        ("round(pmt(5%/12, 360, 200000), 2)", "26841/25 ≈ 1073.64"),
        ("compound(1000, 5%, 30, 365)", "≈ 4481.2286885245152478"),
        ("1000*(1+0.05/365)^(365*30)", "≈ 4481.2286885245152478"),
        ("round(irr(-1000, 300, 420, 680)*100, 2)", "817/50 ≈ 16.34"),
    ],
)
async def test_money_over_time_is_exact(calculator, text, expected):
    assert (await calculate(calculator, text)).text == expected


@pytest.mark.parametrize(
    ("text", "expected", "outcome"),
    [
        ("3*4 == 12", "true (12 == 12)", "ok"),
        ("3*4 = 13", "false (12 != 13)", "false"),
        ("5 < 3", "false (5 >= 3)", "false"),
        ("5! = 120", "true (120 = 120)", "ok"),
        ("1,200 = $1200.00", "true (1200 = 1200)", "ok"),
        ("sqrt(2)*sqrt(3) == sqrt(6)", "true (sqrt(6) == sqrt(6))", "ok"),
        ("sqrt(2) == 1.414", "false (sqrt(2) != 1.414)", "false"),
        ("pi > 22/7", "false (pi <= 22/7)", "false"),
        ("(x+1)^2 == x^2+2x+1", "true ((x + 1)**2 == x**2 + 2*x + 1)", "ok"),
        ("sin(x)^2 + cos(x)^2 = 1", "true (sin(x)**2 + cos(x)**2 = 1)", "ok"),
        ("(x+1)^2 == x^2+1", "false ((x + 1)**2 != x**2 + 1)", "false"),
        ("equal((x+1)^2, x^2+2x+1)", "true ((x + 1)**2 == x**2 + 2*x + 1)", "ok"),
        ("equal(3*4, 13)", "false (12 != 13)", "false"),
    ],
)
async def test_a_relation_says_whether_it_holds(calculator, text, expected, outcome):
    observation = await calculate(calculator, text)

    assert (observation.text, observation.outcome) == (expected, outcome)


@pytest.mark.parametrize(
    ("text", "brief"),
    [
        ("243/4", "60.75"),
        ("1/3", "0.33"),
        ("-1/3", "-0.33"),
        ("1/8", "0.12"),
        ("3/8", "0.38"),
        ("-0.001", "0"),
        ("(187248.6 - 183503.63) / 187248.6 * 100", "2"),
        ("1e20 + 0.5", "100000000000000000000.5"),
        ("exp(50)", "5184705528587072464087.45"),
        ("pi*10^20", "314159265358979323846.26"),
        ("sqrt(-2)", "1.41*I"),
        ("solve(x^2=2)", "-1.41, 1.41"),
    ],
)
async def test_the_short_form_is_the_number_alone_with_two_decimals_at_most(calculator, text, brief):
    assert (await calculate(calculator, text)).brief == brief


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "nothing to calculate"),
        ("2 +", "an operand is missing"),
        ("1/0", "division by zero"),
        ("x/0", "division by zero"),
        ("0/0", "division by zero"),
        ("log(0)", "undefined"),
        ("tan(pi/2)", "undefined"),
        ("oo - oo", "undefined"),
        ("1, 2", "1,234 is one number"),
        ("sqr(16)", "did you mean sqrt"),
        ("profit * 2", "a variable is one letter"),
        ("$5 + €3", "two currencies"),
        ("2024-02-30", "not on the calendar"),
        ("2024-02-01 * 2", "days between"),
        ("5 kg + 3 m", "not of one kind"),
        ("5 kg + 3 m^2", "not of one kind"),
        ("20 degC * 2", "temperatures"),
        ("irr(100, 200)", "both signs"),
        ("irr(-1, 3, -2)", "not unique"),
        ("1e999999999", "at most"),
        ("10**10**8", "too large"),
        ("(-2)!", "whole number"),
        ("solve(x + y = 1)", "say what to solve for"),
        ("limit(1/x, x, 0)", "left and right differ"),
        ("integrate(x^x, x)", "in closed form"),
        ("solve(sin, x)", "write sin"),
        ("1 hour 30", "a unit is missing"),
        ("\u0663 + 1", "unexpected character"),
        ("[1, 2] + 1", "not a list"),
        ("(" * 60 + "1" + ")" * 60, "nested too deeply"),
    ],
)
async def test_an_error_says_in_one_line_what_would_be_right(calculator, text, message):
    with pytest.raises(ToolError, match=message.replace("+", r"\+")) as raised:
        await calculate(calculator, text)

    assert "\n" not in str(raised.value)


async def test_a_bomb_is_killed_at_its_limit_and_leaves_no_process():
    calculator = Calculator(size=1)
    await calculate(calculator, "sqrt(2)")
    before = calculator.pids

    with anyio.fail_after(20), pytest.raises(ToolTimeout):
        await calculate(calculator, "integrate(exp(sin(x)*cos(x**2)), x)", 0.5)
    after = await calculate(calculator, "sqrt(2)")
    await calculator.aclose()

    assert after.text == "sqrt(2) ≈ 1.414213562"
    assert not any(is_running(pid) for pid in before)


async def test_a_plain_calculation_starts_no_process():
    calculator = Calculator()

    await calculate(calculator, "15% of 2,340")

    assert not calculator.pids
    await calculator.aclose()


async def test_every_calculation_of_the_recorded_traces_gives_its_recorded_result(calculator):
    recorded = SHARED / "embedded-v0" / "examples.jsonl"
    if not recorded.exists():
        pytest.skip("the recorded traces are not beside this checkout")
    steps = [
        (action[3], action[4])
        for line in recorded.read_text().splitlines()
        for action in json.loads(line)["actions"]
        if len(action) > 2 and action[2] == "calc"
    ]

    briefs = [(text, (await calculate(calculator, text)).brief) for text, _ in steps]

    assert len(steps) > 300
    assert briefs == steps


# --- the attack corpus


CASES = corpus("calculator")


@pytest.mark.skipif(not CASES, reason="the attack corpus is not here")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
async def test_the_attack_corpus_ends_as_labelled(calculator, case, tmp_path):
    canary = tmp_path / "canary"
    text = case["payload"].replace("{CANARY}", str(canary))
    seconds = 1.0 if case["expected"] == "contained" else SECONDS

    try:
        observation = await calculate(calculator, text, seconds)
    except ToolError:
        observation = None

    assert not canary.exists()
    if case["expected"] == "rejected":
        assert observation is None
    elif case["expected"] == "ok":
        assert observation is not None
        exact_part = observation.text.split("≈")[0].replace(" ", "")
        assert case["answer"] is None or exact_part == case["answer"].replace(" ", "")


# --- anything at all

WORDS = [
    *FUNCTIONS,
    *CONSTANTS,
    *UNITS,
    "x",
    "y",
    "in",
    "to",
    "of",
    "by",
    "2024-02-30",
    "1,234",
    "0.5",
    "1e5",
]
SIGNS = "0123456789.,+-*/^%!=<>()[]|√²° $€\"'_\\;:#\n"
LINES = st.text(max_size=60) | st.text(alphabet=SIGNS + "xyie", max_size=40)
LINES |= st.lists(st.sampled_from([*WORDS, *SIGNS]), max_size=25).map(" ".join)
LINES |= st.lists(st.sampled_from([*WORDS, *SIGNS]), max_size=25).map("".join)


@given(text=LINES)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_line_gives_an_observation_or_a_tool_error(calculator, text):
    await check_any_line(calculator, text)


@pytest.mark.soak
@given(text=LINES)
@settings(max_examples=10_000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_ten_thousand_lines_give_an_observation_or_a_tool_error(calculator, text):
    await check_any_line(calculator, text)


async def check_any_line(calculator: Calculator, text: str) -> None:
    try:
        observation = await calculate(calculator, text, 1.0)
    except ToolError as error:
        said = str(error)
    else:
        said = observation.text
    assert said
    assert len(said.splitlines()) == 1
    assert len(said) <= 4_000
    assert not set(said.split()) & {"zoo", "nan"}


@given(st.integers(-(10**9), 10**9), st.integers(-(10**9), 10**9), st.sampled_from(["+", "-", "*"]))
async def test_arithmetic_agrees_with_python(calculator, left, right, sign):
    observation = await calculate(calculator, f"({left:,}) {sign} ({right})")

    assert observation.text == str({"+": left + right, "-": left - right, "*": left * right}[sign])


@pytest.mark.parametrize(
    "text",
    [
        *["(" * 4000, "1+" * 1999 + "1", "√" * 4000, "-" * 3999 + "1", "1_" * 2000, "|" * 4000, "1," * 2000],
        *["1,234" * 800, "x_" * 2000, "9" * 4000, "1/7+" * 900 + "1", " " * 3999 + "1", "f(" * 2000],
    ],
    ids=lambda text: ascii(text[:5]),
)
def test_the_work_of_the_front_end_grows_with_the_length_of_a_line(text):
    steps = [count_steps(text[: len(text) // 2]), count_steps(text)]

    assert steps[1] < 3 * steps[0] + 1000


def count_steps(text: str) -> int:
    """Lines of Python that reading `text` takes: time, without a clock."""
    n = 0

    def count(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal n
        n += 1
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        parse(text)
    except ValueError:
        pass
    finally:
        sys.settrace(before)
    return n
