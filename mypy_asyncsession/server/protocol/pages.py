"""The pages of the rules, to which findings link: files in the project's cache."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from mypy_asyncsession.checking.place import place
from mypy_asyncsession.rules import RULES
from mypy_asyncsession.rules.page import page
from mypy_asyncsession.writing import write


def page_of(code: str) -> str | None:
    """The page of a rule in Markdown, or ``None`` if there is no such rule."""
    return next((page(rule) for rule in RULES if rule.code == code), None)


@lru_cache
def page_uri(directory: str, cache_dir: str | None, code: str) -> str | None:
    """The page of a rule as a file; ``None`` where it cannot be written.

    Args:
        directory: The project's directory.
        cache_dir: Its cache directory, if one was chosen.
        code: The rule's code.
    """
    text = page_of(code)
    return written(directory, cache_dir, f"{code}.md", text) if text is not None else None


def written(directory: str, cache_dir: str | None, name: str, text: str) -> str | None:
    """A page as a file in the cache; ``None`` where it cannot be written."""
    private = place(directory, cache_dir).private
    if private is None:
        return None
    path = Path(private, "pages", name)
    try:
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            write(path, text.encode())
    except (OSError, UnicodeDecodeError):
        return None
    return path.as_uri()
