"""The image that containers are made of: Debian's Python with pytest, numpy, pandas and sympy.

Its tag is the hash of its recipe (`images/python/`), so a changed recipe is a new image. It is built on first use,
from Debian packages with mmdebstrap where that is installed (no registry needed, same packages -> same
bytes), else from the Dockerfile. The digest is that of the root file system: the same on every machine that
builds from the same packages, which follow Debian's point releases (docs/security.md).
"""

import fcntl
import hashlib
import logging
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker

from agent_runtime.errors import SandboxError
from agent_runtime_sandboxes.engine import ENGINE_SECONDS

RECIPE = Path(__file__).parent / "python"
REPOSITORY = "agent-runtime-sandbox"
BUILD_SECONDS = 1200.0  # measured: 20 s to 170 s, by network and load
IMPORT_SECONDS = 300.0  # 400 MB: 10 s on an idle machine
LOG = logging.getLogger(__name__)


def recipe_tag() -> str:
    """The tag of the image that the recipe describes."""
    digest = hashlib.sha256()
    for path in sorted(RECIPE.iterdir()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return f"{REPOSITORY}:{digest.hexdigest()[:12]}"


def ensure_image(api: docker.APIClient, image: str | None = None) -> tuple[str, str]:
    """The id and the digest of `image`; ours (None) is built when it is not there.

    Raises:
        SandboxError: The image is not there and cannot be built; the message says what to do.
    """
    if image is not None:
        return _identity(api, image) or _missing(image)
    tag = recipe_tag()
    if found := _identity(api, tag):
        return found
    with _lock():
        if found := _identity(api, tag):  # another process has built it while we waited
            return found
        LOG.warning("building the sandbox image %s (once; takes a minute or two)", tag)
        _build(api, tag)
    return _identity(api, tag) or _missing(tag)


def has_image(api: docker.APIClient) -> bool:
    """Whether our image has been built, so that a container can start at once."""
    return _identity(api, recipe_tag()) is not None


def _missing(image: str) -> tuple[str, str]:
    raise SandboxError(f"the engine has no image {image!r}; `docker pull` or build it, or leave --image out")


def _identity(api: docker.APIClient, image: str) -> tuple[str, str] | None:
    try:
        found = api.inspect_image(image)
    except docker.errors.ImageNotFound:
        return None
    layers = found["RootFS"].get("Layers") or []
    return found["Id"], layers[0] if len(layers) == 1 else found["Id"]


def _build(api: docker.APIClient, tag: str) -> None:
    if shutil.which("mmdebstrap"):
        _build_from_packages(api, tag)
    else:
        _build_from_registry(api, tag)


def _build_from_packages(api: docker.APIClient, tag: str) -> None:
    with tempfile.TemporaryDirectory(prefix="agent-runtime-image-") as folder:
        archive = Path(folder) / "root.tar"
        try:
            done = subprocess.run(  # noqa: S603 - our own script
                [str(RECIPE / "build.sh"), str(archive)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=BUILD_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SandboxError(f"the sandbox image cannot be built: {error}") from None
        if done.returncode:
            said = done.stdout.decode("utf-8", "replace").strip().splitlines()[-3:]
            raise SandboxError(f"the sandbox image cannot be built by mmdebstrap: {' / '.join(said)}")
        name, _, version = tag.partition(":")
        api.timeout = IMPORT_SECONDS
        api.import_image_from_file(str(archive), repository=name, tag=version, changes=['CMD ["python3"]'])
        api.timeout = ENGINE_SECONDS


def _build_from_registry(api: docker.APIClient, tag: str) -> None:
    try:
        for line in api.build(path=str(RECIPE), tag=tag, rm=True, forcerm=True, decode=True):
            if "error" in line:
                raise SandboxError(
                    f"the sandbox image cannot be built: {line['error'].strip()}; "
                    "where no registry answers, install mmdebstrap (`apt-get install mmdebstrap`)"
                )
    except docker.errors.APIError as error:
        raise SandboxError(f"the sandbox image cannot be built: {error}") from None


@contextmanager
def _lock() -> Iterator[None]:
    """One build at a time on this machine."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "agent-runtime"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "image.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
