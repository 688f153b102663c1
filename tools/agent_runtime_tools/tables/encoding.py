"""Which characters the bytes of a text file stand for, and the file as UTF-8 where it is anything else.

Asked in this order: a byte order mark; is it UTF-8 all through; are every other bytes zero (UTF-16 without a mark);
then charset-normalizer, with cp1252 (a superset of what is called latin-1) where it has no clear opinion. UTF-8
with a few stray bytes is read as UTF-8, the strays as cp1252, and that is said.
"""

import codecs
from dataclasses import dataclass
from pathlib import Path

from agent_runtime_tools.table_names import TableError

CHUNK_BYTES = 2**20
SAMPLE_BYTES = 2**15
CONTEXT_BYTES = 64  # around a byte that is not ASCII
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
WESTERN = "cp1252"
# each family by the one that holds the others
CANDIDATES = [WESTERN, "cp1250", "cp1251", "cp1253", "cp1254", "koi8_r", "cp932", "gb18030", "big5", "euc_kr"]
MIN_ALONE = 0.6  # of the letters beyond ASCII, in a western language
MAX_STRAY = 0.1  # of all that is beyond ASCII, in a file that is UTF-8 but for them


@dataclass(frozen=True, slots=True)
class Encoding:
    """The codec, whether it must be rewritten for DuckDB, and what of it is in doubt."""

    name: str
    is_plain: bool = False  # UTF-8 that DuckDB can read as it lies
    doubt: str = ""
    errors: str = "strict"


def find_encoding(path: Path, name: str) -> Encoding:
    """Settle the encoding from the whole file.

    Raises:
        TableError: It holds NUL bytes and is no UTF-16.
    """
    with path.open("rb") as file:
        head = file.read(4096)
    for mark, codec in MARKS:
        if head.startswith(mark):
            return Encoding(codec, is_plain=codec == "utf-8-sig")
    if b"\0" in head and (codec := _utf16(head)):
        return Encoding(codec)
    n_valid, n_stray, sample = _survey(path, name)
    if not n_stray:
        return Encoding("utf-8", is_plain=True)
    if n_valid and n_stray / (n_valid + n_stray) <= MAX_STRAY:
        text = f"UTF-8 but for {n_stray} bytes, which are read as {WESTERN}"
        return Encoding("utf-8", doubt=text, errors="western")
    return _guess(sample)


def _utf16(head: bytes) -> str:
    even, odd = head[::2].count(0), head[1::2].count(0)
    half = len(head) // 2
    if odd > 0.4 * half and even < 0.1 * half:
        return "utf-16-le"
    return "utf-16-be" if even > 0.4 * half and odd < 0.1 * half else ""


def _survey(path: Path, name: str) -> tuple[int, int, bytes]:
    """How many characters beyond ASCII are valid UTF-8, how many bytes are not, and the text around these."""
    n_valid = n_stray = 0
    n_lines = 1
    sample = bytearray()
    rest = b""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            if b"\0" in chunk:
                line = n_lines + chunk[: chunk.index(b"\0")].count(b"\n")
                raise TableError(f"{name!r} line {line} holds NUL bytes: save the file as UTF-8 text")
            n_lines += chunk.count(b"\n")
            data = rest + chunk
            if data.isascii():
                rest = b""
                continue
            text, n_read = codecs.utf_8_decode(data, "surrogateescape", False)
            strays = (
                [i for i, letter in enumerate(text) if "\udc80" <= letter <= "\udcff"]
                if not _is_utf8(data)
                else []
            )
            n_stray += len(strays)
            n_valid += sum(letter > "\x7f" for letter in text) - len(strays)
            if strays and len(sample) < SAMPLE_BYTES:
                sample += _around(data)
            rest = data[n_read:]
    return n_valid, n_stray + (len(rest) > 0), bytes(sample or rest)


def _is_utf8(data: bytes) -> bool:
    try:
        codecs.utf_8_decode(data, "strict", False)
    except UnicodeDecodeError:
        return False
    return True


def _around(data: bytes) -> bytes:
    """Pieces of `data` around its bytes beyond ASCII, enough for a guess."""
    pieces, position = bytearray(), 0
    while len(pieces) < SAMPLE_BYTES:
        position = next((i for i in range(position, len(data)) if data[i] > 127), len(data))
        if position == len(data):
            break
        pieces += data[max(0, position - CONTEXT_BYTES) : position + CONTEXT_BYTES]
        position += CONTEXT_BYTES
    return bytes(pieces)


def _guess(sample: bytes) -> Encoding:
    """Letters of western Europe stand alone among ASCII ones; anything else is a guess, and said to be one."""
    if _is_western(as_western(sample)):
        return Encoding(WESTERN, errors="western")
    from charset_normalizer import from_bytes  # noqa: PLC0415 - most files are UTF-8

    best = from_bytes(sample, cp_isolation=CANDIDATES, threshold=0.3).best()
    found = best.encoding if best is not None else WESTERN
    doubt = f"the file is no UTF-8 and is read as {found}, which is a guess"
    return Encoding(found, doubt=doubt, errors="western" if found == WESTERN else "replace")


def _is_western(text: str) -> bool:
    high = [i for i, letter in enumerate(text) if letter > "\x7f"]
    alone = sum(not (i and text[i - 1] > "\x7f") for i in high)
    return alone >= MIN_ALONE * len(high) and all(text[i] in _WESTERN_LETTERS for i in high)


def _western(error: UnicodeError) -> tuple[str, int]:
    """A stray byte as cp1252 has it, or as latin-1 where cp1252 has nothing."""
    assert isinstance(error, UnicodeDecodeError)
    data = error.object[error.start : error.end]
    return as_western(data), error.end


_WESTERN_LETTERS = frozenset(
    map(chr, {*range(0xC0, 0x100), 0x20AC, 0x2018, 0x2019, 0x201C, 0x201D, 0x2013, 0x2014, 0xA0, 0xB0})
) - {
    "\u00d7",
    "\u00f7",
}
_HOLES = frozenset({0x81, 0x8D, 0x8F, 0x90, 0x9D})


def rewrite(path: Path, target: Path, encoding: Encoding) -> None:
    """Write the file again as UTF-8, a piece at a time.

    Raises:
        UnicodeError: It is not written in `encoding`.
    """
    codecs.register_error("western", _western)
    decoder = codecs.getincrementaldecoder(encoding.name)(encoding.errors)
    with path.open("rb") as file, target.open("w", encoding="utf-8", newline="") as out:
        while chunk := file.read(CHUNK_BYTES):
            out.write(decoder.decode(chunk))
        out.write(decoder.decode(b"", final=True))


def as_western(data: bytes) -> str:
    """Bytes as cp1252, whatever they are."""
    return "".join(bytes([byte]).decode("latin-1" if byte in _HOLES else WESTERN) for byte in data)
