"""A question and a path of actions -> the messages that a chat server continues, and the functions that it may call."""

from collections.abc import Mapping, Sequence
from typing import Any

from agent_runtime.dialogue.calls import to_json, write_call, write_json
from agent_runtime.dialogue.prompt_format import CUT_MARK, RESULT_TOKENS, user_text
from agent_runtime.dialogue.system_prompt import MessageForm, note_text, system_prompt
from agent_runtime.dialogue.tagged_reader import write_tagged
from agent_runtime.types import Action, Malformed, Node, Prompt, ToolSpec

GO_ON = "Go on."
REPAIR = "That was no action: {error}. Write the same action again, in the form described."
RESULT_CHARS = 4 * RESULT_TOKENS

Message = dict[str, Any]


def render_messages(
    prompt: Prompt, path: Sequence[Node], form: MessageForm = "calls", notes: Sequence[str] = ()
) -> list[Message]:
    """The conversation that a chat server continues with the next action."""
    messages: list[Message] = [
        {"role": "system", "content": system_prompt(prompt.tools, form)},
        {"role": "user", "content": user_text(prompt)},
    ]
    for node in path:
        if node.action is not None:
            messages += _turn(node, node.action, form)
    if notes:
        _say(messages, note_text(notes))
    return messages


def _say(messages: list[Message], text: str) -> None:
    """Add to what the user says last: two turns of one side in a row are more than some templates take."""
    if messages[-1]["role"] == "user":
        messages[-1] = {**messages[-1], "content": f"{messages[-1]['content']}\n\n{text}"}
    else:
        messages.append({"role": "user", "content": text})


def _turn(node: Node, action: Action, form: MessageForm) -> list[Message]:
    """What the model did and what it heard."""
    if isinstance(action, Malformed):
        return repair_messages(action.text, action.error)
    heard = cut_text(node.observation.brief) if node.observation is not None else None
    if form == "calls":
        name, fields = write_call(action)
        call = {
            "id": f"call_{node.id}",
            "type": "function",
            "function": {"name": name, "arguments": to_json(fields)},
        }
        return [
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": call["id"], "content": GO_ON if heard is None else heard},
        ]
    text = write_tagged(action) if form == "tags" else write_json(action)
    reply = GO_ON if heard is None else f"<result>{heard}</result>"
    return [{"role": "assistant", "content": text}, {"role": "user", "content": reply}]


def repair_messages(text: str, error: str) -> list[Message]:
    """Quote a malformed output back with what is wrong about it."""
    said = text if text.strip() else "(nothing)"
    return [{"role": "assistant", "content": said}, {"role": "user", "content": REPAIR.format(error=error)}]


def cut_text(brief: str) -> str:
    """Cut what a tool said to `RESULT_CHARS`."""
    return brief if len(brief) <= RESULT_CHARS else brief[:RESULT_CHARS] + CUT_MARK


def functions(tools: Sequence[ToolSpec]) -> list[Message]:
    """The actions and tools as functions for a server that calls them, strict schemas."""

    def function(name: str, description: str, properties: Mapping[str, Any]) -> Message:
        return {
            "type": "function",
            "function": {
                "name": name,
                "description": description,
                "strict": True,
                "parameters": _object(properties),
            },
        }

    text = {"type": "string"}
    actions = [
        function("plan", "Make or renew the plan.", {"items": {"type": "array", "items": text}}),
        function("step", "Take a step that needs no check.", {"thought": text}),
        function("backtrack", "Give this line of thought up.", {"reason": text}),
        function("answer", "Give the final answer.", {"text": text}),
    ]
    return actions + [
        function(tool.name, tool.description, {"thought": text, "input": text}) for tool in tools
    ]


def json_schema(tools: Sequence[ToolSpec]) -> Message:
    """The schema of one action as a JSON object, for `response_format`."""
    options = []
    for function in functions(tools):
        name, parameters = function["function"]["name"], function["function"]["parameters"]
        options.append(_object({"action": {"type": "string", "enum": [name]}, **parameters["properties"]}))
    return {"anyOf": options}


def _object(properties: Mapping[str, Any]) -> Message:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }
