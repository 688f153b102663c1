"""Throwaway Docker engines on sockets of their own, and an image small enough to load into them in a second."""

import os
import shutil
import signal
import socket
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker

PYTHON = Path("/usr/bin/python3")
START_SECONDS = 40.0


class Engine:
    """A second dockerd that nobody else uses: it may be stopped, killed and started again."""

    def __init__(self, folder: Path, data: Path) -> None:
        self.folder = folder
        self.data = data
        self.url = f"unix://{folder}/docker.sock"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = {"host": self.url, "data-root": self.data, "exec-root": self.folder / "exec"}
        command = ["dockerd", *(f"--{name}={value}" for name, value in options.items())]
        command += [f"--pidfile={self.folder}/docker.pid", "--iptables=false", "--bridge=none"]
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [*command, "--shutdown-timeout=1"],
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.answers():
                return
            time.sleep(0.2)
        raise RuntimeError((self.folder / "log").read_text()[-2000:])

    def answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as plain:
            if plain.connect_ex(self.url.removeprefix("unix://")):
                return False
        docker.APIClient(base_url=self.url, version="auto", timeout=30).close()
        return True

    def stop(self) -> None:
        """As a restart of the service would: containers are killed."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(30)
            self._process = None

    def import_python(self, tag: str) -> None:
        """The system's Python and its libraries as an image."""
        archive = self.folder / "python.tar"
        with tarfile.open(archive, "w", dereference=True) as tar:
            for path in _python_files():
                tar.add(path, filter=lambda entry: None if "__pycache__" in entry.name else entry)
        api = docker.APIClient(base_url=self.url, version="auto", timeout=60)
        name, _, version = tag.partition(":")
        api.import_image_from_file(str(archive), repository=name, tag=version)
        api.close()
        archive.unlink()


@contextmanager
def engine(folder: Path, data: Path | None = None) -> Iterator[Engine]:
    """An engine that is up; stopped and wiped in the end."""
    made = Engine(folder, data or folder / "data")
    made.start()
    try:
        yield made
    finally:
        made.stop()
        shutil.rmtree(made.data, ignore_errors=True)


def can_start_an_engine() -> bool:
    return os.getuid() == 0 and shutil.which("dockerd") is not None and PYTHON.exists()


def _python_files() -> list[Path]:
    real = PYTHON.resolve()
    extensions = (Path("/usr/lib") / real.name / "lib-dynload").glob("_ctypes.*")
    libraries: set[Path] = set()
    for program in (real, *extensions):
        said = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=True).stdout
        libraries |= {Path(word) for word in said.split() if word.startswith("/")}
    return [PYTHON, Path("/usr/lib") / real.name, *sorted(libraries)]
