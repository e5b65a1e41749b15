"""Checking: from paths to a report.

A run in which nothing has changed ends here, and imports nothing of what builds.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mypy_asyncsession.checking.files import find_files
from mypy_asyncsession.checking.options import Engine, Options
from mypy_asyncsession.checking.place import CACHED, KEY_VARIABLE, place
from mypy_asyncsession.checking.project import project
from mypy_asyncsession.checking.projects import merged
from mypy_asyncsession.checking.python_environment import interpreter
from mypy_asyncsession.checking.report import CannotRun, Problem, Report
from mypy_asyncsession.checking.report_cache import ReportCache
from mypy_asyncsession.checking.siblings import siblings
from mypy_asyncsession.checking.snapshot import Snapshot
from mypy_asyncsession.config import Config, discover, load, misplaced
from mypy_asyncsession.selection import PathPattern

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from typing_extensions import Self

    from mypy_asyncsession.checking.cache import Cache
    from mypy_asyncsession.checking.files import Files
    from mypy_asyncsession.checking.place import Place
    from mypy_asyncsession.checking.process import Builder
    from mypy_asyncsession.checking.project import Project
    from mypy_asyncsession.selection import Selection

#: The directory in the cache for runs that survey: their results are not those of a check.
_SURVEYS: Final = "surveys"

#: The directory in it for the projects in a project.
_PROJECTS: Final = "projects"

_NO_KEY: Final = (
    "nothing is kept between runs: there is no cache directory of the user's outside of the "
    f"project for the key to it: set XDG_CACHE_HOME or {KEY_VARIABLE}"
)


def part_of(options: Options) -> str:
    """The directory in the cache for such runs."""
    return _SURVEYS if options.survey else ""


def is_warm(directory: str, options: Options) -> bool:
    """Whether a check finds what mypy has cached for one before, of this or an older state."""
    private = place(directory, options.cache_dir).private
    return private is not None and any((private / part_of(options)).glob(f"{CACHED}*"))


@dataclass(frozen=True, slots=True)
class Started:
    """What a check needs in any case, started before it is known what to check.

    Attributes:
        cache: What is kept between runs.
        builder: The process to build in.
    """

    cache: Cache
    builder: Builder

    @classmethod
    def start(cls, directory: str, options: Options) -> Self:
        """Start it.

        Raises:
            CannotRun: The cache directory cannot be written to.
        """
        from mypy_asyncsession.checking import mypy_check  # so that it need not be done later
        from mypy_asyncsession.checking.cache import Cache
        from mypy_asyncsession.checking.process import Builder

        del mypy_check
        keep = place(directory, options.cache_dir)
        cache = Cache.open(keep, options.cache_dir, part_of(options))
        return cls(cache, Builder(cache.work))

    def close(self) -> None:
        """Leave nothing of it, if it was not used."""
        self.builder.close()
        self.cache.close()


def check(
    paths: Sequence[str],
    options: Options | None = None,
    *,
    directory: str | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    started: Started | None = None,
) -> Report:
    """Check files and directories.

    Args:
        paths: The files and directories, absolute or relative to *directory*.
        options: How to check them.
        directory: The directory whose project it is, and to which paths in the report are
            relative; the working directory if ``None``.
        on_progress: Called while mypy runs: how many files are done, and how many there are.
        started: What was started for it before it was known what to check; it is used up.

    Raises:
        CannotRun: Nothing could be checked; the message is one line.
        ConfigError: The configuration cannot be used; the message is one line.
    """
    options = options or Options()
    directory = os.path.abspath(directory or os.curdir)
    keep = place(directory, options.cache_dir)
    checks = _Checks(options, keep, on_progress or (lambda _done, _all: None), started=started)
    return checks.of(paths, directory)


class _Checks:
    """The checks of a project, and of those in it that have a configuration of their own."""

    def __init__(
        self,
        options: Options,
        keep: Place,
        on_progress: Callable[[int, int], None],
        part: str = "",
        started: Started | None = None,
    ) -> None:
        self._started = started
        self._part = part
        self._options = options
        self._keep = keep
        self._on_progress = on_progress

    def of(self, paths: Sequence[str], directory: str, beside: Sequence[str] = ()) -> Report:
        """What is found in a project.

        Args:
            paths: The files and directories, absolute or relative to *directory*.
            directory: The directory of the project, absolute.
            beside: The directories of the projects that it is in, and of those beside it.
        """
        options = self._options
        config, warnings = configuration(options.config_file, directory)
        settings = project(directory)
        selection = options.selection(config, directory)
        # A configuration that was named is for all.
        apart = options.projects and options.config_file is None
        files = find_files(paths, settings, directory, selection, options.instead, apart=apart)
        others = tuple(dict.fromkeys((*beside, directory, *files.projects)))
        found = []
        if files.paths or not files.projects:
            report = self._own(
                paths, directory, config, warnings, settings, selection, files, others
            )
            found.append((directory, judged(report, options, config, directory)))
        for folder, inner in files.projects.items():
            try:
                report = self._inside(folder, directory).of(inner, folder, others)
            except CannotRun as refused:
                if inner != [os.curdir]:
                    raise
                # It was only come upon, and there is nothing in it.
                report = Report(problems=[Problem(os.curdir, 0, str(refused))])
            found += report.parts or [(folder, report)]
        if [folder for folder, _ in found] == [directory]:
            return found[0][1]
        return merged(found, directory)

    def _inside(self, folder: str, directory: str) -> _Checks:
        """The same for a project that lies in another: paths in options are still those of this."""
        name = blake2b(os.fsencode(folder), digest_size=4).hexdigest()
        exclude = tuple(
            os.path.join(directory, each) if "/" in each.rstrip("/") else each
            for each in self._options.exclude
        )
        options = replace(self._options, exclude=exclude)
        return _Checks(options, self._keep, self._on_progress, os.path.join(_PROJECTS, name))

    def _own(
        self,
        paths: Sequence[str],
        directory: str,
        config: Config,
        warnings: list[Problem],
        settings: Project,
        selection: Selection,
        files: Files,
        others: Sequence[str],
    ) -> Report:
        """What is found in the files that are a project's own."""
        options, keep = self._options, self._keep
        if not files.paths:
            return Report(problems=[*warnings, *files.problems], excluded=files.excluded)
        python = interpreter(settings, directory)
        declared, missing = siblings(directory)
        beside = [each for each in (*declared, *others) if each != directory]
        part = os.path.join(self._part, part_of(options))
        if keep.private is None and options.cache_dir is not None:
            warnings.append(Problem(options.cache_dir, 0, _NO_KEY))
        problems = [*warnings, *missing, *files.problems]
        how = (options.strict, options.survey, options.others, options.engine, selection, beside)
        folder = keep.private / part if keep.private is not None else None
        kept = ReportCache(folder, (directory, paths, how, config, settings, python, problems))
        if not options.instead:
            report = kept.report(files.paths)
            if report is not None:
                return report
        from mypy_asyncsession.checking.cache import Cache
        from mypy_asyncsession.checking.kept_answers import CAN_KEEP, Keeping
        from mypy_asyncsession.checking.process import Builder

        started = self._started
        cache = started.cache if started else Cache.open(keep, options.cache_dir, part)
        changed = kept.snapshot.changed(files.paths) if kept.snapshot is not None else None
        keeping = None
        if options.engine is Engine.PARSED and not options.instead and CAN_KEEP and kept.answers:
            kept.prepare()
            before = kept.state if changed is not None else None
            keeping = Keeping(kept.answers, os.urandom(8).hex(), before, changed or [])
        try:
            # It imports mypy while the rest is imported, and the modules are found, here.
            with started.builder if started else Builder(cache.work) as builder:
                from mypy_asyncsession.checking.mypy_check import MypyCheck

                run = MypyCheck(
                    cache,
                    directory,
                    options,
                    config,
                    settings,
                    python,
                    files,
                    problems,
                    selection,
                    beside,
                    keeping,
                )
                report = run.report(builder, self._on_progress)
        finally:
            cache.close()
        if run.before is not None and run.lasting and not options.instead:
            snapshot = Snapshot.take(run.before, run.looked, kept.snapshot)
            if snapshot is not None and changed is not None and kept.snapshot is not None:
                is_after = snapshot.is_after(kept.snapshot, changed)
                snapshot = snapshot.with_rest_of(kept.snapshot) if is_after else None
            if snapshot is not None:
                kept.keep(report, snapshot, keeping.state if keeping is not None else "")
        return report


def judged(report: Report, options: Options, config: Config, directory: str) -> Report:
    """The report, with whether there is something in it that keeps a check from succeeding."""
    allowed = options.allow_unchecked or config.allow_unchecked
    if isinstance(allowed, bool):
        incomplete = not allowed and bool(report.unchecked or report.unresolved)
    else:
        patterns = [PathPattern(each, config.folder) for each in allowed]
        paths = {each.path for each in report.unchecked}
        paths |= {each.path for each in report.unresolved}
        incomplete = any(
            not any(pattern.matches(os.path.join(directory, path)) for pattern in patterns)
            for path in paths
        )
    return replace(report, incomplete=incomplete)


def configuration(config_file: str | None, directory: str) -> tuple[Config, list[Problem]]:
    """Our configuration, and what is wrong with where it is written.

    Raises:
        ConfigError: It cannot be used; the message is one line.
    """
    warnings = [
        Problem(name, 0, mistake.partition(": ")[2])
        for name in ("mypy.ini", ".mypy.ini", "setup.cfg")
        if (mistake := misplaced(Path(directory, name))) is not None
    ]
    path = config_file or discover(None, directory)
    return load(path) if path is not None else Config(), warnings
