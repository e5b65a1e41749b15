"""One program, built again without what mypy stops at until the rest is done."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mypy_asyncsession.checking.build import Job
from mypy_asyncsession.checking.imports import named_codes
from mypy_asyncsession.checking.report import CannotRun
from mypy_asyncsession.checking.snapshot import Looked
from mypy_asyncsession.checking.unsettled import Unsettled
from mypy_asyncsession.refused import printed_in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from mypy_asyncsession.checking.build import Stop
    from mypy_asyncsession.checking.kept_answers import Keeping
    from mypy_asyncsession.checking.process import Builder, Outcome
    from mypy_asyncsession.checking.programs import Program

#: How often a program is built before it is given up.
MOST: Final = 50

_TWICE: Final = re.compile(
    r'Source file found twice under different module names: "(?P<one>.+)" and "(?P<other>.+)"'
)
_SHADOWS: Final = "This file shadows library module"
_PLAIN: Final = re.compile(r"(?P<path>.+?)(?::(?P<line>\d+))?: error: (?P<message>.*)", re.DOTALL)
_OURS: Final = "mypy-asyncsession: error: "


@dataclass(frozen=True, slots=True)
class Plan:
    """How to build a program.

    Attributes:
        options: mypy's options, by name.
        modules: The same for some modules, by mypy's pattern for their names.
        cache: Where mypy caches it.
        settings: Writes the file that the plugin reads, with the error codes of other plugins.
        error_codes: Those that the sources name.
        placeholder: The file to build in place of one that is left out, or of a package's.
        packages: The directories in which installed packages are looked up; ``None`` for those
            of the running Python.
        show_traceback: Whether a crash is shown on standard error.
        others: Whether mypy's own errors are wanted as well.
        parsed: Whether the modules are only parsed.
        keeping: Where what is found in each module is kept then, if it is.
    """

    options: dict[str, Any]
    modules: dict[str, dict[str, Any]]
    cache: Path
    settings: Callable[[frozenset[str]], str]
    error_codes: frozenset[str]
    placeholder: Callable[[bool], str]
    packages: tuple[str, ...] | None = None
    show_traceback: bool = False
    others: bool = False
    parsed: bool = False
    keeping: Keeping | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    """A file that is not built as it is.

    Attributes:
        message: What mypy says of it.
        left_out: Whether it is left out; else it is built with its unannotated bodies unchecked.
        parsed: Whether it is looked at all the same: only parsed, without mypy's types.
        lasting: Whether that is so for as long as the file stays the same, whatever others do.
    """

    path: str
    line: int
    message: str
    left_out: bool = True
    lasting: bool = True
    parsed: bool = False


@dataclass(slots=True)
class BuildRetries:
    """The attempts at one program, and what they found.

    Attributes:
        builder: Starts a process to build in.
        left_out: The files that it is built without.
        unchecked: The files whose unannotated bodies mypy does not check.
        crashing: The files that mypy crashes on, and that can be parsed alone.
        troubles: Which were added to these, and why.
        looked: What mypy looked at, at the last attempt.
        unsettled: What was left to mypy then, if the modules are only parsed.
        kept: Where what was found then is kept, if it is.
    """

    program: Program
    plan: Plan
    builder: Callable[[], Builder]
    left_out: set[str]
    unchecked: set[str] = field(default_factory=set)
    crashing: set[str] = field(default_factory=set)
    troubles: list[Trouble] = field(default_factory=list)
    looked: Looked = field(default_factory=Looked)
    unsettled: Unsettled = field(default_factory=Unsettled)
    kept: Keeping | None = None
    _error_codes: frozenset[str] = frozenset()
    _skipped: set[str] = field(default_factory=set)
    _avoided: set[str] = field(default_factory=set)
    _workers: int = 0
    _wiped: bool = False

    def build(
        self, on_module: Callable[[], None], meanwhile: Callable[[], None] = lambda: None
    ) -> list[dict[str, Any]]:
        """Build the program.

        Args:
            on_module: Called for each module that is done.
            meanwhile: Called while a build is under way; at each attempt.

        Returns:
            mypy's errors, as its JSON formatter has them.

        Raises:
            CannotRun: It cannot be built.
        """
        self._begin()
        for _ in range(MOST):
            with self.builder() as builder:
                outcome = builder.build(self._job(), on_module, meanwhile)
            if outcome.stop is not None:
                self._after_stop(outcome.stop)
            elif outcome.crash is not None:
                self._after_crash(outcome)
            else:
                self.looked = outcome.looked
                self.unsettled = outcome.unsettled
                return [*outcome.errors, *self._parsed()]
        raise CannotRun(f"mypy stopped {MOST} times, the last time at {self._last()}")

    def job(self) -> Job:
        """What is built at the first attempt."""
        self._begin()
        return self._job()

    def _begin(self) -> None:
        self._workers = self.plan.options["num_workers"]
        self._skipped |= set(self.program.skipped)
        self._error_codes |= self.plan.error_codes

    def _parsed(self) -> list[dict[str, Any]]:
        """What is found in the files that mypy crashes on: these are only parsed.

        mypy's parser was never what crashed. If this fails, they are left out after all.
        """
        crashing = self.crashing.intersection(self._paths())
        if not crashing or self.plan.parsed:
            return []
        job = replace(self._job(crashing), parsed=True, only=sorted(crashing))
        with self.builder() as builder:
            outcome = builder.build(job, lambda: None)
        if outcome.stop is not None or outcome.crash is not None:
            self.crashing -= crashing
            return []
        self.troubles = [
            replace(trouble, parsed=True) if trouble.path in crashing else trouble
            for trouble in self.troubles
        ]
        return outcome.errors

    def _job(self, anyway: Collection[str] = ()) -> Job:
        """What to build; *anyway* are files to build though they are left out."""
        left_out = self.left_out.difference(anyway)
        sources = [
            (
                self._placeholder(source.path) if source.path in left_out else source.path,
                source.module,
            )
            for source in self.program.sources
        ]
        modules: dict[str, dict[str, Any]] = {
            f"{name}.*": {"follow_imports": "skip"} for name in self._skipped
        }
        modules.update(self.plan.modules)
        for source in self.program.sources:
            if source.path in self.unchecked:
                own = modules.get(source.module, {})
                modules[source.module] = {**own, "check_untyped_defs": False}
        job = Job(
            sources=sources,
            aliases={
                source.module: source.natural
                for source in self.program.sources
                if source.module != source.natural
            },
            search=[path for path in self.program.search if path not in self._avoided],
            options={
                **self.plan.options,
                "cache_dir": str(self.plan.cache),
                "config_file": self.plan.settings(self._error_codes),
                # What imports led to cannot be replaced among the sources.
                "shadow_file": [
                    [path, self._placeholder(path)]
                    for path in sorted(left_out.difference(self._paths()))
                ],
                "num_workers": self._workers,
            },
            modules=modules,
            packages=self.plan.packages,
            others=self.plan.others,
            parsed=self.plan.parsed,
        )
        if self.plan.keeping is None:
            return job
        same = replace(job, sources=[], options={**job.options, "num_workers": 0})
        self.kept = self.plan.keeping.of(self.program.name, same.dump())
        return replace(job, keeping=asdict(self.kept))

    def _paths(self) -> Iterator[str]:
        return (source.path for source in self.program.sources)

    def _placeholder(self, path: str) -> str:
        return self.plan.placeholder(os.path.basename(path).startswith("__init__."))

    def _leave_out(self, path: str, line: int, message: str, *, lasting: bool = True) -> bool:
        """Build without a file from now on; whether that is news."""
        if not _add(self.left_out, path):
            return False
        self.troubles.append(Trouble(path, line, message, lasting=lasting))
        return True

    def _after_stop(self, stop: Stop) -> None:
        """Change what is built so that mypy does not stop there again.

        Raises:
            CannotRun: There is nothing to change.
        """
        news = False
        for path, line, message in stop.unreadable:
            news |= self._leave_out(path, line, message)
        blockers = list(_blockers(stop))
        others: list[tuple[str, int, str]] = []
        for path, line, message in blockers:
            twice = _TWICE.match(message)
            if twice is not None:
                news |= _add(self._skipped, _surplus(twice["one"], twice["other"]))
            elif message.startswith(_SHADOWS):
                news |= not self._avoided.issuperset(_above(path))
                self._avoided |= _above(path)
            else:
                others.append((path, line, message))
        # Only now: among the errors of syntax are some that stopped nothing.
        for path, line, message in others:
            if not news and path:
                news |= self._leave_out(path, line, message)
        if not news and blockers:
            raise CannotRun("mypy stopped at {}:{}: {}".format(*blockers[0]))
        if not news:
            raise CannotRun(next(iter(stop.messages), "mypy stopped without a word"))

    def _after_crash(self, outcome: Outcome) -> None:
        """The same for where mypy crashed.

        Raises:
            CannotRun: mypy did not say where.
        """
        crash = outcome.crash or ""
        if self.plan.show_traceback:
            sys.stderr.write(crash)
        refused = printed_in_words(crash)
        if refused is not None:
            raise CannotRun(refused)
        place = outcome.crashed_at()
        if place is not None and self._learn_codes(place[0]):
            return
        if place is not None and self._avoid(*place):
            return
        if self._workers:
            self._workers = 0  # so that it is this process that says where, or ends at once
        elif outcome.killed and self._search():
            return
        elif self.plan.cache.exists() and not self._wiped:
            self._wiped = True  # a damaged cache is a likely reason
            shutil.rmtree(self.plan.cache, ignore_errors=True)
        else:
            last = crash.strip().rpartition("\n")[2]
            raise CannotRun(
                f"mypy crashed ({last}): --show-traceback shows where, so that it can be reported"
            )

    def _avoid(self, path: str, line: int) -> bool:
        """Check less of a file that mypy crashes on, and if that is not enough, nothing of it."""
        message = "mypy crashes here"
        if path in self._paths() and _add(self.unchecked, path):
            self.troubles.append(Trouble(path, line, message, left_out=False, lasting=False))
            return True
        self.troubles = [trouble for trouble in self.troubles if trouble.path != path]
        self.crashing.add(path)
        return self._leave_out(path, line, message, lasting=False)

    def _learn_codes(self, path: str) -> bool:
        """Whether a file that imports led to names error codes that nobody has declared."""
        try:
            codes = named_codes(Path(path).read_bytes())
        except OSError:
            return False
        known = self._error_codes
        self._error_codes |= codes
        return self._error_codes != known

    def _search(self) -> bool:
        """Leave out the file that mypy overflows the stack on, if it is one of the sources."""
        with self.builder() as builder:
            outcome = builder.build(replace(self._job(), search_only=True), lambda: None)
        if not outcome.killed or outcome.at is None:
            return False
        return self._leave_out(outcome.at, 0, "it is nested too deeply for mypy")

    def _last(self) -> str:
        return next((f"{last.path}: {last.message}" for last in self.troubles[-1:]), "nothing")


def _blockers(stop: Stop) -> Iterator[tuple[str, int, str]]:
    """What stopped mypy: path, line and message.

    Raises:
        CannotRun: It was the plugin, which says why.
    """
    for message in stop.messages:
        if message.startswith(_OURS):
            raise CannotRun(message.removeprefix(_OURS))
        if message.startswith("{"):
            fields = json.loads(message)
            path = os.path.abspath(fields["file"])
            # Errors that stop nothing, and were not shown yet, are among them. What stops it has
            # no code, or is one of syntax, as are some that stop nothing.
            stops = fields["code"] is None or (fields["code"] == "syntax" and stop.path is None)
            if fields["severity"] == "error" and (stops or path == stop.path):
                yield path, max(fields["line"], 0), fields["message"]
        else:
            match = _PLAIN.fullmatch(message)
            if match is not None and Path(match["path"]).is_absolute():
                yield match["path"], int(match["line"] or 0), match["message"]


def _surplus(one: str, other: str) -> str:
    """The package of *other* that is the same files as one of *one*."""
    ours, theirs = one.split("."), other.split(".")
    while len(ours) > 1 and len(theirs) > 1 and ours[-2:] == theirs[-2:]:
        ours.pop()
        theirs.pop()
    return ".".join(theirs)


def _above(path: str) -> set[str]:
    folder = os.path.dirname(path)
    return {folder, os.path.dirname(folder)}


def _add(names: set[str], name: str) -> bool:
    if name in names:
        return False
    names.add(name)
    return True
