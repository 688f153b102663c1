"""What an OpenAI-compatible server answered -> spans: tolerant of every field that may be missing or odd."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agent_runtime.dialogue.calls import read_call, read_json
from agent_runtime.dialogue.parsing import parse
from agent_runtime.dialogue.system_prompt import MessageForm
from agent_runtime.dialogue.tagged_reader import read_tagged
from agent_runtime.errors import ActionSyntaxError, ModelError
from agent_runtime.types import Prompt, Span, Usage

CHARS_PER_TOKEN = 4  # where the server does not count

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server answered: the spans it wrote (or text and why it is no action), and what it cost."""

    spans: tuple[Span, ...]
    text: str
    error: str
    is_cut: bool
    usage: Usage


def read_answer(text: str, url: str) -> Answer:
    """The JSON document that a server sent.

    Raises:
        ModelError: It is no chat completion.
    """
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict) or _choice(answer) is None:
        raise ModelError(
            f"what the server at {url} answers is no chat completion: is it an OpenAI-compatible one?"
        )
    return answer


def _choice(answer: Answer) -> dict[str, Any] | None:
    """The first choice, if it has a message."""
    choices = answer.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    return choice if isinstance(choice, dict) and isinstance(choice.get("message"), dict) else None


def _message(answer: Answer) -> dict[str, Any]:
    choice = _choice(answer)
    assert choice is not None
    message: dict[str, Any] = choice["message"]
    return message


def calls(answer: Answer) -> list[tuple[str, str]]:
    """Names and arguments of the function calls in a message; what is not of that form is left out."""
    listed = _message(answer).get("tool_calls")
    pairs = []
    for call in listed if isinstance(listed, list) else []:
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict) and isinstance(function.get("name"), str):
            arguments = function.get("arguments")
            pairs.append(
                (function["name"], arguments if isinstance(arguments, str) else json.dumps(arguments))
            )
    return pairs


def read_reply(answer: Answer, prompt: Prompt, form: MessageForm) -> Reply:
    """Read an answer in the form that was asked for; what is no action is told in `error`."""
    message = _message(answer)
    said = message.get("content")
    content = said if isinstance(said, str) else ""
    called = calls(answer)
    text = content or " ".join(f"{name}({arguments})" for name, arguments in called[:1])
    spans: tuple[Span, ...] = ()
    error = ""
    try:
        spans = (*_thinking(message), *_spans(called, content, prompt, form))
        parse(spans)
    except ActionSyntaxError as syntax_error:
        error = str(syntax_error)
    is_cut = answer["choices"][0].get("finish_reason") == "length" and bool(error)
    return Reply(spans, text, error, is_cut, _usage(answer.get("usage"), text))


def _thinking(message: Answer) -> tuple[Span, ...]:
    """The reasoning that some servers send beside the answer."""
    for field in ("reasoning_content", "reasoning"):
        text = message.get(field)
        if isinstance(text, str) and text.strip():
            return (Span("think", text),)
    return ()


def _spans(
    called: Sequence[tuple[str, str]], content: str, prompt: Prompt, form: MessageForm
) -> tuple[Span, ...]:
    """The first call, or the text as far as it is an action."""
    if called:
        return read_call(*called[0], prompt.tools, thought=content)
    if form == "json":
        return read_json(content.strip(), prompt.tools)
    return read_tagged(content, prompt.tools)


def _usage(reported: object, text: str) -> Usage:
    """What the server counted; prompt tokens that it had in its cache were not computed."""
    if not isinstance(reported, dict):
        return Usage(think_tokens=-(-len(text) // CHARS_PER_TOKEN))
    details = reported.get("prompt_tokens_details")
    cached = _count(details.get("cached_tokens")) if isinstance(details, dict) else 0
    return Usage(
        prompt_tokens=max(0, _count(reported.get("prompt_tokens")) - cached),
        think_tokens=_count(reported.get("completion_tokens")),
    )


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
