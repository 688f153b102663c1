"""An HTTP server on loopback that plays an OpenAI-compatible one."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

Reply = tuple[int, dict[str, str], Any]
Play = Callable[[dict[str, Any]], Reply]


class Server(ThreadingHTTPServer):
    """Plays replies and remembers the requests."""

    daemon_threads = True

    def __init__(self, play: Play) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.play = play
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.bodies.append(body)
        self.server.keys.append(self.headers.get("authorization"))
        status, headers, reply = self.server.play(body)
        data = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
        self.send_response(status)
        for name, value in {"content-length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


Serve = Callable[[Play], Server]


@pytest.fixture
def serve() -> Iterator[Serve]:
    servers: list[Server] = []

    def start(play: Play) -> Server:
        server = Server(play)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def said(content: str = "", *, calls: list[tuple[str, str]] | None = None, **more: Any) -> Reply:
    """A completion that says `content` or calls functions."""
    listed = [{"type": "function", "function": {"name": n, "arguments": a}} for n, a in calls or []]
    message = {"role": "assistant", "content": content, **({"tool_calls": listed} if listed else {}), **more}
    usage = {"prompt_tokens": 50, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 30}}
    return 200, {}, {"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage}
