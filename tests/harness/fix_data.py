"""Cases of fixes as data: what a ``.test`` file in ``test-data/fix`` says.

A case begins with ``[case name]``; what follows is its ``main.py`` before the fix. ``db.py``
beside it is ``test-data/fix/db.py``, unless there is a section ``[file db.py]``. Then come, in any
order, ``[becomes]`` with the text of ``main.py`` after it, ``[becomes db.py]`` with that of
another file, and ``[left some words]`` for each finding that is left, with what its reason says.
A file without such a section stays as it is. ``[style async-for]`` and ``[unsafe]`` are options.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parents[2] / "test-data" / "fix"
MAIN: Final = "main.py"
_HEADER: Final = re.compile(
    r"\[(?P<kind>case|file|becomes|left|style|unsafe)(?: (?P<rest>.*))?\]", re.ASCII
)


@dataclass(slots=True)
class MendCase:
    """One case.

    Attributes:
        name: Its name, and that of its package.
        before: The files, by name.
        after: Those of them that change.
        left: What the reasons say for which findings are left.
        style: The value of ``--style``.
        unsafe: Whether ``--unsafe`` is given.
    """

    name: str
    before: dict[str, str] = field(default_factory=dict)
    after: dict[str, str] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    style: str = "context-manager"
    unsafe: bool = False

    def expected(self) -> dict[str, str]:
        """All files, as they are to be afterwards."""
        return {**self.before, **self.after}


def read_mends() -> list[MendCase]:
    """All cases of all files."""
    db = (FOLDER / "db.py").read_text(encoding="utf-8")
    cases: list[MendCase] = []
    for file in sorted(FOLDER.glob("*.test")):
        texts: dict[str, str] = {}
        name = MAIN
        for line in file.read_text(encoding="utf-8").splitlines(keepends=True):
            match = _HEADER.fullmatch(line.strip())
            if match is None:
                texts[name] = texts.get(name, "") + line
                continue
            kind, rest = match["kind"], match["rest"] or MAIN
            if kind == "case":
                cases.append(MendCase(f"{file.stem}_{rest}", {"db.py": db}))
                texts, name = cases[-1].before, MAIN
            elif kind == "file":
                texts, name = cases[-1].before, rest
                texts[name] = ""
            elif kind == "becomes":
                texts, name = cases[-1].after, rest
            elif kind == "left":
                cases[-1].left.append(rest)
            elif kind == "style":
                cases[-1].style = rest
            else:
                cases[-1].unsafe = True
    for case in cases:
        for texts in (case.before, case.after):
            texts.update({name: text.strip("\n") + "\n" for name, text in texts.items()})
    return cases
