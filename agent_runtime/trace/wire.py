"""One event as one line of the trace, and back.

A line is `{"seq":N,"t":S,"event":{...},"crc":"8 hex digits"}`, ASCII only; the checksum is the CRC-32 of all that
stands before `,"crc"`. What the runtime built itself goes through pydantic as it is. What pydantic cannot write
(a lone surrogate, a list nested 100,000 deep, an integer of 5,000 digits), what holds a secret, and what is too
large for a line takes the careful way: walked in Python, bounded, redacted. NaN has no place in a trace.
"""

import json
import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from agent_runtime.errors import TraceError
from agent_runtime.trace.events import EVENT, SCHEMA_VERSION, Event, RunStarted
from agent_runtime.trace.upgrade import upgraded

MAX_EVENT_BYTES = 2**20  # a line that editors and `grep` still take
MAX_TEXT_CHARACTERS = 2**14  # in an event that is too large, a longer text becomes a blob
MAX_DEPTH = 16  # events nest 5 deep; only a config can hold more
MAX_INT_BITS = 14_000  # json refuses integers of more than 4,300 digits
MIN_SECRET_CHARACTERS = 4  # a shorter one would blot out ordinary words
REDACTED = "***"

# `constants`: NaN shows in what is written, so that it can be refused; the default writes null
_WRITTEN: TypeAdapter[Event] = TypeAdapter(
    Annotated[Event, Field(discriminator="kind")], config=ConfigDict(ser_json_inf_nan="constants")
)
_LINE = re.compile(
    rb'(\{"seq":(\d{1,12}),"t":(\d{1,12}\.\d{6}),(?:"redacted":\d+,)?"event":(\{.*\})),"crc":"([0-9a-f]{8})"\}'
)
_TOKENS = ("token_ids", "logprobs")


@dataclass(frozen=True, slots=True)
class Record:
    """What one line holds."""

    seq: int
    seconds: float  # since the run began
    event: Event


class Encoder:
    """Writes the events of one run; `keep_blob` stores a long text and returns what stands for it."""

    def __init__(self, secrets: Sequence[str], keep_blob: Callable[[str], str]) -> None:
        long_enough = {secret for secret in secrets if len(secret) >= MIN_SECRET_CHARACTERS}
        self._secrets = sorted(long_enough, key=len, reverse=True)
        self._needles = [json.dumps(secret)[1:-1].encode() for secret in self._secrets]
        self._keep_blob = keep_blob

    def line(self, event: Event, seq: int, seconds: float) -> bytes:
        """The event as a line with its newline.

        Raises:
            TraceError: The event holds NaN or an infinity.
        """
        body, n_redacted = self._body(event)
        redacted = b'"redacted":%d,' % n_redacted if n_redacted else b""
        checked = b'{"seq":%d,"t":%.6f,%b"event":%b' % (seq, seconds, redacted, body)
        return b'%b,"crc":"%08x"}\n' % (checked, zlib.crc32(checked))

    def _body(self, event: Event) -> tuple[bytes, int]:
        if isinstance(event, RunStarted):  # alone holds values that the runtime did not build
            return self._careful_body(event)
        try:
            body = _WRITTEN.dump_json(event, ensure_ascii=True)
        except PydanticSerializationError:
            return self._careful_body(event)
        if len(body) > MAX_EVENT_BYTES or b"NaN" in body or b"Infinity" in body:
            return self._careful_body(event)
        if any(needle in body for needle in self._needles):
            return self._careful_body(event)
        return body, 0

    def _careful_body(self, event: Event) -> tuple[bytes, int]:
        redacted: list[str] = []
        data = _map_texts(_plain(event), lambda text: self._redact(text, redacted))
        if redacted:
            data = _without_tokens(data)  # they spell the secret too
        try:
            body = _dumps(data)
            if len(body) > MAX_EVENT_BYTES:
                body = _dumps(_map_texts(data, self._shorten))
        except ValueError as error:
            raise TraceError(
                f"a {event.kind!r} event holds NaN or an infinity, which no trace may"
            ) from error
        return body, len(redacted)

    def _redact(self, text: str, redacted: list[str]) -> str:
        for secret in self._secrets:
            if secret in text:
                redacted.append(secret)
                text = text.replace(secret, REDACTED)
        return text

    def _shorten(self, text: str) -> str:
        return self._keep_blob(text) if len(text) > MAX_TEXT_CHARACTERS else text


def decode(line: bytes, load_blob: Callable[[str], str], schema_version: int = SCHEMA_VERSION) -> Record:
    """Read a line without its newline; `load_blob` returns the text that a text stands for.

    Raises:
        ValueError: The line is damaged or no event; the message says which.
    """
    match = _LINE.fullmatch(line)
    if match is None:
        raise ValueError("no record of a trace")
    checked, seq, seconds, body, crc = match.groups()
    if zlib.crc32(checked) != int(crc, 16):
        raise ValueError("the checksum does not match")
    return Record(int(seq), float(seconds), _event(body, load_blob, schema_version))


def _event(body: bytes, load_blob: Callable[[str], str], schema_version: int) -> Event:
    is_current = schema_version == SCHEMA_VERSION
    if (
        is_current and b"$blob " not in body and b"\\ud" not in body
    ):  # pydantic's parser takes no lone surrogate
        return EVENT.validate_json(body)
    data = _map_texts(json.loads(body), load_blob)
    return EVENT.validate_python(data if is_current else upgraded(data))


def explain(error: ValueError) -> str:
    """Say in a few words what is wrong with a line."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        return f"no event: {first['msg']} at {'.'.join(map(str, first['loc']))}"
    return str(error)


def _dumps(data: object) -> bytes:
    return json.dumps(data, allow_nan=False, separators=(",", ":")).encode("ascii")


def _plain(value: Any, depth: int = 0) -> Any:  # noqa: ANN401 (whatever a config holds)
    """Turn a value into JSON's types; too deep a nesting and too long an integer leave a mark in their place."""
    if value is None or isinstance(value, bool | float | str):
        return value
    if isinstance(value, int):
        return value if value.bit_length() <= MAX_INT_BITS else f"$int {value:#x}"
    if depth > MAX_DEPTH:
        return "$nested too deep"
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name), depth + 1) for field in fields(value)}
    if isinstance(value, dict):
        return {str(key): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item, depth + 1) for item in value]
    return str(value)


def _map_texts(data: Any, change: Callable[[str], str]) -> Any:  # noqa: ANN401 (JSON)
    if isinstance(data, str):
        return change(data)
    if isinstance(data, list):
        return [_map_texts(item, change) for item in data]
    if isinstance(data, dict):
        return {change(key): _map_texts(item, change) for key, item in data.items()}
    return data


def _without_tokens(data: Any) -> Any:  # noqa: ANN401 (JSON)
    if isinstance(data, list):
        return [_without_tokens(item) for item in data]
    if isinstance(data, dict):
        return {key: [] if key in _TOKENS else _without_tokens(item) for key, item in data.items()}
    return data
