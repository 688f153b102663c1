"""Files inside files: a table in gzip, bzip2, xz or zip, unpacked into a folder of ours, within a bound.

What a file is, its first bytes say; its ending only says what is in it. A name inside an archive is never used as
a path: what is unpacked gets a name of ours.
"""

import bz2
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from agent_runtime_tools.table_names import TableError

MAX_BYTES = 8 * 2**30  # unpacked, of one file or one archive
MAX_RATIO = 200  # unpacked to packed: tables reach 20, bombs start at 1,000
SMALL_BYTES = 64 * 2**20  # below it the ratio does not matter
MAX_MEMBERS = 1_000
CHUNK_BYTES = 2**20
PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz"}
PACKED_ENDINGS = frozenset({".gz", ".gzip", ".bz2", ".xz", ".zip"})
ZIP_MAGIC = b"PK\x03\x04"
BROKEN = (
    OSError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    RuntimeError,
    NotImplementedError,
)


@dataclass(frozen=True, slots=True)
class Plain:
    """A file to read: `path` where it lies, `name` as the user knows it, `container` what it came out of.

    `true_ending` is what its first bytes call for, where that is another one than its name has.
    """

    path: Path
    name: str
    container: str = ""
    true_ending: str = ""

    @property
    def stem(self) -> str:
        return PurePosixPath(self.name).stem

    @property
    def ending(self) -> str:
        return self.true_ending or PurePosixPath(self.name).suffix.lower()


def unpacked(path: Path, folder: Path, readable: frozenset[str]) -> Iterator[Plain]:
    """The file itself, or what is packed in it; of an archive, the members whose ending is in `readable`.

    Raises:
        TableError: It is damaged, locked, holds no table, or unpacks to more than a table would.
    """
    with path.open("rb") as file:
        magic = file.read(8)
    kind = next((kind for start, kind in PACKED.items() if magic.startswith(start)), "")
    if kind:
        yield _stream(path, folder, kind)
    elif magic.startswith(ZIP_MAGIC) and not _is_workbook(path):
        yield from _members(path, folder, readable)
    else:
        yield Plain(path, path.name)


def _stream(path: Path, folder: Path, kind: str) -> Plain:
    inner = path.stem if path.suffix.lower() in PACKED_ENDINGS else path.name
    inner = inner if PurePosixPath(inner).suffix else f"{inner}.csv"
    target = folder / f"unpacked{PurePosixPath(inner).suffix.lower()}"
    try:
        with _opened(path, kind) as source:
            _copy(source, target, path.name, path.stat().st_size)
    except BROKEN:
        raise TableError(f"{path.name!r} is damaged {kind} data: pack it anew, or give it unpacked") from None
    return Plain(target, inner, kind)


def _opened(path: Path, kind: str) -> gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile:
    match kind:
        case "gzip":
            return gzip.open(path)
        case "bzip2":
            return bz2.open(path)
        case _:
            return lzma.open(path)


def _is_workbook(path: Path) -> bool:
    """Is the archive an Excel or OpenDocument file? They are zip files, too."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist()[:MAX_MEMBERS])
    except BROKEN:
        return False
    return bool(names & {"[Content_Types].xml", "mimetype", "xl/workbook.xml", "xl/workbook.bin"})


def _members(path: Path, folder: Path, readable: frozenset[str]) -> Iterator[Plain]:
    try:
        with zipfile.ZipFile(path) as archive:
            infos = [info for info in archive.infolist() if _is_table(info.filename, readable)]
            if not infos:
                raise TableError(
                    f"{path.name!r} holds no table file: pack .csv, .json, .parquet or .xlsx into it"
                )
            if len(infos) > MAX_MEMBERS:
                raise TableError(
                    f"{path.name!r} holds {len(infos)} tables, at most {MAX_MEMBERS} can be read"
                )
            for info in infos:
                name = PurePosixPath(info.filename.replace("\\", "/")).name
                target = folder / f"unpacked{PurePosixPath(name).suffix.lower()}"
                with archive.open(info) as source:
                    _copy(source, target, path.name, max(1, info.compress_size))
                yield Plain(target, name, "zip")
                target.unlink(missing_ok=True)
    except BROKEN as error:
        why = "locked by a password" if "password" in str(error) else "a damaged zip file"
        raise TableError(f"{path.name!r} is {why}: give the tables unpacked") from None


def _is_table(name: str, readable: frozenset[str]) -> bool:
    path = PurePosixPath(name.replace("\\", "/"))
    is_hidden = path.name.startswith(".") or "__MACOSX" in path.parts
    return not is_hidden and path.suffix.lower() in readable


def _copy(
    source: IO[bytes] | gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile, target: Path, name: str, n_packed: int
) -> None:
    """Unpack, and stop where no table would still go on."""
    target.unlink(missing_ok=True)
    n_bytes = 0
    with target.open("wb") as out:
        while chunk := source.read(CHUNK_BYTES):
            n_bytes += len(chunk)
            if n_bytes > MAX_BYTES or (n_bytes > SMALL_BYTES and n_bytes > MAX_RATIO * n_packed):
                raise TableError(
                    f"{name!r} unpacks to more than {n_bytes >> 20} MiB, {n_bytes // max(1, n_packed)} times its "
                    "size: give the table unpacked"
                )
            out.write(chunk)
