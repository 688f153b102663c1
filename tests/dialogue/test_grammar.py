"""What may come next: the protocol's order, a limit on every field, and in a check what its tool allows."""

from collections.abc import Sequence

import llguidance
import pytest

from agent_runtime.dialogue.grammar import (
    CHAT_TOKENS,
    TRAINED_TOKENS,
    ThinkRule,
    next_roles,
    role_token_grammar,
    tagged_grammar,
    until,
)
from agent_runtime.types import Backtrack, FinalAnswer, Node, Plan, Prompt, Step, ToolForm, ToolSpec
from tests.dialogue.byte_tokens import SPECIAL, accepted, consume, ids_of, takes, takes_text, tokens

__all__ = ["tokens"]  # the fixture

PLAN = Node(1, 0, 1, Plan(("x",)))
STEP = Node(2, 1, 2, Step("x"))
# A tool's own grammar, of which the closed one takes a part.
GREETING = 'start: ("hello" | "bye") (" " NAME)*\nNAME: /[a-z]+/'
HELLO = 'start: "hello" (" " NAME)*\nNAME: /[a-z]+/'
NAMES = ("calc", "greet", "python", "edit")
TOOLS = (
    ToolSpec("calc", "", ToolForm(max_tokens=40)),
    ToolSpec("greet", "", ToolForm(max_tokens=60), GREETING, HELLO),
    ToolSpec("python", "", ToolForm(max_tokens=100, is_verbatim=True)),
    ToolSpec("edit", "", ToolForm(max_tokens=100, is_verbatim=True)),
    ToolSpec("stock", ""),
)
THINK = ThinkRule('"<think>"', until("</think>"), '"</think>"', 200)


# --- order


def test_a_plan_comes_first():
    assert next_roles([Node(0, None, 0)]) == ("plan",)


def test_after_a_plan_there_is_nothing_to_give_up_yet():
    assert "backtrack" not in next_roles([PLAN])


def test_after_a_step_everything_may_come():
    assert set(next_roles([PLAN, STEP])) == {"plan", "step", "backtrack", "answer"}


def test_a_backtrack_is_followed_by_something_else():
    assert "backtrack" not in next_roles([PLAN, STEP, Node(3, 2, 3, Backtrack("x"))])


def test_nothing_follows_an_answer():
    with pytest.raises(ValueError, match="nothing follows"):
        next_roles([PLAN, Node(2, 1, 2, FinalAnswer("x"))])


def roles_of() -> dict[str, int]:
    """A role token for the tests' own tools as well; unused bytes stand for them."""
    return {role[1:-1]: token for role, token in SPECIAL.items()} | {"greet": 2, "stock": 1}


def role_grammar(path: Sequence[Node], tools: Sequence[ToolSpec] = TOOLS) -> str:
    return role_token_grammar(Prompt("q", tools=tuple(tools)), path, roles_of())


@pytest.mark.parametrize(
    "text",
    [
        "<step>Think.<end>",
        "<step>Sum.<calc>1 + 1<end>",
        "<step>Greet.\x02hello tom<end>",
        "<step>Run.<python>print('<answer>'[:3])\n<end>".replace("<answer>", "< answer >"),
        "<answer>7<end>",
        "<backtrack>no rows<end>",
        "<plan>1. a\n2. b<end>",
    ],
)
def test_the_actions_of_the_protocol_are_accepted(tokens, text: str):
    assert takes(tokens, role_grammar([PLAN, STEP]), text)


@pytest.mark.parametrize(
    "text",
    [
        "<calc>1<end>",
        "<step>Sum.<calc>1<result>1<end>",
        "<step>Sum.<calc>1<calc>2<end>",
        "<answer><end>",
        "<result>7<end>",
        "<good>",
        "7",
        "<answer>7<end><answer>8<end>",
    ],
)
def test_anything_else_is_not(tokens, text: str):
    assert not takes(tokens, role_grammar([PLAN, STEP]), text)


def test_only_tools_that_are_there_can_be_called(tokens):
    grammar = role_grammar([PLAN], TOOLS[:1])

    assert not takes(tokens, grammar, "<step>Run.<python>1<end>")


def test_a_tool_s_grammar_is_the_inside_of_its_check(tokens):
    roles, tagged = role_grammar([PLAN]), tagged_grammar(Prompt("q", tools=TOOLS), [PLAN])

    assert takes_text(tokens, tagged, "<step>Greet.<greet>bye tom</greet></step>")
    assert not takes_text(tokens, tagged, "<step>Greet.<greet>tom</greet></step>")
    assert takes(tokens, roles, "<step>Greet.\x02hello tom<end>")
    assert not takes(tokens, roles, "<step>Greet.\x02bye tom<end>")  # of the wider grammar only


# What the limit of a field can be off by: llguidance sees it where a lexeme ends, and counts from where one begins.
SLACK = 2
FIELDS = {
    "plan": "1. x < y\n",
    "step": "x is y ",
    "backtrack": "no < rows ",
    "answer": "7 < 8 <b> ",
    "calc": "1 < 2 + ",
    "greet": "hello tom",
    "python": "print('<b>' < 2)\n",
    "edit": "a.py: x < y\n",
    "stock": "bolt < nut\n",
}
LIMITS = {tool.name: tool.form.max_tokens for tool in TOOLS}


def n_until_closed(tokens: llguidance.LLTokenizer, grammar: str, ids: Sequence[int], closing: int) -> int:
    """How many more tokens can follow `ids` before nothing but `closing` may."""
    matcher = llguidance.LLMatcher(tokens, llguidance.LLMatcher.grammar_from_lark(grammar), log_level=0)
    assert all(consume(matcher, token) for token in ids)
    for n_more in range(SLACK + 1):
        mask = matcher.compute_bitmask()
        allowed = [token for token in range(8 * len(mask)) if mask[token // 8] >> token % 8 & 1]
        if allowed == [closing]:
            return n_more
        assert matcher.consume_token(next(token for token in allowed if token != closing))
    raise AssertionError(f"still open after {SLACK} more tokens")


def filled(field: str) -> str:
    return "hello" + " tom" * 500 if field == "greet" else FIELDS[field] * 500


@pytest.mark.parametrize("field", FIELDS)
def test_a_field_in_role_tokens_ends_at_its_token_limit(tokens, field: str):
    start = [*ids_of("<step>Ask."), roles_of()[field]] if field in LIMITS else ids_of(f"<{field}>")

    ids = start + list(filled(field).encode())
    n_taken = accepted(tokens, role_grammar([PLAN, STEP]), ids)

    assert abs(n_taken - len(start) - (LIMITS | TRAINED_TOKENS)[field]) <= SLACK
    if field != "step":  # after which a check may come as well
        assert n_until_closed(tokens, role_grammar([PLAN, STEP]), ids[:n_taken], SPECIAL["<end>"]) <= SLACK


@pytest.mark.parametrize("field", FIELDS)
def test_a_field_in_tagged_text_ends_at_its_token_limit(tokens, field: str):
    opening = f"<step>Ask.<{field}>" if field in LIMITS else f"<{field}>"

    assert_closed_at_the_limit(tokens, opening, f"<{field}>", filled(field), (LIMITS | CHAT_TOKENS)[field])


def test_thinking_goes_on_to_its_own_limit_and_is_closed_there(tokens):
    assert_closed_at_the_limit(tokens, "<think>", "<think>", "if a is b: hm " * 50, THINK.n_tokens, THINK)


def assert_closed_at_the_limit(
    tokens, opening: str, tag: str, text: str, limit: int, think: ThinkRule | None = None
) -> None:
    grammar = tagged_grammar(Prompt("q", tools=TOOLS), [PLAN, STEP], think)

    ids = list((opening + text).encode())
    n_taken = accepted(tokens, grammar, ids)

    n_tag = len(tag)  # llguidance counts an opening tag in, here a token a byte
    assert limit - n_tag - SLACK <= n_taken - len(opening) <= limit + SLACK
    if ids[n_taken - 1] != ord("<"):  # else the closing tag has begun
        assert n_until_closed(tokens, grammar, ids[:n_taken], ord("<")) <= SLACK


def test_after_thinking_the_action_has_its_own_limit(tokens):
    grammar = tagged_grammar(Prompt("q", tools=TOOLS), [PLAN, STEP], THINK)
    thought = "<think>" + "x < y " * 25 + "</think>\n"

    assert takes_text(tokens, grammar, f"{thought}<answer>{'7' * 150}</answer>")


def test_who_is_not_to_think_cannot(tokens):
    grammar = tagged_grammar(Prompt("q", tools=TOOLS), [PLAN, STEP])

    assert accepted(tokens, grammar, list(b"<think>")) <= 1


def test_thinking_that_the_template_has_opened_is_only_closed(tokens):
    grammar = tagged_grammar(Prompt("q"), [PLAN], ThinkRule("", until("</think>"), '"</think>"', 50))

    assert takes_text(tokens, grammar, "so 7 < 8</think>\n\n<answer>7</answer>")
    assert not takes_text(tokens, grammar, "so 7 < 8<answer>7</answer>")


@pytest.mark.parametrize("mark", ["</think>", "[/THINK]", "</seed:think>", "<channel|>"])
def test_text_goes_up_to_its_mark(tokens, mark: str):
    grammar = f'start: body "{mark}"\nbody[max_tokens=500]: {until(mark)}'

    assert takes_text(tokens, grammar, f"a <b> [c] </d> # </thin {mark[:-1]} e{mark}")
    assert not takes_text(tokens, grammar, f"a{mark}b{mark}")


@pytest.mark.parametrize("field", ["answer", "python", "greet"])
def test_a_field_below_its_limit_goes_on(tokens, field: str):
    opening = "<answer>" if field == "answer" else f"<step>Ask.<{field}>"
    start, more = ("hello", " tom") if field == "greet" else ("", "x < ")
    text = opening + start + more * (((LIMITS | CHAT_TOKENS)[field] - 24) // len(more))

    grammar = tagged_grammar(Prompt("q", tools=TOOLS), [PLAN])
    assert accepted(tokens, grammar, list(text.encode())) - len(text) in (0, 1)


# --- tagged text


@pytest.mark.parametrize(
    "text",
    [
        "<plan>1. a\n2. b</plan>",
        "<step>So a is less.</step>",
        "<step>Ask.<greet>hello tom</greet>\n</step>",
        "<step>Run.<python>\nprint('</answer>' < 'b')\n</python></step>",
        "<step>Run.<python>x = 1 << 2\nprint('<b></p></py>')</python></step>",
        "<answer>x < 7</answer>",
    ],
)
def test_tagged_actions_are_accepted(tokens, text: str):
    grammar = tagged_grammar(Prompt("q", tools=TOOLS), [PLAN, STEP])

    ids = list(text.encode())

    assert accepted(tokens, grammar, ids) == len(ids) + 1


@pytest.mark.parametrize("text", ["hello", "<result>", "<answer>7</answer> and", "<greet>hello"])
def test_other_text_is_not(tokens, text: str):
    grammar = tagged_grammar(Prompt("q", tools=TOOLS), [PLAN])

    ids = list(text.encode())

    assert accepted(tokens, grammar, ids) < len(ids)


def test_a_prompt_without_tools_lets_the_model_call_none():
    grammar = tagged_grammar(Prompt("q"), [PLAN])

    assert "calc" not in grammar
    assert "step" in grammar
