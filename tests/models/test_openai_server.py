"""The tool-calling ladder, its repair turn and every failure, against a real HTTP server on loopback."""

from typing import Any

import pytest

from agent_runtime.dialogue.parsing import parse
from agent_runtime.errors import ConfigError, ModelError
from agent_runtime.models import openai_server
from agent_runtime.models.openai_server import OpenAIServer
from agent_runtime.types import (
    Check,
    FinalAnswer,
    Node,
    Observation,
    Plan,
    Prompt,
    Request,
    Sampling,
    Span,
    Step,
    ToolSpec,
)
from tests.models.servers import Play, Reply, Server, said, serve

PROMPT = Prompt("What is 17 * 24?", tools=(ToolSpec("calc", "computes an expression"),))
PLAN = Node(1, 0, 1, Plan(("Multiply",)))
STEP = Node(2, 1, 2, Step("Multiply", Check("calc", "17*24")), Observation("calc", "408", "408"))

__all__ = ["serve"]  # the fixture


async def ask(server: Server, request: Request, form: Any = None, key: str | None = None) -> Any:
    model = OpenAIServer(server.url, "m", api_key=key, form=form)
    try:
        return (await model.generate([request]))[0]
    finally:
        await model.aclose()


def in_turn(*replies: Reply) -> Play:
    left = list(replies)
    return lambda body: left.pop(0)


# --- the ladder


async def test_a_server_that_calls_functions_is_asked_for_function_calls(serve):
    server = serve(lambda body: said(calls=[("plan", '{"items": ["Multiply"]}')]))

    completion = await ask(server, Request(PROMPT))

    assert parse(completion.spans) == Plan(("Multiply",))
    assert [each["function"]["name"] for each in server.bodies[-1]["tools"]] == ["plan"]


async def test_a_server_without_functions_is_asked_for_json(serve):
    def play(body: dict[str, Any]) -> Reply:
        if "tools" in body:
            return 400, {}, {"error": {"message": "tools are not supported"}}
        return said('{"action": "plan", "items": ["Multiply"]}')

    server = serve(play)

    completion = await ask(server, Request(PROMPT))

    assert parse(completion.spans) == Plan(("Multiply",))
    assert server.bodies[-1]["response_format"]["type"] == "json_schema"


async def test_a_server_that_can_do_neither_is_asked_for_tags(serve):
    server = serve(lambda body: said("<plan>1. Multiply</plan>"))

    completion = await ask(server, Request(PROMPT))

    assert parse(completion.spans) == Plan(("Multiply",))
    assert not {"tools", "response_format"} & set(server.bodies[-1])


async def test_the_server_is_probed_once(serve):
    server = serve(lambda body: said("<plan>1. Multiply</plan>"))
    model = OpenAIServer(server.url, "m")

    await model.generate([Request(PROMPT)] * 3)
    await model.generate([Request(PROMPT)])
    await model.aclose()

    assert len(server.bodies) == 2 + 4


# --- what is said and heard


async def test_a_path_becomes_calls_and_their_results(serve):
    server = serve(lambda body: said(calls=[("answer", '{"text": "408"}')]))

    completion = await ask(server, Request(PROMPT, (PLAN, STEP)), "calls")

    assert parse(completion.spans) == FinalAnswer("408")
    heard = [(m["role"], m["content"]) for m in server.bodies[-1]["messages"][2:]]
    assert heard == [("assistant", ""), ("tool", "Go on."), ("assistant", ""), ("tool", "408")]


async def test_a_reasoning_field_is_the_thought_of_the_step(serve):
    call = ("calc", '{"thought": "multiply", "input": "17*24"}')
    server = serve(lambda body: said(calls=[call], reasoning_content="17 by 24"))

    completion = await ask(server, Request(PROMPT, (PLAN,)), "calls")

    assert parse(completion.spans) == Step("17 by 24\nmultiply", Check("calc", "17*24"))


async def test_the_first_of_two_calls_counts(serve):
    calls = [("calc", '{"thought": "a", "input": "1"}'), ("calc", '{"thought": "b", "input": "2"}')]
    server = serve(lambda body: said(calls=calls))

    completion = await ask(server, Request(PROMPT, (PLAN,)), "calls")

    assert parse(completion.spans) == Step("a", Check("calc", "1"))


async def test_usage_is_the_servers_without_what_it_had_cached(serve):
    server = serve(lambda body: said("<plan>1. Multiply</plan>"))

    completion = await ask(server, Request(PROMPT), "tags")

    assert (completion.usage.prompt_tokens, completion.usage.think_tokens) == (20, 7)


async def test_sampling_reaches_the_server(serve):
    server = serve(lambda body: said("<plan>1. x</plan>"))

    await ask(server, Request(PROMPT, (), Sampling(0.8, top_k=40), seed=5, max_tokens=99), "tags")

    body = server.bodies[-1]
    assert (body["temperature"], body["top_k"], body["seed"], body["max_tokens"]) == (0.8, 40, 5, 99)


async def test_a_server_that_renamed_max_tokens_gets_the_new_name(serve):
    refusal: Reply = (400, {}, {"error": {"message": "use 'max_completion_tokens' instead"}})
    server = serve(in_turn(refusal, said("<plan>1. x</plan>")))

    await ask(server, Request(PROMPT, max_tokens=99), "tags")

    assert server.bodies[-1]["max_completion_tokens"] == 99
    assert "max_tokens" not in server.bodies[-1]


# --- repair


async def test_a_malformed_output_is_repaired_once(serve):
    server = serve(in_turn(said("let me see"), said("<plan>1. Multiply</plan>")))

    completion = await ask(server, Request(PROMPT), "tags")

    assert parse(completion.spans) == Plan(("Multiply",))
    assert "no action" in server.bodies[-1]["messages"][-1]["content"]
    assert completion.usage.think_tokens == 14


async def test_after_one_repair_the_output_is_malformed(serve):
    server = serve(lambda body: said("[" * 20_000))

    completion = await ask(server, Request(PROMPT), "tags")

    assert completion.spans == (Span("", "[" * 20_000),)
    assert len(server.bodies) == 2


@pytest.mark.parametrize(
    "arguments", ["[" * 20_000, '{"text": "1", "text": "2"}', '{"text": 7}', "", "null", '"x"']
)
async def test_arguments_that_are_no_object_are_repaired(serve, arguments: str):
    server = serve(in_turn(said(calls=[("answer", arguments)]), said(calls=[("answer", '{"text": "4"}')])))

    completion = await ask(server, Request(PROMPT, (PLAN,)), "calls")

    assert parse(completion.spans) == FinalAnswer("4")


# --- failures


@pytest.fixture
def no_waiting(monkeypatch):
    monkeypatch.setattr(openai_server, "FIRST_WAIT_SECONDS", 0.001)


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_busy_server_is_asked_again(serve, no_waiting, status: int):
    server = serve(in_turn((status, {}, {}), (status, {}, {}), said("<plan>1. x</plan>")))

    completion = await ask(server, Request(PROMPT), "tags")

    assert parse(completion.spans) == Plan(("x",))


async def test_a_server_that_keeps_failing_is_given_up(serve, no_waiting):
    server = serve(lambda body: (503, {}, {"error": "overloaded"}))

    with pytest.raises(ModelError, match="503"):
        await ask(server, Request(PROMPT), "tags")
    assert len(server.bodies) == openai_server.MAX_ATTEMPTS


@pytest.mark.parametrize(("status", "says"), [(401, "api_key"), (404, "no model 'm'"), (422, "refuses")])
async def test_what_the_user_has_to_correct_is_a_config_error(serve, status: int, says: str):
    server = serve(lambda body: (status, {}, {"error": "no"}))

    with pytest.raises(ConfigError, match=says):
        await ask(server, Request(PROMPT), "tags")


@pytest.mark.parametrize("reply", [b"<html>", b"[]", b"{}", b'{"choices": []}', b"[" * 100_000, b"\xff"])
async def test_what_is_no_completion_is_a_model_error(serve, reply: bytes):
    server = serve(lambda body: (200, {}, reply))

    with pytest.raises(ModelError, match="OpenAI-compatible"):
        await ask(server, Request(PROMPT), "tags")


async def test_an_endless_answer_is_cut_off(serve):
    server = serve(lambda body: (200, {}, b" " * (openai_server.MAX_ANSWER_BYTES + 1)))

    with pytest.raises(ModelError, match="more than"):
        await ask(server, Request(PROMPT), "tags")


async def test_no_server_is_a_model_error_that_names_the_address():
    model = OpenAIServer("http://127.0.0.1:9/v1", "m")

    with pytest.raises(ModelError, match=r"127\.0\.0\.1:9"):
        await model.generate([Request(PROMPT)])
    await model.aclose()


async def test_the_key_is_sent_and_shown_nowhere(serve):
    key = "sk-very-secret"
    server = serve(lambda body: (418, {}, {"error": f"bad key {key}"}))
    model = OpenAIServer(server.url, "m", api_key=key, form="tags")

    with pytest.raises(ModelError) as caught:
        await model.generate([Request(PROMPT)])
    await model.aclose()

    assert server.keys == [f"Bearer {key}"]
    assert key not in f"{caught.value!r} {model!r} {await model.card()!r}"


@pytest.mark.parametrize(
    "spec",
    ["openai:", "openai:localhost#m", "openai:http://h/v1", "openai:ftp://h#m", "openai:http://u:p@h/v1#m"],
)
def test_a_spec_of_another_form_says_what_would_be_right(spec: str):
    with pytest.raises(ConfigError, match="openai:URL#MODEL") as caught:
        OpenAIServer.from_spec(spec)
    assert "u:p" not in str(caught.value)
