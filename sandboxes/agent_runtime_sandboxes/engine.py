"""Reaching the Docker engine: where it listens, a client, and a container's streams as one plain socket.

The attach request is our own: the client library keeps a hold on its socket, and a container whose channel does
not close when we hang up would outlive us.
"""

import os
import socket
from contextlib import suppress
from urllib.parse import urlsplit

import docker
import requests
from docker.context import ContextAPI

from agent_runtime.errors import SandboxError

ENGINE_SECONDS = 30.0  # any single answer of the engine; creating a container takes 0.3 s, 3 s under load
CONNECT_SECONDS = 5.0
MAX_HEAD_BYTES = 8192
ENGINE_ERRORS = (docker.errors.DockerException, requests.RequestException, OSError)


def engine_url(base_url: str | None = None) -> str:
    """Where the engine listens: as given, by DOCKER_HOST, or by the docker command's current context."""
    if base_url or (base_url := os.environ.get("DOCKER_HOST")):
        return base_url
    with suppress(Exception):  # a broken configuration of the docker command is no reason to fail
        if host := ContextAPI.get_current_context().Host:
            return str(host)
    return "unix:///var/run/docker.sock"


def connect(base_url: str | None = None) -> docker.APIClient:
    """A client of the engine, which has answered.

    Raises:
        SandboxError: No engine answers; the message says what to do.
    """
    url = engine_url(base_url)
    if not url.startswith(("unix://", "tcp://", "http://")) or os.environ.get("DOCKER_TLS_VERIFY"):
        raise SandboxError(
            f"the Docker engine at {url!r} is not reached by a plain socket; use a local engine, "
            "or --sandbox bubblewrap"
        )
    try:
        _open(url).close()  # the client leaks its sockets when nobody answers
        return docker.APIClient(base_url=url, version="auto", timeout=ENGINE_SECONDS)
    except ENGINE_ERRORS as error:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise SandboxError(
            f"no Docker engine answers at {url} ({why}); start one (`systemctl start docker`), "
            "or use --sandbox bubblewrap"
        ) from None


def attach(url: str, container_id: str) -> socket.socket:
    """Standard input, output and error of a container as one socket; closing it closes its standard input.

    Raises:
        OSError: The engine does not answer, or refuses.
    """
    stream = _open(url)
    try:
        stream.settimeout(ENGINE_SECONDS)
        stream.sendall(
            f"POST /containers/{container_id}/attach?stdin=1&stdout=1&stderr=1&stream=1 HTTP/1.1\r\n"
            "Host: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n".encode()
        )
        status = _status_line(stream)
        if status.split()[1:2] not in (["101"], ["200"]):
            raise OSError(f"the engine refuses to attach: {status or 'no answer'}")
    except BaseException:
        stream.close()
        raise
    return stream


def _status_line(stream: socket.socket) -> str:
    """The first line of the engine's reply, after its head is read and nothing behind it."""
    head = b""
    while not head.endswith(b"\r\n\r\n") and len(head) < MAX_HEAD_BYTES:
        byte = stream.recv(1)  # not one more: what follows is the container's
        if not byte:
            break
        head += byte
    return head.partition(b"\r\n")[0].decode("latin-1")


def _open(url: str) -> socket.socket:
    address = urlsplit(url)
    if address.scheme != "unix":
        return socket.create_connection((address.hostname or "", address.port or 2375), CONNECT_SECONDS)
    stream = socket.socket(socket.AF_UNIX)
    try:
        stream.settimeout(CONNECT_SECONDS)
        stream.connect(address.path)
    except BaseException:
        stream.close()
        raise
    return stream
