"""Draws the picture of the README: what ``check`` prints of the demo, in its colours.

usage: python tests/picture.py
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

ROOT: Final = Path(__file__).resolve().parent.parent
PICTURE: Final = ROOT / "test-data" / "demo" / "check.svg"
COMMAND: Final = ("mypy-asyncsession", "check", "shop")


def printed() -> str:
    """What the command prints on a terminal."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "test-data" / "demo" / "shop", Path(folder, "shop"))
        Path(folder, ".git").mkdir()
        program, *arguments = COMMAND
        done = subprocess.run(
            [Path(sys.executable).with_name(program), *arguments],
            cwd=folder,
            env={**os.environ, "FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": "96"},
            capture_output=True,
            text=True,
            check=False,
        )
    return done.stdout


def picture(output: str) -> str:
    """An SVG of a terminal with the command and what it printed."""
    console = Console(
        record=True, width=96, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    console.print(Text.assemble(("$ ", "dim"), (" ".join(COMMAND), "bold")))
    console.print(Text.from_ansi(output))
    drawn = console.export_svg(title="mypy-asyncsession", unique_id="check")
    # Nothing is loaded from elsewhere to show it.
    drawn = re.sub(r"\s*@font-face \{.*?\}", "", drawn, flags=re.DOTALL)
    return re.sub(r"[ \t]+$", "", drawn.replace("Fira Code, ", ""), flags=re.MULTILINE)


if __name__ == "__main__":
    PICTURE.write_text(picture(printed()), encoding="utf-8")
