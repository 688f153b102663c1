"""One event as one line of the trace, and back.

A line is `{"seq":N,"t":S,"event":{...},"crc":"8 hex digits"}`, ASCII only; the checksum is the CRC-32 of all that
stands before `,"crc"`. `redacted` and `blobs` stand before the event where there are any. What the runtime built
itself goes through pydantic as it is. What pydantic cannot write (a lone surrogate, a list nested 100,000 deep, an
integer of 5,000 digits), what holds a secret, and what is too large for a line takes the careful way: walked in
Python, bounded, redacted. NaN has no place in a trace.
"""

import json
import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from agent_runtime.errors import TraceError
from agent_runtime.trace.blobs import Blob, Load, text_of, text_of_schema_1
from agent_runtime.trace.events import EVENT, SCHEMA_VERSION, Event, RunStarted
from agent_runtime.trace.upgrade import upgraded

MAX_EVENT_BYTES = 2**20  # a line that editors and `grep` still take
MAX_TEXT_CHARACTERS = 2**14  # in an event that is too large, a longer text becomes a blob
MAX_DEPTH = 16  # events nest 5 deep; only a config can hold more
MAX_INT_BITS = 14_000  # json refuses integers of more than 4,300 digits
MIN_SECRET_CHARACTERS = 4  # a shorter one would blot out ordinary words
REDACTED = "***"

Place = tuple[str | int, ...]  # in an event

# `constants`: NaN shows in what is written, so that it can be refused; the default writes null
_WRITTEN: TypeAdapter[Event] = TypeAdapter(
    Annotated[Event, Field(discriminator="kind")], config=ConfigDict(ser_json_inf_nan="constants")
)
_BLOBS = TypeAdapter(tuple[Blob, ...])
_LINE = re.compile(
    rb'(\{"seq":(\d{1,12}),"t":(\d{1,12}\.\d{6}),(?:"redacted":\d+,)?(?:"blobs":(\[.*?\]),)?'
    rb'"event":(\{.*\})),"crc":"([0-9a-f]{8})"\}'
)
_TOKENS = ("token_ids", "logprobs")


@dataclass(frozen=True, slots=True)
class Record:
    """What one line holds."""

    seq: int
    seconds: float  # since the run began
    event: Event


class Encoder:
    """Writes the events of one run; `keep_blob` stores the long text of a place in its event."""

    def __init__(self, secrets: Sequence[str], keep_blob: Callable[[str, Place], Blob]) -> None:
        long_enough = {secret for secret in secrets if len(secret) >= MIN_SECRET_CHARACTERS}
        self._secrets = sorted(long_enough, key=len, reverse=True)
        self._needles = [json.dumps(secret)[1:-1].encode() for secret in self._secrets]
        self._keep_blob = keep_blob

    def line(self, event: Event, seq: int, seconds: float) -> bytes:
        """The event as a line with its newline.

        Raises:
            TraceError: The event holds NaN or an infinity.
        """
        body, n_redacted, blobs = self._body(event)
        head = b'"redacted":%d,' % n_redacted if n_redacted else b""
        if blobs:
            head += b'"blobs":%b,' % _dumps([asdict(blob) for blob in blobs])
        checked = b'{"seq":%d,"t":%.6f,%b"event":%b' % (seq, seconds, head, body)
        return b'%b,"crc":"%08x"}\n' % (checked, zlib.crc32(checked))

    def _body(self, event: Event) -> tuple[bytes, int, list[Blob]]:
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
        return body, 0, []

    def _careful_body(self, event: Event) -> tuple[bytes, int, list[Blob]]:
        redacted: list[str] = []
        blobs: list[Blob] = []
        data = _map_texts(_plain(event), lambda text: self._redact(text, redacted))
        if redacted:
            data = _without_tokens(data)  # they spell the secret too
        try:
            body = _dumps(data)
            if len(body) > MAX_EVENT_BYTES:
                body = _dumps(self._without_long_texts(data, (), blobs))
        except ValueError as error:
            raise TraceError(
                f"a {event.kind!r} event holds NaN or an infinity, which no trace may"
            ) from error
        return body, len(redacted), blobs

    def _redact(self, text: str, redacted: list[str]) -> str:
        for secret in self._secrets:
            if secret in text:
                redacted.append(secret)
                text = text.replace(secret, REDACTED)
        return text

    def _without_long_texts(self, data: Any, at: Place, blobs: list[Blob]) -> Any:  # noqa: ANN401 (JSON)
        """The same with long texts stored as blobs, and nothing in their places."""
        if isinstance(data, str) and len(data) > MAX_TEXT_CHARACTERS:
            blobs.append(self._keep_blob(data, at))
            return ""
        if isinstance(data, list):
            return [self._without_long_texts(item, (*at, index), blobs) for index, item in enumerate(data)]
        if isinstance(data, dict):
            return {key: self._without_long_texts(item, (*at, key), blobs) for key, item in data.items()}
        return data


def decode(line: bytes, load_blob: Load, schema_version: int = SCHEMA_VERSION) -> Record:
    """Read a line without its newline.

    Raises:
        ValueError: The line is damaged or no event; the message says which.
    """
    match = _LINE.fullmatch(line)
    if match is None:
        raise ValueError("no record of a trace")
    checked, seq, seconds, blobs, body, crc = match.groups()
    if zlib.crc32(checked) != int(crc, 16):
        raise ValueError("the checksum does not match")
    if schema_version != SCHEMA_VERSION:
        data = _map_texts(json.loads(body), lambda text: text_of_schema_1(text, load_blob))
        event = EVENT.validate_python(upgraded(data))
    elif blobs is None and b"\\ud" not in body:  # pydantic's parser takes no lone surrogate
        event = EVENT.validate_json(body)
    else:
        event = EVENT.validate_python(_with_long_texts(json.loads(body), blobs or b"[]", load_blob))
    return Record(int(seq), float(seconds), event)


def _with_long_texts(data: Any, blobs: bytes, load_blob: Load) -> Any:  # noqa: ANN401 (JSON)
    """Put the texts of blobs back into their places."""
    for blob in _BLOBS.validate_json(blobs):
        place = data
        try:
            for key in blob.at[:-1]:
                place = place[key]
            place[blob.at[-1]] = text_of(blob, load_blob)
        except (LookupError, TypeError):
            raise ValueError(f"a blob names {list(blob.at)}, which is not in the event") from None
    return data


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
