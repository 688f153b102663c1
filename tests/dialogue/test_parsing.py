"""What a model wrote becomes one action, or one typed error."""

import contextlib
import json
import random
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.dialogue.calls import read_call, read_json, write_call, write_json
from agent_runtime.dialogue.parsing import parse, render
from agent_runtime.dialogue.role_tokens import read_ids
from agent_runtime.dialogue.tagged_reader import TaggedReader, write_tagged
from agent_runtime.dialogue.tagged_reader import read_tagged as read_tagged_by
from agent_runtime.errors import ActionSyntaxError
from agent_runtime.types import Action, Backtrack, Check, FinalAnswer, Plan, Span, Step, ToolForm, ToolSpec

ROLES = {3: "plan", 4: "step", 5: "end", 6: "calc", 7: "sql", 9: "result", 10: "backtrack", 11: "answer"}

VERBATIM = ToolForm(is_verbatim=True)
TOOLS = (
    ToolSpec("calc", ""),
    ToolSpec("sql", ""),
    ToolSpec("python", "", VERBATIM),
    ToolSpec("edit", "", VERBATIM),
)


def read_tagged(text: str) -> tuple[Span, ...]:
    return read_tagged_by(text, TOOLS)


def decode(ids):
    return "".join(map(chr, ids))


def encode(text: str) -> list[int]:
    return [ord(char) for char in text]


# --- the law: parse after render is identity

plain = st.text(st.characters(exclude_characters="<>\n", exclude_categories=["Cs"]), max_size=30).map(
    str.strip
)
filled = plain.filter(bool)
code = st.text(st.characters(exclude_characters="<>", exclude_categories=["Cs"]), max_size=60).filter(
    str.strip
)
checks = st.one_of(
    st.builds(Check, st.sampled_from(["calc", "sql"]), filled),
    st.builds(Check, st.sampled_from(["python", "edit"]), code),
)
actions = st.one_of(
    st.builds(Plan, st.lists(filled, min_size=1, max_size=5).map(tuple)),
    st.builds(Step, filled, st.none() | checks),
    st.builds(Step, plain, checks),
    st.builds(Backtrack, plain),
    st.builds(FinalAnswer, filled),
)


@given(actions)
def test_parse_after_render_is_identity(action: Action):
    assert parse(render(action)) == action


@given(actions)
def test_tagged_text_reads_back_as_it_was_written(action: Action):
    assert parse(read_tagged(write_tagged(action))) == action


@given(actions)
def test_a_call_reads_back_as_it_was_written(action: Action):
    name, fields = write_call(action)

    assert parse(read_call(name, json.dumps(fields), TOOLS)) == action
    assert parse(read_json(write_json(action), TOOLS)) == action


@given(actions, st.data())
def test_tagged_text_may_arrive_in_any_pieces(action: Action, data: st.DataObject):
    text = f"<think>hm</think> so: {write_tagged(action)}"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    reader = TaggedReader(TOOLS)
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        reader.feed(text[start:end])

    assert reader.close() == read_tagged(text)


# --- role tokens


def test_role_tokens_split_a_checked_step():
    ids = [4, *encode("Count them."), 7, *encode("SELECT 1"), 5]

    assert read_ids(ids, ROLES, decode) == (Span("step", "Count them."), Span("sql", "SELECT 1"))


def test_reading_ends_with_the_first_end():
    assert read_ids([11, *encode("7"), 5, 11, *encode("8"), 5], ROLES, decode) == (Span("answer", "7"),)


def test_a_result_that_the_model_wrote_is_an_error():
    with pytest.raises(ActionSyntaxError, match="result"):
        parse(read_ids([9, *encode("42"), 5], ROLES, decode))


def test_an_action_that_was_cut_is_an_error():
    with pytest.raises(ActionSyntaxError, match="not finished"):
        parse(read_ids([11, *encode("4")], ROLES, decode))


def test_nested_checks_are_an_error():
    with pytest.raises(ActionSyntaxError):
        parse(read_ids([4, 6, 7, *encode("1"), 5], ROLES, decode))


# --- rules where models stray


def test_a_plan_is_read_line_by_line():
    assert parse([Span("plan", "1. Count\n2) Rank\n- Report\n\n4. 2.5 % of it")]) == Plan(
        ("Count", "Rank", "Report", "2.5 % of it")
    )


def test_the_first_action_counts_and_the_rest_is_dropped():
    text = "<step>a<calc>1</calc></step><result>9</result><answer>9</answer>"

    assert parse(read_tagged(text)) == Step("a", Check("calc", "1"))


def test_thinking_becomes_the_thought_of_the_step():
    assert parse(read_tagged("<think>2+2 < 5</think><step>so<calc>2+2</calc></step>")) == Step(
        "2+2 < 5\nso", Check("calc", "2+2")
    )


@pytest.mark.parametrize(
    "text",
    ["<step>t</step><sql>SELECT 1</sql>", "t <sql>SELECT 1</sql>", "<step>t</step> so <sql>SELECT 1</sql>"],
)
def test_a_check_may_follow_its_step(text: str):
    assert parse(read_tagged(text)) == Step("t", Check("sql", "SELECT 1"))


@pytest.mark.parametrize(
    ("tool", "kept"), [("calc", "1 + 1"), ("python", "  1 + 1 \n"), ("sql", "1 + 1"), ("edit", "  1 + 1 \n")]
)
def test_blanks_around_an_input_count_only_where_the_tool_says_so(tool: str, kept: str):
    text, fields = "  1 + 1 \n", {"thought": "t", "input": "  1 + 1 \n"}

    for spans in (
        read_tagged(f"<step>t<{tool}>\n{text}\n</{tool}></step>"),
        read_call(tool, json.dumps(fields), TOOLS),
        read_json(json.dumps({"action": tool, **fields}), TOOLS),
    ):
        assert parse(spans) == Step("t", Check(tool, kept))


def test_a_tool_that_is_not_at_hand_is_text():
    assert parse(read_tagged_by("<step>a <sql>SELECT 1</sql></step>", TOOLS[:1])) == Step(
        "a <sql>SELECT 1</sql>"
    )


def test_code_ends_only_at_its_own_tag():
    text = "<step>t<python>\nif 1 < 2:\n    print('</answer></step>')\n</python></step>"

    assert parse(read_tagged(text)) == Step("t", Check("python", "if 1 < 2:\n    print('</answer></step>')"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "just talk",
        "<think>only thinking</think>",
        "<answer></answer>",
        "<plan>\n</plan>",
        "<step></step>",
        "<step>a<calc> </calc></step>",
        "<answer>42",
        "<calc>",
        "<calc><python>x</python></calc>",
        "<result>42</result>",
        "[" * 100_000,
    ],
)
def test_what_is_no_action_is_one_typed_error(text: str):
    with pytest.raises(ActionSyntaxError):
        parse(read_tagged(text))


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"action":"answer","text":"1","text":"2"}',
        '{"action":"answer"}',
        '{"action":"answer","text":7}',
        '{"action":["answer"]}',
        '{"action":"plan","items":"x"}',
        "9" * 10_000,
        '{"action":"calc","input":NaN}',
        "",
    ],
)
def test_json_that_is_no_action_is_one_typed_error(text: str):
    with pytest.raises(ActionSyntaxError):
        parse(read_json(text))


def test_lone_surrogates_do_not_reach_an_action():
    action = parse(read_tagged("<answer>\ud800 lone</answer>"))

    assert action == FinalAnswer("\ufffd lone")


# --- whatever a model writes


def fuzz(n: int):
    """Seeded outputs: shuffled tags, JSON pieces, code, controls and random characters."""
    random_ = random.Random(20261123)
    tags = [
        f"<{slash}{tag}>"
        for slash in ("", "/")
        for tag in ("plan", "step", "calc", "sql", "python", "edit", "answer", "think")
    ]
    whole = ["<answer>4</answer>", "<calc>1+1</calc>", '{"action":"answer","text":"4"}', '{"input":"1"}']
    broken = [
        "<result>",
        "</",
        "<",
        ">",
        "\n",
        "1. x",
        "SELECT",
        '{"action":',
        '"',
        "}",
        "\x00",
        "\ud800",
        "é",
    ]
    for _ in range(n):
        yield "".join(random_.choices([*tags, *whole, *broken], k=random_.randrange(12)))


def test_ten_thousand_random_outputs_give_an_action_or_the_typed_error():
    outcomes = {"action": 0, "error": 0}
    for text in fuzz(10_000):
        for read in (read_tagged, read_json, lambda text: read_call("calc", text)):
            try:
                parse(read(text))
                outcomes["action"] += 1
            except ActionSyntaxError:
                outcomes["error"] += 1

    assert sum(outcomes.values()) == 30_000
    assert min(outcomes.values()) > 500


@given(st.lists(st.integers(0, 200)))
def test_any_ids_give_an_action_or_the_typed_error(ids: list[int]):
    with contextlib.suppress(ActionSyntaxError):
        parse(read_ids(ids, ROLES, decode))


def test_the_attack_corpus_of_model_outputs_gives_what_it_expects(shared: Path):
    lines = (shared / "attacks" / "prompt.dev.jsonl").read_text("utf-8").splitlines()
    cases = [case for case in map(json.loads, lines) if case["channel"] == "model_output"]
    assert len(cases) == 10

    for case in cases:
        oracles = case["oracle"].split(",")
        outcome = read(expanded(case["payload"]))
        if "typed_parse_error" in oracles:
            assert isinstance(outcome, ActionSyntaxError), case
        elif "parses_final:4" in oracles:
            assert outcome == FinalAnswer("4")
        elif "parses_action" in oracles:
            assert outcome == Step("", Check("python", "print('</answer>')"))
        elif "documented_rule" in oracles:  # the first of two actions counts
            assert outcome == Step("", Check("calc", "1"))
        else:
            assert str(outcome).isprintable()


def read(text: str) -> Action | ActionSyntaxError:
    try:
        return parse(read_tagged(text))
    except ActionSyntaxError as error:
        return error


def expanded(payload: str) -> str:
    """The corpus's placeholders in our own syntax; an action that is not closed stays open."""
    tools = {"calculator": "calc", "sandbox": "python"}
    for tool, ours in tools.items():
        while f"{{ACTION:{tool}:" in payload:
            before, after = payload.rsplit(f"{{ACTION:{tool}:", 1)
            body, closed, rest = after.partition("}")
            payload = f"{before}<{ours}>{body}" + (f"</{ours}>" if closed else "") + rest
    payload = re.sub(r"\{RESULT:(.*?)\}", r"<result>\1</result>", payload)
    return re.sub(r"\{FINAL:(.*?)\}", r"<answer>\1</answer>", payload)
