"""Wait until standard input closes (its owner has ended), then remove the owner's containers.

Run as `python -I -S -c <this text> ENGINE_URL LABEL`: standard library only, in a session of its own.
"""

import http.client
import json
import os
import socket
import sys
import time
import urllib.parse

TRIES = 20  # the engine itself may be on its way back


def main() -> None:
    url, label = sys.argv[1:]
    while os.read(0, 4096):
        pass
    for _ in range(TRIES):
        try:
            if not remove_all(url, label):
                return
        except (OSError, http.client.HTTPException, ValueError):
            pass
        time.sleep(0.5)


def remove_all(url: str, label: str) -> int:
    """Ask the engine to remove every container with `label`; how many there were."""
    query = urllib.parse.urlencode({"all": 1, "filters": json.dumps({"label": [label]})})
    containers = json.loads(request(url, "GET", f"/containers/json?{query}"))
    for container in containers:
        request(url, "DELETE", f"/containers/{container['Id']}?force=1&v=1")
    return len(containers)


def request(url: str, method: str, path: str) -> bytes:
    address = urllib.parse.urlsplit(url)
    if address.scheme == "unix":
        connection = http.client.HTTPConnection("localhost", timeout=30)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(30)
        connection.sock.connect(address.path)
    else:
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
    try:
        connection.request(method, path)
        return connection.getresponse().read()
    finally:
        connection.close()


if __name__ == "__main__":
    main()
