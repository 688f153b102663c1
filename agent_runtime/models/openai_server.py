"""A model behind any OpenAI-compatible server.

What the server can do is probed once: function calls, else JSON by a schema, else tagged text. Whatever the rung,
the answer is read tolerantly, and one repair turn quotes what was wrong before an action counts as malformed.
Several samples are several requests side by side. Tokens are what the server reports; where it reports none they
are estimated from the text, so that a token budget still ends.
"""

import time
from collections.abc import Mapping, Sequence
from functools import partial

import anyio
import httpx2

from agent_runtime.concurrency import gather
from agent_runtime.dialogue.grammar import next_roles
from agent_runtime.dialogue.messages import Message, functions, json_schema, render_messages, repair_messages
from agent_runtime.dialogue.parsing import ACTION_ROLES
from agent_runtime.dialogue.system_prompt import MessageForm
from agent_runtime.errors import ConfigError, ModelError
from agent_runtime.models.openai_replies import Answer, Reply, calls, read_answer, read_reply
from agent_runtime.types import (
    Completion,
    Judgement,
    ModelCard,
    Prompt,
    Request,
    Sampling,
    Span,
    ToolSpec,
    Usage,
)

FORMS: tuple[MessageForm, ...] = ("calls", "json", "tags")
TIMEOUT = httpx2.Timeout(connect=10.0, read=300.0, write=30.0, pool=60.0)
MAX_ATTEMPTS = 5  # of one request that the server is too busy for
FIRST_WAIT_SECONDS = 0.5  # doubles with each attempt
MAX_WAIT_SECONDS = 20.0
MAX_ANSWER_BYTES = 8 * 2**20
PROBE_TOKENS = 1024  # room for a model that thinks first
PROBE = Prompt(
    "This is a test of the connection. Plan one item: 'ok'.",
    tools=(ToolSpec("lookup", "finds a word in a dictionary"),),
)


class OpenAIServer:
    """Speaks to one model of one server."""

    def __init__(
        self, url: str, model: str, *, api_key: str | None = None, form: MessageForm | None = None
    ) -> None:
        """`url` ends before `/chat/completions`; `form` None: probe what the server can do."""
        self._url = url.rstrip("/")
        self._model = model
        self._key = api_key
        self._form = form
        self._tokens_field = "max_tokens"
        self._probing = anyio.Lock()
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._client = httpx2.AsyncClient(timeout=TIMEOUT, headers=headers, follow_redirects=False)

    @classmethod
    def from_spec(cls, spec: str, api_key: str | None = None) -> "OpenAIServer":
        """Read `openai:URL#MODEL`.

        Raises:
            ConfigError: It has another form.
        """
        address, _, model = spec.removeprefix("openai:").partition("#")
        try:
            url = httpx2.URL(address)
        except httpx2.InvalidURL:
            url = httpx2.URL("")
        if url.scheme not in {"http", "https"} or not url.host or not model or url.userinfo:
            shown = "openai:..." if "@" in address else spec  # an address may hold a password
            raise ConfigError(
                f"model {shown!r}: write openai:URL#MODEL, say openai:http://localhost:8000/v1#qwen3 "
                "(a key goes into the setting api_key)"
            )
        return cls(address, model, api_key=api_key)

    def __repr__(self) -> str:
        return f"OpenAIServer({self._url!r}, {self._model!r})"

    async def generate(self, requests: Sequence[Request]) -> list[Completion]:
        """Sample one action for each request, side by side.

        Raises:
            ConfigError: The server does not know the model, the address or the key.
            ModelError: No server answers, or what it answers is no completion.
        """
        form = await self._probed()
        return await gather([partial(self._complete, request, form) for request in requests])

    async def judge(self, requests: Sequence[Request]) -> list[Judgement]:
        """No server is asked to judge."""
        return [Judgement()] * len(requests)

    async def card(self) -> ModelCard:
        """The model's name and server; 0 context tokens where the server does not say."""
        return ModelCard(self._model, self._url, context_tokens=0)

    async def aclose(self) -> None:
        await self._client.aclose()

    # --- the ladder

    async def _probed(self) -> MessageForm:
        """The first form that the server answers in as it should, found once."""
        async with self._probing:
            if self._form is None:
                self._form = await self._probe()
        return self._form

    async def _probe(self) -> MessageForm:
        request = Request(PROBE, max_tokens=PROBE_TOKENS)
        for form in FORMS[:-1]:
            try:
                answer = await self._post(self._body(request, form, render_messages(PROBE, (), form)))
            except _Refused:
                continue
            reply = read_reply(answer, request.prompt, form)
            if not reply.error and (form != "calls" or calls(answer)):
                return form
        return FORMS[-1]

    # --- one action

    async def _complete(self, request: Request, form: MessageForm) -> Completion:
        started = time.perf_counter()
        messages = render_messages(request.prompt, request.path, form, request.notes)
        reply = await self._ask(request, form, messages)
        usage = reply.usage
        if reply.error and not reply.is_cut:
            messages += repair_messages(reply.text, reply.error)
            reply = await self._ask(request, form, messages)
            usage += reply.usage
        usage += Usage(model_seconds=time.perf_counter() - started)
        spans = reply.spans if not reply.error else (Span("", reply.text),)
        return Completion(spans, is_cut=reply.is_cut, usage=usage)

    async def _ask(self, request: Request, form: MessageForm, messages: Sequence[Message]) -> Reply:
        try:
            answer = await self._post(self._body(request, form, messages))
        except _Refused as refusal:
            raise ConfigError(f"the server at {self._url} refuses the request: {refusal}") from None
        return read_reply(answer, request.prompt, form)

    def _body(self, request: Request, form: MessageForm, messages: Sequence[Message]) -> Message:
        body: Message = {
            "model": self._model,
            "messages": list(messages),
            self._tokens_field: request.max_tokens,
            "seed": request.seed % 2**31,
            **_sampling(request.sampling),
        }
        if form == "calls":
            body |= {"tools": _allowed(request), "tool_choice": "required"}
        elif form == "json":
            schema = {"name": "action", "strict": True, "schema": json_schema(request.prompt.tools)}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        return body

    # --- the wire

    async def _post(self, body: Message) -> Answer:
        """Send one request; busy and failing servers are asked again a few times."""
        wait, status, text = FIRST_WAIT_SECONDS, 0, ""
        for attempt in range(1, MAX_ATTEMPTS + 1):
            status, headers, text = await self._send(body)
            if status == 200:
                return read_answer(text, self._url)
            if status == 400 and "max_completion_tokens" in text and self._tokens_field in body:
                self._tokens_field = "max_completion_tokens"
                body = {**body, "max_completion_tokens": body["max_tokens"]}
                del body["max_tokens"]
                continue
            if status != 429 and status < 500:
                self._complain(status, text)
            if attempt < MAX_ATTEMPTS:
                await anyio.sleep(min(_retry_after(headers) or wait, MAX_WAIT_SECONDS))
                wait *= 2
        raise ModelError(f"the server at {self._url} keeps failing (HTTP {status}): {self._shown(text)}")

    async def _send(self, body: Message) -> tuple[int, Mapping[str, str], str]:
        try:
            async with self._client.stream("POST", f"{self._url}/chat/completions", json=body) as response:
                received = bytearray()
                async for chunk in response.aiter_bytes():
                    received += chunk
                    if len(received) > MAX_ANSWER_BYTES:
                        raise ModelError(
                            f"the server at {self._url} sends more than {MAX_ANSWER_BYTES} bytes"
                        )
                return response.status_code, response.headers, received.decode("utf-8", "replace")
        except httpx2.ConnectError:
            raise ModelError(
                f"no server answers at {self._url}: start it, or correct the model's address"
            ) from None
        except httpx2.TimeoutException:
            raise ModelError(f"the server at {self._url} did not answer in time") from None
        except httpx2.HTTPError as error:
            raise ModelError(f"the connection to {self._url} failed: {self._shown(str(error))}") from None

    def _complain(self, status: int, text: str) -> None:
        """Turn a refusal into the error of the one who can act on it."""
        if status in {401, 403}:
            raise ConfigError(f"the server at {self._url} refuses the key: set api_key (HTTP {status})")
        if status == 404:
            raise ConfigError(f"{self._url} has no model {self._model!r}, or no chat: {self._shown(text)}")
        if status in {400, 415, 422, 501}:
            raise _Refused(self._shown(text))
        raise ModelError(f"the server at {self._url} answers HTTP {status}: {self._shown(text)}")

    def _shown(self, text: str) -> str:
        """The start of what the server said, without the key should it echo it."""
        if self._key:
            text = text.replace(self._key, "***")
        return " ".join(text.split())[:200] or "(no message)"


class _Refused(Exception):
    """The server does not accept this form of request."""


def _sampling(sampling: Sampling) -> Message:
    """The standard settings always, those that only some servers know where they say something."""
    settings: Message = {"temperature": sampling.temperature, "top_p": sampling.top_p}
    if sampling.top_k:
        settings["top_k"] = sampling.top_k
    if sampling.min_p:
        settings["min_p"] = sampling.min_p
    return settings


def _allowed(request: Request) -> list[Message]:
    """The functions that the protocol allows next."""
    roles = next_roles(request.path)

    def is_allowed(name: str) -> bool:
        return name in roles if name in ACTION_ROLES else "step" in roles

    return [each for each in functions(request.prompt.tools) if is_allowed(each["function"]["name"])]


def _retry_after(headers: Mapping[str, str]) -> float | None:
    try:
        return max(0.0, float(headers.get("retry-after", "")))
    except ValueError:
        return None
