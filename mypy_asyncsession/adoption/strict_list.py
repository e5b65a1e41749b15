"""The list of strict modules, in ``[tool.mypy-asyncsession]``: edited, and as it was before."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

import tomlkit
from tomlkit.exceptions import TOMLKitError

from mypy_asyncsession import git
from mypy_asyncsession.adoption.edit import Edit, NotUnderstood, newline, read, shown
from mypy_asyncsession.config import TABLE, Config

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

#: Where a job of GitHub's or GitLab's says which branch the change is meant for.
_TARGETS: Final = ("GITHUB_BASE_REF", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME")


def with_strict(path: Path, patterns: Iterable[str]) -> Edit:
    """The edit that adds patterns to the list of strict modules.

    Args:
        path: The TOML file with our table. Neither need be there yet.
        patterns: What to add, as far as it is not in the list.

    Raises:
        NotUnderstood: It is not clear how to edit it.
    """
    before = read(path) if path.exists() else None
    try:
        after = _edited(before or "", list(patterns))
    except (ValueError, LookupError, TypeError, AttributeError, TOMLKitError):
        raise NotUnderstood(
            f"{shown(path)}: its [tool.{TABLE}] is written in a way that is not understood here: "
            f"add to strict by hand: {', '.join(patterns)}"
        ) from None
    return Edit(path, before, after)


def _edited(text: str, patterns: list[str]) -> str:
    """*text* with *patterns*.

    Raises:
        ValueError: The result does not say what was meant; others, if *text* is odd.
    """
    present = _strict_in(text)
    added = [pattern for pattern in patterns if pattern not in present]
    after = _added(text, added) if added else text
    if _strict_in(after) != [*present, *added]:
        raise ValueError("not what was meant")
    return after


def _strict_in(text: str) -> list[str]:
    listed = tomllib.loads(text).get("tool", {}).get(TABLE, {}).get("strict", [])
    if not isinstance(listed, list):
        raise TypeError("no list")
    return listed


def _added(text: str, added: list[str]) -> str:
    document = tomlkit.parse(text)
    tool = document.get("tool", {})
    if TABLE not in tool:
        end = newline(text)
        gap = "" if not text.strip() else end if text.endswith(end) else end * 2
        array = tomlkit.array()
        array.extend(added)
        return f"{text}{gap}[tool.{TABLE}]{end}strict = {array.as_string()}{end}"
    if "strict" not in tool[TABLE]:
        tool[TABLE]["strict"] = tomlkit.array()
    tool[TABLE]["strict"].extend(added)
    return tomlkit.dumps(document)


def earlier(path: Path, against: str | None) -> list[str] | None:
    """The patterns that were in the list before, or ``None`` if there is no telling.

    Args:
        path: The TOML file with our table.
        against: The commit or branch to ask; else the branch that a change is meant for, the
            commit before the last one, and the last one.

    Raises:
        NotUnderstood: *against* is not there, or has no such file.
    """
    if against is not None:
        found = _at(path, against)
        if found is None:
            raise NotUnderstood(f'{shown(path)} cannot be read as it was in "{against}"')
        return found
    targets = [os.environ[name] for name in _TARGETS if os.environ.get(name)]
    refs = [*(f"origin/{target}" for target in targets), "HEAD^", "HEAD"]
    known = [found for ref in refs if (found := _at(path, ref)) is not None]
    return list(dict.fromkeys(pattern for found in known for pattern in found)) if known else None


def _at(path: Path, ref: str) -> list[str] | None:
    """The list as it was in a commit; ``None`` if git does not know."""
    found = git.content(path, ref)
    try:
        return _strict_in(found.decode()) if found is not None else None
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


def dropped(before: Iterable[str], now: Config, paths: Iterable[str]) -> Iterator[str]:
    """The patterns of *before* that the list does not cover now, and whose modules are there."""
    files = [f"/{path.replace(os.sep, '/')}" for path in paths]
    for pattern in before:
        module = pattern.removesuffix(".*")
        inside = f"{module}.x" if pattern != module else module
        place = f"/{module.replace('.', '/')}"
        exists = "*" in module or any(
            f"{place}/" in file or file.endswith((f"{place}.py", f"{place}.pyi")) for file in files
        )
        if exists and not (now.is_strict(module) and now.is_strict(inside)):
            yield pattern
