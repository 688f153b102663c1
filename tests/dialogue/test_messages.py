"""What a chat server reads: messages, functions, and a system prompt that shows instead of telling."""

import re

import pytest

from agent_runtime.dialogue.calls import read_json
from agent_runtime.dialogue.messages import functions, json_schema, render_messages
from agent_runtime.dialogue.parsing import parse
from agent_runtime.dialogue.system_prompt import system_prompt
from agent_runtime.dialogue.tagged_reader import read_tagged
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
from agent_runtime_tools.calculator import Calculator
from agent_runtime_tools.code import Edit, Python
from agent_runtime_tools.database import Database

PLAN = Node(1, 0, 1, Plan(("Count", "Report")))
CHECKED = Node(2, 1, 2, Step("Count.", Check("sql", "SELECT 1")), Observation("sql", "1.0000", "1"))
BUILT_IN = tuple(
    ToolSpec(tool.name, tool.description, tool.form) for tool in (Calculator, Database, Python, Edit)
)
FORMS = ("calls", "json", "tags")


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


# --- notes


@pytest.mark.parametrize("form", FORMS)
def test_notes_are_said_by_the_user_before_the_next_action(form):
    messages = render_messages(Prompt("q"), [PLAN, CHECKED], form, ("17 was tried.",))

    assert messages[-1]["role"] == "user"
    assert messages[-1]["content"].endswith("Note: 17 was tried.")
    assert [m["role"] for m in messages].count("user") == (3 if form != "calls" else 2)


def test_without_notes_nothing_is_said():
    assert render_messages(Prompt("q"), [PLAN], "json", ()) == render_messages(Prompt("q"), [PLAN], "json")


# --- the system prompt


@pytest.mark.parametrize("form", FORMS)
def test_every_form_explains_itself(form):
    system = system_prompt((ToolSpec("calc", "computes"),), form)

    assert "- calc: computes" in system


@pytest.mark.parametrize("form", FORMS)
def test_the_examples_are_those_of_the_tools_at_hand(form):
    both, one = system_prompt(BUILT_IN, form), system_prompt(BUILT_IN[:1], form)

    for tool in BUILT_IN:
        (shown,) = tool.form.demonstrations
        assert shown.question in both
        assert shown.thought in both
        assert (shown.question in one) == (tool.name == "calc")


def test_every_kind_of_action_is_shown_as_it_is_read():
    tags, json = system_prompt(BUILT_IN, "tags"), system_prompt(BUILT_IN, "json")

    marks = r"^<(plan|step|backtrack|answer)>.*?</\1>$"
    written = [match[0] for match in re.finditer(marks, tags, re.MULTILINE | re.DOTALL)]
    shown = [parse(read_tagged(text, BUILT_IN)) for text in written]
    assert shown == [parse(read_json(line, BUILT_IN)) for line in json.split("\n") if line.startswith("{")]
    assert {type(action) for action in shown} == {Plan, Step, Backtrack, FinalAnswer}
    assert [action.check.tool for action in shown if isinstance(action, Step) and action.check] == [
        tool.name for tool in BUILT_IN
    ]


def test_a_tool_that_brings_no_example_is_written_to_in_the_same_way():
    system = system_prompt((*BUILT_IN[:1], ToolSpec("stock", "what is in store")), "tags")

    assert "stock is written in the same way" in system


def test_what_chat_models_are_told_is_short():
    system = system_prompt(BUILT_IN[:3], "tags")

    assert len(system) < 1400  # 380 tokens of Qwen2.5
