"""What a model reads: spans encoded apart, ids never made again, data never special."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.dialogue.formats import (
    CUT_MARK,
    RESULT_TOKENS,
    ROLE_TOKEN_HEAD,
    ROLE_TOKEN_TURN,
    ROLES,
    RoleTokens,
    TaggedText,
    functions,
    json_schema,
    render_messages,
    render_tokens,
    segments,
)
from agent_runtime.types import (
    Backtrack,
    Check,
    FinalAnswer,
    Malformed,
    Node,
    Observation,
    Plan,
    Prompt,
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

    def chat(self, messages: Sequence[Mapping[str, str]]) -> str:
        turns = "".join(f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in messages)
        return f"{turns}<|im_start|>assistant\n"


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
    return segments(RoleTokens(TOKENIZER), Prompt("q"), path)


def test_a_long_result_is_cut_where_the_model_reads_it():
    node = Node(1, 0, 1, Step("t", Check("sql", "s")), Observation("sql", "", "x" * 9000))

    text = text_of(render_tokens(Prompt("q"), [node], TOKENIZER))

    assert text.endswith("<result>" + "x" * RESULT_TOKENS + CUT_MARK + "<end>")


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
    dialect = TaggedText(TOKENIZER)

    ids = dialect.head(Prompt(text, tools=(ToolSpec("calc", text),)))

    assert special_in(ids) == special_in(dialect.head(Prompt("q")))
    assert text_of(ids).count(text or "x") >= 2 or not text


def test_tagged_text_shows_results_in_the_same_turn():
    dialect = TaggedText(TOKENIZER)

    parts = segments(dialect, Prompt("q"), [PLAN, CHECKED])

    assert [text_of(part.ids) for part in parts[1:]] == [
        "<plan>1. Count\n2. Report</plan>",
        "\n",
        "<step>Count.<sql>SELECT 1</sql></step>",
        "\n<result>1</result>\n",
    ]


# --- messages


def test_messages_alternate_between_what_was_done_and_what_was_heard():
    back = Node(3, 2, 3, Backtrack("no rows"))

    messages = render_messages(Prompt("q", "c"), [PLAN, CHECKED, back], "tags")

    assert [m["role"] for m in messages] == ["system", *["user", "assistant"] * 3, "user"]
    assert messages[1]["content"] == "q\nc"
    assert messages[5]["content"] == "<result>1</result>"


def test_a_malformed_action_is_quoted_with_its_error():
    node = Node(1, 0, 1, Malformed("hm", "there is no action"))

    messages = render_messages(Prompt("q"), [node], "calls")

    assert messages[-2]["content"] == "hm"
    assert "there is no action" in messages[-1]["content"]


def test_functions_are_strict_and_named_after_actions_and_tools():
    listed = [each["function"] for each in functions((ToolSpec("calc", "computes"),))]

    assert [each["name"] for each in listed] == ["plan", "step", "backtrack", "answer", "calc"]
    assert all(each["parameters"]["additionalProperties"] is False for each in listed)


def test_the_json_schema_has_one_object_for_each_action():
    options = json_schema((ToolSpec("calc", "computes"),))["anyOf"]

    assert [option["properties"]["action"]["enum"] for option in options] == [
        ["plan"],
        ["step"],
        ["backtrack"],
        ["answer"],
        ["calc"],
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


@pytest.mark.parametrize("form", ["calls", "json", "tags"])
def test_every_form_explains_itself(form):
    system = render_messages(Prompt("q", tools=(ToolSpec("calc", "computes"),)), [], form)[0]["content"]

    assert "- calc: computes" in system
