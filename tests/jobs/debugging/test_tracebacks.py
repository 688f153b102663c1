"""What a log tells: chains, groups, pytest, syntax errors, cut and interleaved logs, and text that is none of these."""

import time
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.jobs.debugging.tracebacks import HEADER, parse
from agent_runtime.jobs.debugging.types import Frame

PIECES = [
    HEADER, '  File "a.py", line 1, in f', "    x", "E   boom", "KeyError: 'a'", "> x", "a.py:3: KeyError",
    "+-+---------------- 1 ----------------", "| ", "\x00", "\xe9",
]  # fmt: skip


def printed(call: object) -> str:
    try:
        call()  # type: ignore[operator]
    except BaseException:
        return traceback.format_exc()
    raise AssertionError


def chained() -> None:
    try:
        dict[str, int]()["a"]
    except KeyError as error:
        raise ValueError("no a") from error


def grouped() -> None:
    raise ExceptionGroup("several", [KeyError("q"), TypeError("t")])


def test_an_explicit_chain_goes_back_to_its_cause():
    (failure,) = parse(printed(chained))

    assert [raised.kind for raised in failure.chain] == ["KeyError", "ValueError"]
    assert (failure.root.kind, failure.last.kind, failure.last.link) == ("KeyError", "ValueError", "cause")


def test_a_group_goes_back_to_its_first_member():
    (failure,) = parse(printed(grouped))

    assert [raised.kind for raised in failure.chain] == ["ExceptionGroup", "KeyError", "TypeError"]
    assert failure.root.kind == "KeyError"


def test_two_tracebacks_without_a_link_are_two_failures():
    assert len(parse(printed(chained) + printed(grouped))) == 2


def test_a_traceback_without_its_head_is_read_and_called_truncated():
    (failure,) = parse("  File \"/app/b.py\", line 3, in k\n    x = y[0]\nKeyError: 'a'\n")

    assert failure.is_truncated
    assert failure.root.frames == (Frame("/app/b.py", 3, "k", "x = y[0]"),)


def test_a_traceback_without_its_end_is_read_and_called_truncated():
    (failure,) = parse(f'{HEADER}\n  File "/app/a.py", line 3, in main\n    x = y[0]\n')

    assert (failure.is_truncated, failure.root.kind) == (True, "")


def test_lines_of_others_between_the_frames_are_passed_over():
    log = (
        f'web_1 | {HEADER}\nweb_1 |   File "/app/a.py", line 3, in main\nweb_2 | INFO: hello\n'
        "web_1 |     x = y[0]\nweb_1 | IndexError: list index out of range\n"
    )

    (failure,) = parse(log)

    assert (failure.root.kind, failure.root.message) == ("IndexError", "list index out of range")


def test_a_syntax_error_has_its_place():
    (failure,) = parse(
        '  File "x.py", line 3\n    print("a"\n         ^\nSyntaxError: \'(\' was never closed\n'
    )

    assert (failure.root.kind, failure.root.frames[0].line, failure.is_truncated) == ("SyntaxError", 3, False)


@pytest.mark.parametrize("text", ["", "all is well\n", "INFO: started\nERROR: see above\n"])
def test_a_log_without_a_failure_has_none(text: str):
    assert parse(text) == []


@given(st.lists(st.sampled_from(PIECES)))
def test_any_order_of_lines_is_read_without_a_crash(lines: list[str]):
    parse("\n".join(lines))


@pytest.mark.parametrize(
    "line",
    [
        'File "' + "a" * 5000,
        "E" + " " * 5000,
        "a.b" * 2000 + ":",
        "[ " * 3000 + "KeyError: x",
        "a" * 5000 + ".py:1:",
    ],
)
def test_hostile_lines_take_linear_time(line: str):
    def seconds(n: int) -> float:
        started = time.process_time()
        parse(f"{HEADER}\n" + f"{line}\n" * n)
        return time.process_time() - started

    assert min(seconds(400) for _ in range(2)) < 0.05 + 20 * min(seconds(100) for _ in range(2))
