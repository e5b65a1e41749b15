"""Requests applications on the FastAPI that is installed beside this interpreter.

A file of its own, because it is executed as a script, by interpreters that have neither pytest nor
this project.

Usage: ``python serve.py DIRECTORY MODULE...``, which prints FastAPI's version, and then one JSON
object for each module: its name, and what came of a request to its ``app``.
"""

from __future__ import annotations

import importlib
import json
import logging
import sys
import warnings
from pathlib import Path
from typing import Any


def outcome(name: str) -> str:
    """What came of a request to the application in a module."""
    import probe  # type: ignore[import-not-found]
    from fastapi.testclient import TestClient

    probe.seen.clear()
    probe.remarks.clear()
    try:
        module: Any = importlib.import_module(name)
    except Exception as error:  # noqa: BLE001
        return f"fails to start: {error}"
    try:
        with TestClient(module.app) as client:
            if hasattr(module, "socket"):
                with client.websocket_connect("/") as socket:
                    socket.receive_text()
            else:
                response = client.get("/")
                if response.status_code != 200:
                    return f"fails: status {response.status_code}"
            return str(probe.outcome())
    except Exception as error:  # noqa: BLE001
        return f"fails: {error}"


def main() -> None:
    import fastapi

    sys.path[0] = str(Path(sys.argv[1]).resolve())  # in place of this script's own directory
    warnings.simplefilter("ignore")
    logging.disable()
    answer, sys.stdout = sys.stdout, sys.stderr  # what the applications print is no part of it
    answer.write(json.dumps(fastapi.__version__) + "\n")
    for name in sys.argv[2:]:
        answer.write(json.dumps({"name": name, "outcome": outcome(name)}) + "\n")
    answer.flush()


if __name__ == "__main__":
    main()
