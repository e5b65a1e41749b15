"""The reports of earlier runs: handed out again as long as all that decided them is the same.

mypy keeps what it found as well, but to be asked it must be started, and look at every module.
What is held to be the same here is what mypy looked at, so nothing counts that it would see.
When in doubt, mypy is run.
"""

# ruff: noqa: PTH123
# Paths are strings: this is all that a run does in which nothing has changed.

from __future__ import annotations

import importlib.util
import json
import os
import re
import sys
from contextlib import suppress
from dataclasses import astuple
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

import mypy_asyncsession
from mypy_asyncsession.checking.report import Other, Problem, Report, Unresolved
from mypy_asyncsession.checking.snapshot import Snapshot
from mypy_asyncsession.findings import Span, decode
from mypy_asyncsession.survey import decode as decode_survey

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from mypy_asyncsession.findings import Finding

#: How many reports are kept: a commit's files are others each time.
MOST: Final = 8

_REPORTS: Final = "reports"

#: The names of reports; behind the end of one there is a process that was ended as it wrote it.
_REPORT: Final = re.compile(r"[0-9a-f]{32}\.json(\.\d+)?")

#: The names of what is kept beside them, and how many digits are the same in both.
_ANSWERS: Final = re.compile(r"[0-9a-f]{32}-[0-9a-f]{8}\.sqlite(-journal)?")
_DIGITS: Final = 32

#: The variables that say where Python and mypy look for what.
_VARIABLES: Final = ("PYTHON", "MYPY", "HOME", "USERPROFILE", "APPDATA")

#: What the reading of a configuration leaves there; what is read with it counts by itself.
_OUR_VARIABLES: Final = frozenset({"MYPY_CONFIG_FILE_DIR"})


class ReportCache:
    """The report that is kept of runs like this one."""

    def __init__(self, folder: Path | None, depends: Iterable[object]) -> None:
        """Look for nothing yet.

        Args:
            folder: The directory that is kept between runs; ``None`` if there is none.
            depends: What the report depends on, beside files and what is installed.
        """
        self._folder = os.path.join(folder, _REPORTS) if folder is not None else None
        key = _digest(repr([*depends, *installed()]).encode(errors="surrogateescape"))
        self._path = os.path.join(self._folder, f"{key}.json") if self._folder else ""
        #: What the last run looked at, if anything is known of it.
        self.snapshot: Snapshot | None = None
        #: The name of the state that the tree was in then.
        self.state = ""

    def report(self, paths: Iterable[str]) -> Report | None:
        """The report, if a run would find the same.

        Args:
            paths: The files to check.
        """
        try:
            with open(self._path, "rb") as opened:
                digest, _, body = opened.read().partition(b"\n")
            if _digest(body) != digest.decode():
                return None
            values = json.loads(body)
            self.snapshot = Snapshot.decode(values["snapshot"])
            self.state = str(values["state"])
            report = decoded(values["report"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None  # there is none, or none that we can use
        if not self.snapshot.holds(paths):
            return None
        if self.snapshot.renewed:
            self._write(values["report"], self.snapshot)
        return report

    @property
    def answers(self) -> str | None:
        """Where to keep what was found in each module: the beginning of the names of files."""
        return self._path.removesuffix(".json") if self._folder else None

    def prepare(self) -> None:
        """Make the directory."""
        # Not those above it: they are there, and marked as ours, or could not be made.
        if self._folder is not None:
            with suppress(OSError):
                os.mkdir(self._folder)  # noqa: PTH102

    def keep(self, report: Report, snapshot: Snapshot, state: str) -> None:
        """Keep a report, and not too many others.

        Args:
            report: The report.
            snapshot: What the run looked at.
            state: A name for the state that the tree was in.
        """
        if self._folder is not None:
            self.state = state
            self._write(encoded(report), snapshot)
            self._tidy(self._folder)

    def _write(self, report: dict[str, Any], snapshot: Snapshot) -> None:
        values = {"report": report, "snapshot": snapshot.encode(), "state": self.state}
        body = json.dumps(values).encode()
        # Another run may write the same file at the same time.
        new = f"{self._path}.{os.getpid()}"
        try:
            self.prepare()
            with open(new, "wb") as opened:
                opened.write(_digest(body).encode() + b"\n" + body)
            os.replace(new, self._path)  # noqa: PTH105
        except OSError:
            with suppress(OSError):  # it is only that the next run takes longer
                os.unlink(new)  # noqa: PTH108

    def _tidy(self, folder: str) -> None:
        try:
            with os.scandir(folder) as listing:
                found = sorted(
                    (entry.stat(follow_symlinks=False).st_mtime_ns, entry.path)
                    for entry in listing
                    if _REPORT.fullmatch(entry.name) and entry.is_file(follow_symlinks=False)
                )
            for _, path in found[:-MOST]:
                os.unlink(path)  # noqa: PTH108
            left = {os.path.basename(path)[:_DIGITS] for _, path in found[-MOST:]}
            with os.scandir(folder) as listing:
                for entry in listing:
                    if _ANSWERS.fullmatch(entry.name) and entry.name[:_DIGITS] not in left:
                        os.unlink(entry.path)  # noqa: PTH108
        except OSError:
            pass  # another run was quicker


def _digest(data: bytes) -> str:
    return blake2b(data, digest_size=16).hexdigest()


def installed() -> Iterator[object]:
    """What runs: this package as it is, mypy and what lies beside it, Python, and its variables."""
    yield mypy_asyncsession.__version__
    folder = os.path.dirname(mypy_asyncsession.__file__)
    yield _recorded(folder, f"mypy_asyncsession-{mypy_asyncsession.__version__}") or [
        *_engine(folder)
    ]
    yield (sys.version, sys.executable, sys.prefix, sys.platform, sys.path[1:])
    found = importlib.util.find_spec("mypy")
    mypy = os.path.dirname(found.origin) if found is not None and found.origin else ""
    yield (mypy, _read(os.path.join(mypy, "version.py")))
    try:
        beside = os.listdir(os.path.dirname(mypy))  # noqa: PTH208
    except OSError:
        beside = []
    yield sorted(name for name in beside if name.endswith((".dist-info", ".egg-info")))
    yield sorted(
        (name, value)
        for name, value in os.environ.items()
        if name.startswith(_VARIABLES) and name not in _OUR_VARIABLES
    )


def _recorded(folder: str, name: str) -> bytes | None:
    """What was installed, as it was recorded; ``None`` if the package is used where it is edited.

    A package that is installed anew has other times, and is the same.
    """
    found = _read(os.path.join(os.path.dirname(folder), f"{name}.dist-info", "RECORD"))
    inside = f"{os.path.basename(folder)}/__init__.py,".encode()
    return found if found is not None and inside in found else None


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as opened:
            return opened.read()
    except OSError:
        return None


def _engine(folder: str) -> Iterator[object]:
    with os.scandir(folder) as listing:
        entries = sorted(listing, key=lambda entry: entry.name)
    for entry in entries:
        if entry.is_dir():
            if entry.name != "__pycache__":
                yield from _engine(entry.path)
        elif entry.name.endswith(".py"):
            found = entry.stat()
            yield (entry.path, found.st_mtime_ns, found.st_size)


def encoded(report: Report) -> dict[str, Any]:
    """A report as an object for JSON."""
    return {
        "findings": [
            (found.path, astuple(found.span), found.code, found.encode())
            for found in report.findings
        ],
        "problems": list(map(astuple, report.problems)),
        "checked": report.checked,
        "paths": sorted(report.paths),
        "strict": sorted(report.strict),
        "asked": sorted(report.asked),
        "surveys": [found.encode() for found in report.surveys],
        "others": list(map(astuple, report.others)),
        "modules": report.modules,
        "unresolved": list(map(astuple, report.unresolved)),
    }


def decoded(values: dict[str, Any]) -> Report:
    """What ``encoded`` made an object of.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: It is something else.
    """
    return Report(
        findings=list(map(_finding, values["findings"])),
        problems=[Problem(*each) for each in values["problems"]],
        checked=values["checked"],
        paths=frozenset(values["paths"]),
        strict=frozenset(values["strict"]),
        asked=frozenset(values["asked"]),
        surveys=list(map(decode_survey, values["surveys"])),
        others=[Other(*each) for each in values["others"]],
        modules=values["modules"],
        unresolved=[Unresolved(*each) for each in values["unresolved"]],
    )


def _finding(values: list[Any]) -> Finding:
    path, span, code, text = values
    return decode(path, Span(*span), code, text)
