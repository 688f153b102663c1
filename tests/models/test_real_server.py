"""A question solved through a real OpenAI-compatible server: `transformers serve` over the embedded model's weights.

The served folder is what an operator of such weights writes for that server: a chat template that renders turns in
the model's role tokens, a response template that reads function calls out of them, and `<end>` as an end of turn.
"""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from agent_runtime.cli import main
from agent_runtime.config import cache_folder
from agent_runtime.dialogue.messages import GO_ON
from agent_runtime.dialogue.parsing import parse
from agent_runtime.dialogue.role_tokens import ROLE_TOKEN_HEAD, ROLE_TOKEN_TURN
from agent_runtime.models.openai_server import OpenAIServer
from agent_runtime.trace.events import NodeAdded
from agent_runtime.trace.reader import read
from agent_runtime.types import FinalAnswer, Plan, Prompt, Request, Step, ToolSpec

START_SECONDS = 180.0
REQUIRED = ("fastapi", "uvicorn", "openai")  # what `transformers serve` needs besides transformers

# Jinja reads JSON's strings. The system message is the one that the weights were trained with, in `ROLE_TOKEN_HEAD`.
CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "{%- if message.role == 'user' -%}"
    f"{{{{ {json.dumps(ROLE_TOKEN_HEAD)} }}}}{{{{ message.content }}}}{{{{ {json.dumps(ROLE_TOKEN_TURN)} }}}}"
    "{%- elif message.role == 'assistant' -%}"
    "{%- for call in message.tool_calls -%}"
    "{%- set given = call.function.arguments -%}"
    "{%- if call.function.name == 'plan' -%}<plan>"
    "{%- for item in given['items'] -%}{{ loop.index }}. {{ item }}{{ '' if loop.last else '\\n' }}{%- endfor -%}"
    "{%- else -%}<step>{{ given['thought'] }}<{{ call.function.name }}>{{ given['input'] }}"
    "{%- endif -%}<end>"
    "{%- endfor -%}"
    f"{{%- elif message.role == 'tool' and message.content != {json.dumps(GO_ON)} -%}}"
    "<result>{{ message.content }}<end>"
    "{%- endif -%}"
    "{%- endfor -%}"
)
# One form for every function: each takes the arguments that it has a name for.
RESPONSE_TEMPLATE = {
    "defaults": {"role": "assistant"},
    "start_anchor": ["<|im_start|>assistant\n", "<end>"],
    "fields": {
        "tool_calls": {
            "open_pattern": r"(?:<step>)?(?P<thought>[^<]*)<(?P<name>plan|calc|sql|python|backtrack|answer)>",
            "close": "<end>",
            "repeats": True,
            "content": "text",
            "transform": {
                "type": "function",
                "function": {
                    "name": "{name}",
                    "arguments": {
                        "items": ["{content}"],
                        "thought": "{thought}",
                        "input": "{content}",
                        "reason": "{content}",
                        "text": "{content}",
                    },
                },
            },
        },
        "content": {"content": "text"},
    },
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded model's folder with what the server needs to speak its dialect."""
    source = next(cache_folder().glob("embedded-*/model.safetensors")).parent
    folder = tmp_path_factory.mktemp("served")
    for path in source.iterdir():
        (folder / path.name).symlink_to(path)
    settings = json.loads((source / "tokenizer_config.json").read_text())
    settings |= {"chat_template": CHAT_TEMPLATE, "response_template": RESPONSE_TEMPLATE}
    (folder / "tokenizer_config.json").unlink()
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    added = json.loads((source / "tokenizer.json").read_text())["added_tokens"]
    ends = [token["id"] for token in added if token["content"] in ("<end>", "<|im_end|>")]
    (folder / "generation_config.json").write_text(
        json.dumps({"eos_token_id": ends, "pad_token_id": ends[0]})
    )
    return folder


@pytest.fixture(scope="module")
def url(served: Path) -> Iterator[str]:
    """A server on a free port of loopback, offline, killed at the end."""
    missing = [name for name in REQUIRED if find_spec(name) is None]
    if missing:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(
            f"`transformers serve` needs {', '.join(missing)}: make dev"
        )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", str(served), "--device", "cpu"]
    log = served / "server.log"
    with log.open("w") as file:
        server = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
        )
    try:
        wait_until_it_answers(server, f"http://127.0.0.1:{port}/health", log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.kill()
        server.wait()


def wait_until_it_answers(server: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.25)  # another process: there is nothing to await
    pytest.fail(f"the server did not start: {log.read_text()[-2000:]}")


@pytest.mark.weights
@pytest.mark.slow
async def test_the_ladder_finds_that_a_real_server_calls_functions(url: str, served: Path):
    model = OpenAIServer(url, str(served))
    prompt = Prompt("What is 17 * 24?", tools=(ToolSpec("calc", "computes an expression"),))
    try:
        (plan,) = await model.generate([Request(prompt)])
    finally:
        await model.aclose()

    # Its content is empty: an action can only have come as a function call.
    assert isinstance(parse(plan.spans), Plan)
    assert plan.usage.prompt_tokens > 0 < plan.usage.think_tokens


@pytest.mark.weights
@pytest.mark.slow
def test_a_question_is_solved_through_a_real_server(url: str, served: Path, tmp_path: Path):
    trace = tmp_path / "run.jsonl"
    question = "What is 15 * 2340 / 100?"

    with pytest.raises(SystemExit) as ended:
        main(
            [
                "solve",
                question,
                "--model",
                f"openai:{url}#{served}",
                "--strategy",
                "chain",
                "--trace",
                str(trace),
            ]
        )

    recorded = read(trace)
    actions = [event.node.action for event in recorded.events if isinstance(event, NodeAdded)]
    assert isinstance(actions[0], Plan)
    assert any(isinstance(action, Step) and action.check is not None for action in actions)
    assert recorded.finished is not None
    answer = recorded.finished.answer
    assert isinstance(actions[-1], FinalAnswer)
    assert (ended.value.code, answer.text, answer.verdict) == (0, "351", "supported")
