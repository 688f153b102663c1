"""`python -m agent_runtime_sandboxes.images`: build the sandbox image where it is missing, and name it."""

import logging
import sys

from agent_runtime.errors import SandboxError
from agent_runtime_sandboxes.engine import connect
from agent_runtime_sandboxes.images import ensure_image, recipe_tag


def main() -> int:
    """Build the image; 0 when it is there, 3 when it cannot be made."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        api = connect()
        _, digest = ensure_image(api)
    except SandboxError as error:
        sys.stderr.write(f"{error}\n")
        return 3
    sys.stdout.write(f"{recipe_tag()} {digest}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
