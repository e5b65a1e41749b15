"""Runs the applications of ``test-data/runtime`` on the FastAPI beside this interpreter.

Executed as a script, by interpreters that have neither pytest nor mypy.

Usage: ``python applications.py FOLDER MODULE``, which prints one JSON object: what the module's
``run`` yields, by name.
"""

from __future__ import annotations

import importlib
import json
import sys
import warnings
from pathlib import Path


def main() -> None:
    folder, name = sys.argv[1:]
    warnings.simplefilter("ignore")
    # In place of this script's own folder, with the root of the project for what it tests.
    sys.path[0:1] = [folder, str(Path(__file__).resolve().parents[2])]
    answer, sys.stdout = sys.stdout, sys.stderr
    found = dict(importlib.import_module(name).run())
    loaded = {"mypy", "libcst"} & set(sys.modules)
    json.dump({**found, "loaded": sorted(loaded)}, answer)


if __name__ == "__main__":
    main()
