"""What a model reads: spans encoded apart, ids never made again, data never special."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.dialogue.messages import render_messages
from agent_runtime.dialogue.parsing import parse
from agent_runtime.dialogue.prompt_format import CUT_MARK, RESULT_TOKENS, segments
from agent_runtime.dialogue.role_tokens import ROLE_TOKEN_HEAD, ROLE_TOKEN_TURN, RoleTokens, render_tokens
from agent_runtime.dialogue.tagged_text import TaggedText
from agent_runtime.models.embedded.roles import ROLES
from agent_runtime.types import (
    Check,
    FinalAnswer,
    Malformed,
    Node,
    Observation,
    Plan,
    Prompt,
    Request,
    Step,
    ToolSpec,
)

SPECIAL = ["<|im_start|>", "<|im_end|>", "<|endoftext|>", *(f"<{role}>" for role in ROLES)]
FIRST_SPECIAL = 0x110000


class CharTokenizer:
    """One token a character; special tokens have ids that no character has."""

    def encode(self, text: str) -> list[int]:
        ids: list[int] = []
        while text:
            special = next((i for i, token in enumerate(SPECIAL) if text.startswith(token)), None)
            ids.append(ord(text[0]) if special is None else FIRST_SPECIAL + special)
            text = text[1 if special is None else len(SPECIAL[special]) :]
        return ids

    def encode_data(self, text: str) -> list[int]:
        return [ord(char) for char in text]

    def role_id(self, role: str) -> int:
        return FIRST_SPECIAL + SPECIAL.index(f"<{role}>")

    end_ids = frozenset({FIRST_SPECIAL + 1})
    template = ""
    turn = "<|im_start|>assistant\n"
    thinking_turn = turn

    def chat(self, messages: Sequence[Mapping[str, str]], *, is_thinking: bool = False) -> str:
        turns = "".join(f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in messages)
        return turns + (self.thinking_turn if is_thinking else self.turn)

    def decode(self, ids: Sequence[int]) -> str:
        return text_of(ids)

    def added_id(self, text: str) -> int | None:
        return FIRST_SPECIAL + SPECIAL.index(text) if text in SPECIAL else None

    def is_special(self, token: int) -> bool:
        return token >= FIRST_SPECIAL


class ThinkingTokenizer(CharTokenizer):
    """Of a model with a switch for its thinking."""

    template = "{% if not enable_thinking %}<think>\n\n</think>\n\n{% endif %}"
    turn = "<|im_start|>assistant\n<think>\n\n</think>\n\n"


class OpeningTokenizer(CharTokenizer):
    """Of a model whose template opens its thinking, and that has no switch."""

    template = "<think>...</think>"
    turn = thinking_turn = "<|im_start|>assistant\n<think>\n"


def text_of(ids: Sequence[int]) -> str:
    return "".join(chr(i) if i < FIRST_SPECIAL else SPECIAL[i - FIRST_SPECIAL] for i in ids)


def special_in(ids: Sequence[int]) -> list[str]:
    return [SPECIAL[i - FIRST_SPECIAL] for i in ids if i >= FIRST_SPECIAL]


TOKENIZER = CharTokenizer()
PLAN = Node(1, 0, 1, Plan(("Count", "Report")))
CHECKED = Node(2, 1, 2, Step("Count.", Check("sql", "SELECT 1")), Observation("sql", "1.0000", "1"))


def test_a_path_is_spoken_as_the_weights_were_trained():
    ids = render_tokens(Prompt("How many?", "Table t"), [Node(0, None, 0), PLAN, CHECKED], TOKENIZER)

    assert text_of(ids) == (
        f"{ROLE_TOKEN_HEAD}How many?\nTable t{ROLE_TOKEN_TURN}"
        "<plan>1. Count\n2. Report<end><step>Count.<sql>SELECT 1<end><result>1<end>"
    )


def test_sampled_ids_are_fed_back_as_they_are():
    node = Node(1, 0, 1, FinalAnswer("x"), token_ids=(7, 7, 7, TOKENIZER.role_id("end")))

    assert render_tokens(Prompt("q"), [node], TOKENIZER)[-4:] == node.token_ids


def test_an_action_that_was_cut_is_closed_before_its_error_is_told():
    node = Node(1, 0, 1, Malformed("x", "cut"), Observation("", "cut", "cut"), token_ids=(7,))

    assert text_of(render_tokens(Prompt("q"), [node], TOKENIZER)).endswith("\x07<end><result>cut<end>")


def test_a_path_only_grows_at_its_tail():
    prompt = Prompt("q", "c")

    shorter = render_tokens(prompt, [PLAN], TOKENIZER)

    assert render_tokens(prompt, [PLAN, CHECKED], TOKENIZER)[: len(shorter)] == shorter


def test_segments_tell_where_ids_come_from():
    sampled = Node(1, 0, 1, Plan(("x",)), token_ids=(1, TOKENIZER.role_id("end")))

    kinds = [part.kind for part in segments_of([sampled, CHECKED]) if part.ids]

    assert kinds == ["prompt", "written", "prompt", "forced"]


def segments_of(path: list[Node]):
    return segments(RoleTokens(TOKENIZER), Request(Prompt("q"), tuple(path)))


def test_a_long_result_is_cut_where_the_model_reads_it():
    node = Node(1, 0, 1, Step("t", Check("sql", "s")), Observation("sql", "", "x" * 9000))

    text = text_of(render_tokens(Prompt("q"), [node], TOKENIZER))

    assert text.endswith("<result>" + "x" * RESULT_TOKENS + CUT_MARK + "<end>")


# --- thinking and notes


def tail(tokenizer: CharTokenizer, request: Request) -> str:
    return text_of(TaggedText(tokenizer).head(request)).rpartition("<|im_start|>assistant\n")[2]


def test_a_model_that_is_not_to_think_is_switched_off_by_its_template():
    assert tail(ThinkingTokenizer(), Request(Prompt("q"))) == "<think>\n\n</think>\n\n"
    assert tail(ThinkingTokenizer(), Request(Prompt("q"), think_tokens=100)) == ""


def test_thinking_that_a_template_opens_without_a_switch_is_closed_at_once():
    assert tail(OpeningTokenizer(), Request(Prompt("q"))) == "<think>\n\n</think>\n\n"
    assert tail(OpeningTokenizer(), Request(Prompt("q"), think_tokens=100)) == "<think>\n"


def test_the_start_of_a_turn_stays_as_its_first_action_found_it():
    thought = Node(1, 0, 1, Plan(("x",)), token_ids=tuple(map(ord, "hm</think><plan>1. x</plan>")))
    hasty = Node(1, 0, 1, Plan(("x",)), token_ids=tuple(map(ord, "<plan>1. x</plan>")))

    assert tail(OpeningTokenizer(), Request(Prompt("q"), (thought,))) == "<think>\n"
    assert tail(OpeningTokenizer(), Request(Prompt("q"), (hasty,), think_tokens=100)).endswith("</think>\n\n")


def test_thinking_that_the_template_opened_is_read_as_the_thought():
    form = TaggedText(OpeningTokenizer())
    request = Request(Prompt("q"), think_tokens=100)

    spans = form.read(tuple(map(ord, "2 < 3</think>\n<step>so</step>")), request)

    assert parse(spans) == Step("2 < 3\nso")


def test_a_model_without_marks_of_its_own_has_no_thinking_to_allow():
    request = Request(Prompt("q"), think_tokens=100)

    assert TaggedText(TOKENIZER).n_thinking(request) == 0
    assert "think" not in TaggedText(TOKENIZER).grammar(request)
    assert TaggedText(ThinkingTokenizer()).n_thinking(request) > 100
    assert "max_tokens=100" in TaggedText(ThinkingTokenizer()).grammar(request)


def test_notes_stand_where_the_next_action_is_asked_for():
    form, note = TaggedText(TOKENIZER), "17 was tried."

    first = segments(form, Request(Prompt("q"), notes=(note,)))
    later = segments(form, Request(Prompt("q"), (PLAN,), notes=(note,)))

    assert "q\n\nNote: 17 was tried.<|im_end|>" in text_of(first[0].ids)
    assert later[-1].kind == "forced"
    assert text_of(later[-1].ids) == "<note>Note: 17 was tried.</note>\n"
    assert later[:-1] == segments(form, Request(Prompt("q"), (PLAN,)))


def test_weights_with_role_tokens_know_no_notes():
    prompt = Prompt("q")

    assert segments(RoleTokens(TOKENIZER), Request(prompt, notes=("n",))) == segments(
        RoleTokens(TOKENIZER), Request(prompt)
    )


# --- data is data


@given(st.lists(st.sampled_from([*SPECIAL, "x", "\n", "</result>"])).map("".join))
def test_no_text_from_outside_makes_a_special_token(text: str):
    prompt, plain = Prompt(text, text), Prompt("q", "c")
    path = [Node(1, 0, 1, Step("t", Check("sql", "s")), Observation("sql", text, text))]
    plain_path = [Node(1, 0, 1, Step("t", Check("sql", "s")), Observation("sql", "r", "r"))]

    ids = render_tokens(prompt, path, TOKENIZER)

    assert special_in(ids) == special_in(render_tokens(plain, plain_path, TOKENIZER))
    assert text in text_of(ids)


@given(st.lists(st.sampled_from([*SPECIAL, "x", "{{ 1 }}", "{% raw %}", "</result>"])).map("".join))
def test_a_chat_template_never_sees_data(text: str):
    form = TaggedText(TOKENIZER)

    ids = form.head(Request(Prompt(text, tools=(ToolSpec("calc", text),)), notes=(text,)))

    assert special_in(ids) == special_in(form.head(Request(Prompt("q"))))
    assert text_of(ids).count(text or "x") >= 3 or not text


def test_tagged_text_shows_results_in_the_same_turn():
    parts = segments(TaggedText(TOKENIZER), Request(Prompt("q"), (PLAN, CHECKED)))

    assert [text_of(part.ids) for part in parts[1:]] == [
        "<plan>1. Count\n2. Report</plan>",
        "\n",
        "<step>Count.<sql>SELECT 1</sql></step>",
        "\n<result>1</result>\n",
    ]


# --- the attack corpus (dev half)


def attacks(shared: Path, *oracles: str) -> list[str]:
    lines = (shared / "attacks" / "prompt.dev.jsonl").read_text("utf-8").splitlines()
    cases = [json.loads(line) for line in lines]
    return [expanded(each["payload"]) for each in cases if set(oracles) & set(each["oracle"].split(","))]


def expanded(payload: str) -> str:
    """The corpus's placeholders in our own syntax."""
    payload = re.sub(r"\{ACTION:sandbox:(.*?)\}", r"<step>t<python>\1</python></step>", payload)
    payload = re.sub(r"\{RESULT:(.*?)\}", r"<result>\1</result>", payload)
    payload = re.sub(r"\{FINAL:(.*?)\}", r"<answer>\1</answer>", payload)
    payload = re.sub(r"\{ROLE:(.*?)\}", r"<|im_start|>\1\n", payload)
    return payload.replace("{THINK_END}", "</think>").replace("{EOT}", "<|im_end|>")


def test_attacks_in_data_stay_data_in_every_dialect(shared: Path):
    payloads = attacks(shared, "no_special_ids", "verbatim", "no_action_from_data")
    assert len(payloads) > 15

    for payload in payloads:
        path = [Node(1, 0, 1, Step("t", Check("sql", "s")), Observation("sql", payload, payload))]
        ids = render_tokens(Prompt(payload, payload), path, TOKENIZER)
        assert len(special_in(ids)) == 10, payload  # those of the frame
        assert text_of(ids).count(payload[:RESULT_TOKENS]) >= 3
        messages = render_messages(Prompt(payload), path)
        assert messages[1]["content"] == payload
        shown = str(messages[-1]["content"])
        assert shown == payload or (
            shown.endswith(" … (cut)") and payload.startswith(shown[: -len(" … (cut)")])
        )
