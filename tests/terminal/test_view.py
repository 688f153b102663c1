"""A run on a terminal and off it: what is shown, and what no text of a model, tool or user can do to a terminal."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from agent_runtime.terminal.plain import PlainView
from agent_runtime.terminal.view import LiveView, play, view_on
from agent_runtime.trace.events import Event, NodeAdded, RunFinished
from agent_runtime.trace.reader import read
from agent_runtime.types import Answer, Backtrack, Check, FinalAnswer, Malformed, Node, Plan, Step, Usage
from tests.trace.runs import a_run, grown, started, write

ERASED = "\x1b[2K"  # what the view itself writes over its first line
HOSTILE = "\x1b[31mred\x07 \x9b2J \u202eevil\u2066 [bold]markup[/bold] :bomb: \ud800\x00 \x7f"


def terminal(width: int = 80, height: int = 60) -> Console:
    return Console(
        file=io.StringIO(), force_terminal=True, width=width, height=height, color_system=None, _environ={}
    )


def pipe() -> Console:
    return Console(file=io.StringIO(), width=80, _environ={})


def left_by(console: Console, events: list[Event]) -> str:
    """What stays on the screen: all that was printed after the live part was wiped."""
    with view_on(console) as view:
        for event in events:
            view.show(event)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def final(events: list[Event], width: int = 80) -> list[str]:
    """The lines that a finished run leaves in the scroll-back."""
    console = terminal(width)
    view = LiveView(console)
    for event in events:
        view.show(event)
    view._live.stop()
    assert isinstance(console.file, io.StringIO)
    console.file = io.StringIO()
    view.__exit__(None, None, None)
    return console.file.getvalue().removeprefix(ERASED).splitlines()


def test_a_terminal_gets_the_tree_and_a_pipe_plain_lines():
    assert isinstance(view_on(terminal()), LiveView)
    assert isinstance(view_on(pipe()), PlainView)


def test_each_node_shows_thought_check_result_mark_and_score():
    lines = "\n".join(final(a_run()))

    assert "✓ Sum the amounts" in lines
    assert "supported 0.50" in lines
    assert "sql SELECT sum(amount) FROM transfers WHERE src = 'Acme Ltd'" in lines
    assert "↳ 12000" in lines
    assert "★ 12000" in lines


def test_a_dead_end_stays_visible_with_its_reason():
    assert any("dead end: backtracked: no column amnt" in line for line in final(a_run()))


def test_only_a_fork_indents():
    lines = final(a_run())

    assert lines[2].startswith("╰╴▪ 1. sum what Acme sent")
    assert any(line.startswith("  ├╴✗ Look at amnt") for line in lines)
    assert any(line.startswith("  │ ✗ Again") for line in lines)
    assert any(line.startswith("  ╰╴✓ Sum the amounts") for line in lines)


@pytest.mark.parametrize("width", [20, 40, 80, 120, 300])
def test_no_line_is_wider_than_the_terminal(width: int):
    long = Check("sql", "SELECT " + "column, " * 90)
    events = [
        started("Why? " * 99),
        *grown(1, 0, 1, Plan(("item " * 60,) * 12)),
        *grown(2, 1, 2, Step("thought " * 90, long), "cell | " * 300 + "\nrow" * 40),
        *grown(3, 1, 2, Malformed("x" * 500, "error " * 50), state="dead_end"),
        *grown(4, 1, 2, Backtrack("reason " * 60)),
        *grown(5, 4, 3, FinalAnswer("answer " * 60), state="answered"),
    ]

    assert max(len(line) for line in final(events, width)) <= max(width, 40)


def test_the_bill_says_unknown_for_what_nobody_measured():
    lines = "\n".join(final(a_run()))

    assert "dollars unknown" in lines
    assert "joules  unknown" in lines
    assert "15 = 0 prompt + 15 think + 0 forced + 0 judge" in lines
    assert "0.00 = 0.00 model + 0.00 tools + 0.00 waiting + 0.00 own" in lines


@pytest.mark.parametrize("n_strategies", [1, 2])
def test_the_bill_tells_strategies_apart_where_there_are_several(n_strategies: int):
    chain = Usage(prompt_tokens=1_200, think_tokens=34, tool_calls=1, model_seconds=1.5, dollars=0.0001)
    vote = Usage(think_tokens=5, tool_calls=2, tool_seconds=0.25, waiting_seconds=0.5, joules=7)
    bills = dict([("chain", chain), ("vote", vote)][:n_strategies])
    answer = Answer("5", 1.0, "confirmed", (), chain + vote, "answered", usage_by_strategy=bills)

    lines = "\n".join(final([*a_run()[:-1], RunFinished(answer)]))

    is_told = n_strategies > 1
    assert ("of it   chain: 1,234 tokens, 1.50 seconds, 1 tool call, 0.000100 dollars" in lines) is is_told
    assert ("        vote: 5 tokens, 0.75 seconds, 2 tool calls, 7.0 joules" in lines) is is_told


def test_an_answer_that_is_not_established_shows_the_candidate_and_what_is_missing():
    answer = Answer(None, 0.1, "unchecked", (), Usage(), "budget", "42", "no observation supports it")

    lines = "\n".join(final([*a_run()[:-1], RunFinished(answer)]))

    assert "not established" in lines
    assert "best candidate: 42" in lines
    assert "missing: no observation supports it" in lines
    assert "the budget ran out" in lines


def test_a_run_that_was_killed_says_so():
    assert "the run did not finish" in final(a_run()[:-1])[-1]


@pytest.mark.parametrize("is_terminal", [True, False])
def test_no_text_reaches_the_terminal_as_control(is_terminal: bool):
    step = Step(HOSTILE, Check(HOSTILE, HOSTILE))
    answer = Answer(HOSTILE, 0.5, "unchecked", (), Usage(), "answered", missing=HOSTILE, trace=Path(HOSTILE))
    events: list[Event] = [
        started(HOSTILE),
        *grown(1, 0, 1, Plan((HOSTILE,))),
        *grown(2, 1, 2, step, HOSTILE),
        *grown(3, 1, 2, Malformed(HOSTILE, HOSTILE)),
        *grown(4, 1, 2, Backtrack(HOSTILE)),
        NodeAdded(Node(5, 4, 3, FinalAnswer(HOSTILE), state="dead_end", reason=HOSTILE)),
        RunFinished(answer),
    ]

    shown = "\n".join(final(events)) if is_terminal else left_by(pipe(), events)

    assert not any(c in shown for c in "\x00\x07\x1b\x7f\x9b\u202e\u2066\ud800")
    assert "␛[31mred␇" in shown
    assert "[bold]markup[/bold] :bomb:" in shown


def test_off_a_terminal_each_node_is_one_line():
    lines = left_by(pipe(), a_run()).splitlines()

    assert [line.split()[0] for line in lines[2:9]] == ["#1", "#2", "#3", "#2", "#4", "#5", "answer"]


def test_what_a_planner_wrote_says_so_on_a_terminal_and_off_it():
    nodes = [
        Node(1, 0, 1, Plan(("Look up",)), origin="planner", planner="flow"),
        Node(2, 1, 2, Step("By rule"), origin="planner", planner="flow\x1b[2J"),
        Node(3, 1, 2, Step("By thought")),
    ]
    events: list[Event] = [started(), *map(NodeAdded, nodes)]

    tree, plain = "\n".join(final(events)), left_by(pipe(), events).splitlines()

    assert "Look up  planner flow" in tree
    assert "planner flow␛[2J" in tree
    assert plain[2].startswith("#1 (after #0, planner flow) plan: Look up")
    assert plain[4].startswith("#3 (after #1) By thought")


def test_off_a_terminal_nothing_is_coloured_or_drawn():
    assert "\x1b" not in left_by(pipe(), a_run())


def test_a_long_line_is_cut_off_a_terminal_too():
    events: list[Event] = [started(), *grown(1, 0, 1, Step("x" * 10_000, Check("calc", "1")), "y" * 10_000)]

    assert max(map(len, left_by(pipe(), events).splitlines())) <= 700


def test_while_it_runs_the_screen_shows_what_fits_and_the_newest_part():
    console = terminal(height=9)
    view = LiveView(console)
    for event in a_run()[:-1]:
        view.show(event)

    with console.capture() as capture:
        console.print(view._screen())
    view._live.stop()

    lines = capture.get().splitlines()
    assert len(lines) <= 9
    assert "lines above" in lines[2]
    assert any("★ 12000" in line for line in lines[-3:])


def test_a_check_that_runs_is_shown_before_its_result():
    console = terminal()
    view = LiveView(console)
    for event in a_run()[:5]:
        view.show(event)

    with console.capture() as capture:
        console.print(view._screen())
    view._live.stop()

    assert "◌ Look at amnt" in capture.get()
    assert "running" in capture.get()


def test_branches_that_are_over_take_one_line_where_there_is_no_room():
    events: list[Event] = [started(), *grown(1, 0, 1, Plan(("a",)))]
    for node_id in range(2, 400):
        events += grown(node_id, 1, 2, Step(f"try {node_id}"), state="dead_end")
    events += grown(400, 1, 2, FinalAnswer("5"), state="answered")

    lines = final(events)

    assert "✗ 398 branches, 398 actions, given up" in lines[3]
    assert "★ 5" in lines[4]


def test_a_trace_is_shown_as_the_run_was(tmp_path: Path):
    trace = read(write(tmp_path / "run.jsonl", a_run()))
    console = pipe()

    play(trace, view_on(console))

    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == left_by(pipe(), a_run())


def test_children_of_a_lost_node_do_not_end_the_view():
    assert final([started(), *grown(2, 1, 2, Step("orphan"))])
