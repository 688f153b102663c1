"""A worker program that misbehaves on request."""

import ctypes
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
from agent_runtime_tools.serving import Limits, Message, serve


def echo(request: Message) -> Message:
    return {"said": request["text"], "pid": os.getpid()}


def spin(request: Message) -> Message:
    return {"n": 9**9**9}  # in C, with the GIL held


def sleep(request: Message) -> Message:
    time.sleep(60)
    return {}


def crash(request: Message) -> Message:
    return {"text": ctypes.string_at(0).decode()}


def eat(request: Message) -> Message:
    return {"n": len(bytearray(2**31))}


def recurse(request: Message) -> Message:
    return recurse(request)


def fail(request: Message) -> Message:
    raise KeyError("secret")


def chatter(request: Message) -> Message:
    os.write(1, b"\x00\x00\x00\x02{}")
    return {"said": "quiet"}


def garble(request: Message) -> Message:
    os.write(3, b"\x00\x00\x00\x02no")
    return sleep(request)


def reply_twice(request: Message) -> Message:
    os.write(3, b"\x00\x00\x00\x02{}" * 2)
    return sleep(request)


def write(request: Message) -> Message:
    try:
        return {"written": Path(request["path"]).write_bytes(b"12345")}
    except OSError as error:
        return {"error": error.strerror}


ACTS = {
    act.__name__: act
    for act in (echo, spin, sleep, crash, eat, recurse, fail, chatter, garble, reply_twice, write)
}


def handle(request: Message) -> Message:
    return ACTS[request["do"]](request)


if __name__ == "__main__":
    serve(handle, Limits(memory_bytes=512 * 2**20))
