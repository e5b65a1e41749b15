"""Which findings ``fix`` would fix: what it does itself is asked, and the answers are kept.

To know it, the findings are fixed in copies, and these are checked, as the run was that found them.
An answer is kept for as long as the finding, its file, and the file of its provider are the same:
mostly a run asks nothing, and imports nothing that could fix.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections import Counter
from contextlib import suppress
from dataclasses import astuple, replace
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mypy_asyncsession.checking.place import place
from mypy_asyncsession.checking.report_cache import installed
from mypy_asyncsession.reading import read_bytes
from mypy_asyncsession.writing import write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from mypy_asyncsession.checking.options import Options
    from mypy_asyncsession.checking.report import Report
    from mypy_asyncsession.findings import Finding

_NAME: Final = "fixable.json"

#: How many answers are kept: runs on other files must not lose those of a whole tree.
_MOST: Final = 10_000

#: How often the fixed files are checked. What needs more than that is rare, and a first look must
#: not take long: it counts as not fixable.
_ROUNDS: Final = 3


def asked(
    findings: Sequence[Finding],
    report: Report,
    paths: Sequence[str],
    options: Options,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Finding]:
    """Findings that know whether ``fix`` would fix them.

    Args:
        findings: The findings.
        report: All that was found with them.
        paths: The files and directories that were checked.
        options: How they were checked.
        on_progress: Called while mypy runs: how many files are done, and how many there are.
    """
    directory = os.path.abspath(os.curdir)
    kept = _Kept(place(directory, options.cache_dir).private, options)
    keys = [*map(kept.key, findings)]
    unknown = [
        (key, found) for key, found in zip(keys, findings, strict=True) if key not in kept.answers
    ]
    if unknown:
        answers = _answers([found for _, found in unknown], report, paths, options, on_progress)
        kept.add((key, answer) for (key, _), answer in zip(unknown, answers, strict=True))
    return [
        replace(found, fixable=kept.answers[key]) for key, found in zip(keys, findings, strict=True)
    ]


def _answers(
    findings: Sequence[Finding],
    report: Report,
    paths: Sequence[str],
    options: Options,
    on_progress: Callable[[int, int], None] | None,
) -> Iterator[bool]:
    """Whether findings are fixed when it is tried."""
    from mypy_asyncsession.fixes.engine.driver import FixRun
    from mypy_asyncsession.fixes.engine.driver import Options as FixOptions
    from mypy_asyncsession.fixes.engine.guard import Guard

    guard = Guard(os.path.abspath(os.curdir), writes=False)
    how = FixOptions(check=options, others=False, rounds=_ROUNDS)
    with tempfile.TemporaryDirectory(prefix="mypy-asyncsession-") as folder:
        run = FixRun(paths, guard, how, Path(folder), on_progress, report)
        keys = run.restrict(findings)
        run.run()
    fixed = {id(found) for found, _ in run.settled}
    # In later rounds a finding is another object, and may have another line.
    asked_of = {*map(id, findings)}
    later = Counter(key for found, key in run.settled if id(found) not in asked_of)
    for found, key in zip(findings, keys, strict=True):
        is_later = id(found) not in fixed and later[key] > 0
        later[key] -= is_later
        yield is_later or id(found) in fixed


class _Kept:
    """The answers that are known."""

    def __init__(self, folder: Path | None, options: Options) -> None:
        self.answers: dict[str, bool] = {}
        self._path = folder / _NAME if folder is not None else None
        self._contents: dict[str, bytes] = {}
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
