"""The pre-commit hook: a project's ``.pre-commit-config.yaml`` with ours at its end.

pre-commit brings its own parser of YAML, and this does without one. So it adds lines only to a
file that is laid out as pre-commit's documents lay it out, and otherwise shows what to add.
"""

from __future__ import annotations

import json
import re
from importlib.metadata import Distribution, PackageNotFoundError
from typing import TYPE_CHECKING, Final

from mypy_asyncsession import __version__
from mypy_asyncsession.adoption.edit import Edit, newline, read
from mypy_asyncsession.home import HOME

if TYPE_CHECKING:
    from pathlib import Path

CONFIG: Final = ".pre-commit-config.yaml"

_HOOK: Final = "mypy-asyncsession"


def with_hook(path: Path) -> Edit | None:
    """The edit that adds the hook, or ``None`` if it is not clear where to add it.

    It changes nothing if there is a hook of that name already.

    Raises:
        NotUnderstood: The file cannot be read.
    """
    if not path.exists():
        return Edit(path, None, "repos:\n" + "".join(f"{line}\n" for line in snippet("  ")))
    text = read(path)
    if re.search(rf"\bid:\s*['\"]?{_HOOK}(?![\w-])", text):
        return Edit(path, text, text)
    lines = text.split("\n")
    keys = [number for number, line in enumerate(lines) if re.match(r"[A-Za-z_'\"]", line)]
    if not keys or not re.fullmatch(r"repos:\s*(#.*)?", lines[keys[-1]]):
        return None
    items = [re.match(r"(\s*)-\s+repo:", line) for line in lines[keys[-1] + 1 :]]
    indents = {item[1] for item in items if item is not None}
    if len(indents) != 1 or re.search(r"^(---|\.\.\.)", "\n".join(lines[1:]), re.MULTILINE):
        return None
    end = newline(text)
    added = "".join(f"{line}{end}" for line in snippet(indents.pop()))
    return Edit(path, text, text + ("" if text.endswith("\n") else end) + added)


def snippet(indent: str = "") -> list[str]:
    """The lines that name the hook, as an item of ``repos``."""
    url, commit = _origin()
    if url is not None and commit is not None:
        lines = [f"- repo: {url}", f"  rev: {commit}", "  hooks:", f"    - id: {_HOOK}"]
    elif url is None and HOME:
        lines = [f"- repo: {HOME}", f"  rev: v{__version__}", "  hooks:", f"    - id: {_HOOK}"]
    else:
        lines = [
            "- repo: local",
            "  hooks:",
            f"    - id: {_HOOK}",
            f"      name: {_HOOK}",
            "      entry: mypy-asyncsession check",
            *(
                [
                    "      language: python",
                    f'      additional_dependencies: ["mypy-asyncsession=={__version__}"]',
                ]
                if url is None
                else ["      language: system"]
            ),
            "      types_or: [python, pyi]",
            "      require_serial: true",
        ]
    return [f"{indent}{line}" for line in lines]


def _origin() -> tuple[str | None, str | None]:
    """Where this was installed from, if not from an index, and which commit of a repository."""
    try:
        text = Distribution.from_name("mypy-asyncsession").read_text("direct_url.json")
        origin = json.loads(text or "{}")
        commit = origin.get("vcs_info", {}).get("commit_id")
    except (PackageNotFoundError, ValueError, AttributeError):
        return None, None
    return origin.get("url"), commit
