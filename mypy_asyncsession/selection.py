"""Which findings are wanted: by code and by path, as the configuration and the command line say.

The plugin and ``check`` ask the same. Nothing of mypy, and no rule, is imported here.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from mypy_asyncsession.codes import PARENT

if TYPE_CHECKING:
    from collections.abc import Iterable


class PathPattern(NamedTuple):
    """A pattern for paths: ``tests``, ``tests/*.py``, ``**/migrations``, ``conftest.py``.

    One without a slash is for a file or a directory of that name anywhere below the directory that
    it is relative to. A directory that is matched is matched with all that is in it. As in ruff,
    a star stands for slashes, too.

    Attributes:
        written: As it is written.
        folder: The absolute directory that it is relative to.
    """

    written: str
    folder: str

    def matches(self, path: str) -> bool:
        """Whether it is for an absolute path."""
        if os.sep != "/":
            path = path.replace(os.sep, "/")
        return _expression(self.written, self.folder).match(path) is not None


@lru_cache(maxsize=256)
def _expression(written: str, folder: str) -> re.Pattern[str]:
    pattern = written.replace(os.sep, "/").rstrip("/")
    is_name = "/" not in pattern
    pattern = pattern.removeprefix("./") or "*"
    if is_name:
        pattern = f"**/{pattern}"
    text = "".join(
        _GLOBS.get(part) or (part.replace("[!", "[^") if len(part) > 2 else re.escape(part))
        for part in re.findall(r"\*\*/|\*+|\?|\[[^\]/]+\]|.", pattern, re.DOTALL)
    )
    above = "" if re.match(r"/|[A-Za-z]:/", pattern) else f"{folder.replace(os.sep, '/')}/"
    return re.compile(rf"{re.escape(above.replace('//', '/'))}{text}(?:/.*)?\Z", re.DOTALL)


_GLOBS = {"**/": "(?:.*/)?", "**": ".*", "*": ".*", "?": "[^/]"}


class Selection(NamedTuple):
    """The codes and paths that findings are wanted of.

    Attributes:
        select: The only codes that are wanted, those included that are off by default; all that
            are on if empty.
        ignore: The codes that are not.
        exclude: The files that are not looked at.
        per_file_ignores: The codes that are not wanted in some files.
    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    exclude: tuple[PathPattern, ...] = ()
    per_file_ignores: tuple[tuple[PathPattern, tuple[str, ...]], ...] = ()

    def reports(self, code: str, path: str) -> bool:
        """Whether a finding with *code* is wanted in the file at an absolute *path*."""
        # What is wrong with a comment, with a stub or with ourselves has the code of them all.
        if self.select and code != PARENT and not _named(code, self.select):
            return False
        if _named(code, self.ignore):
            return False
        return not any(
            _named(code, codes) and pattern.matches(path)
            for pattern, codes in self.per_file_ignores
        )

    def excludes(self, path: str) -> bool:
        """Whether the file or directory at an absolute *path* is not looked at."""
        return any(pattern.matches(path) for pattern in self.exclude)

    def also(
        self, select: Iterable[str], ignore: Iterable[str], exclude: Iterable[PathPattern]
    ) -> Selection:
        """What the command line makes of it: its *select* is in place of this one's."""
        return self._replace(
            select=tuple(select) or self.select,
            ignore=(*self.ignore, *ignore),
            exclude=(*self.exclude, *exclude),
        )


def _named(code: str, codes: Iterable[str]) -> bool:
    return any(each in (code, PARENT) for each in codes)
