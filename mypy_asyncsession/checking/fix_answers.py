"""Which findings ``fix`` would fix, as far as it was asked before.

An answer is kept for as long as the finding, its file, and the file of its provider are the same.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import astuple
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from mypy_asyncsession.checking.report_cache import installed
from mypy_asyncsession.reading import read_bytes
from mypy_asyncsession.writing import write

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from mypy_asyncsession.checking.options import Options
    from mypy_asyncsession.findings import Finding

_NAME: Final = "fixable.json"

#: How many answers are kept: runs on other files must not lose those of a whole tree.
_MOST: Final = 10_000


class FixAnswers:
    """The answers that are known.

    Attributes:
        answers: Whether it would be fixed, by what the answer depends on.
    """

    def __init__(
        self, folder: Path | None, options: Options, texts: Mapping[str, bytes] | None = None
    ) -> None:
        """Read them.

        Args:
            folder: The directory that is kept between runs; ``None`` if there is none.
            options: How what was found is checked.
            texts: By path as it is shown, what is to be taken for the content of a file.
        """
        self.answers: dict[str, bool] = {}
        self._path = folder / _NAME if folder is not None else None
        self._contents = {path: _digest(text).encode() for path, text in (texts or {}).items()}
        how = (options.config_file, options.strict, options.engine)
        self._by = _digest(repr([how, *installed()]).encode(errors="surrogateescape"))
        if self._path is not None:
            try:
                values = json.loads(read_bytes(self._path))
                if values["by"] == self._by:
                    self.answers = {str(key): bool(is_) for key, is_ in values["answers"].items()}
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                pass  # there are none, or none that we can use

    def key(self, found: Finding) -> str:
        """What an answer depends on."""
        paths = [found.path, *([found.provider.path] if found.provider else [])]
        text = repr([found.path, astuple(found.span), found.code, found.encode()]).encode()
        return _digest(text + b"".join(map(self._content, paths)))

    def add(self, answers: Iterable[tuple[str, bool]]) -> None:
        """Keep answers."""
        self.answers.update(answers)
        if self._path is not None:
            latest = dict([*self.answers.items()][-_MOST:])
            text = json.dumps({"by": self._by, "answers": latest})
            with suppress(OSError):  # it is only that the next run asks again
                write(self._path, text.encode())

    def _content(self, path: str) -> bytes:
        if path not in self._contents:
            try:
                self._contents[path] = _digest(read_bytes(path)).encode()
            except OSError:
                self._contents[path] = b""
        return self._contents[path]


def _digest(data: bytes) -> str:
    return blake2b(data, digest_size=16).hexdigest()
