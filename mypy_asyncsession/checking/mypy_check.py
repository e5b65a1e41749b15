"""A run of mypy, from files to a report."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from mypy_asyncsession.checking.build_retries import BuildRetries, Plan
from mypy_asyncsession.checking.file_times import changed_at, state, time_and_size
from mypy_asyncsession.checking.misspelt import misspelt
from mypy_asyncsession.checking.mypy_settings import (
    MOST_WORKERS,
    WORTH_WORKERS,
    as_options,
    as_toml,
)
from mypy_asyncsession.checking.options import Engine
from mypy_asyncsession.checking.process import Builder
from mypy_asyncsession.checking.report import Problem, Report, shown
from mypy_asyncsession.checking.reported_errors import ReportedErrors
from mypy_asyncsession.checking.second_names import with_second_names
from mypy_asyncsession.checking.settling import settle
from mypy_asyncsession.checking.snapshot import Before, Looked, what_was_there
from mypy_asyncsession.checking.sources import find_sources
from mypy_asyncsession.checking.unresolved_imports import unresolved_imports
from mypy_asyncsession.codes import STRICT
from mypy_asyncsession.config import RUN_TABLE, TABLE, Config, RunOptions
from mypy_asyncsession.processors import processors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from mypy_asyncsession.checking.build import Job
    from mypy_asyncsession.checking.build_retries import Trouble
    from mypy_asyncsession.checking.cache import Cache, Memory
    from mypy_asyncsession.checking.files import Files
    from mypy_asyncsession.checking.kept_answers import Keeping
    from mypy_asyncsession.checking.options import Options
    from mypy_asyncsession.checking.programs import Program
    from mypy_asyncsession.checking.project import Project
    from mypy_asyncsession.checking.python_environment import PythonEnvironment
    from mypy_asyncsession.selection import Selection


class MypyCheck:
    """One check that asks mypy, from files to its report.

    Attributes:
        before: What there was when it began; ``None`` if that cannot be said.
        looked: What mypy looked at.
        lasting: Whether it would find the same again for as long as nothing changes.
    """

    def __init__(
        self,
        cache: Cache,
        directory: str,
        options: Options,
        config: Config,
        settings: Project,
        python: PythonEnvironment,
        files: Files,
        problems: list[Problem],
        selection: Selection,
        beside: Sequence[str] = (),
        keeping: Keeping | None = None,
    ) -> None:
        self.before: Before | None = None
        self.looked = Looked()
        self.lasting = True
        self._cache = cache
        self._problems = [*problems]
        self._options = options
        self._directory = directory
        self._settings = settings
        self._config = config
        self._python = python
        self._files = files
        self._selection = selection
        self._beside = beside
        self._keeping = keeping
        self._engine = options.engine.value
        self._errors = ReportedErrors(config, selection, options.instead, directory)
        self._found_rest = False

    def report(self, builder: Builder, on_progress: Callable[[int, int], None]) -> Report:
        """Build everything, and say what was found.

        Args:
            builder: A process that can be used for the first program.
            on_progress: Called while mypy runs: how many files are done, and how many there are.

        Raises:
            CannotRun: Nothing could be checked; the message is one line.
        """
        self._find()
        self._build(builder, on_progress)
        return self._report_all()

    def jobs(self) -> Iterator[Job]:
        """What there is to build, program by program; nothing is built.

        Raises:
            CannotRun: Nothing could be checked; the message is one line.
        """
        self._find()
        memory = self._cache.remember(self._engine, self._plugin_settings(), self._python)
        for program in self._sources.programs:
            plan = self._plan(program, self._python, memory)
            yield BuildRetries(program, plan, lambda: Builder(self._cache.work), set()).job()

    def _find(self) -> None:
        """Find out which module is which file."""
        self._start = time.time_ns()
        self._states = states = {path: state(path) for path in self._files.paths}
        self._sources = find_sources(
            self._files, self._settings, self._directory, self._options.instead, self._beside
        )
        self._packages = self._python.packages or [each for each in sys.path if "-packages" in each]
        with_second_names(self._sources, self._packages, self._cache.files)
        self.lasting = not self._sources.unreadable
        self._problems += self._sources.problems
        self._left_out = set(self._sources.unreadable)
        self._unchecked: set[str] = set()
        self._crashing: set[str] = set()
        self._asked: set[str] = set()
        self._changed = {
            source.path: changed_at(source.path, states)
            for program in self._sources.programs
            for source in program.sources
        }
        self._errors.expect(self._sources.programs, self._changed)

    def _find_rest(self) -> None:
        """Find out what only the report is about, while the first build is under way.

        What is changed meanwhile has a time after the start, and is noticed by that.
        """
        if self._found_rest:
            return
        self._found_rest = True
        self._unresolved = unresolved_imports(self._sources, self._packages, self._directory)
        self._problems += misspelt(
            self._sources,
            self._packages,
            self._config,
            self._settings,
            self._files,
            self._directory,
        )
        self.before = what_was_there(
            self._start,
            self._states,
            self._python,
            self._config,
            self._sources.folders,
            self._directory,
        )

    def _build(self, first: Builder, on_progress: Callable[[int, int], None]) -> None:
        """Build every program; *first* is a process that can be used for one of them."""
        python = self._python
        memory = self._cache.remember(self._engine, self._plugin_settings(), python)
        self._recall(memory)
        if python.problem is not None:
            self._problems.append(python.problem)
        builders = [first]
        done = 0

        def on_module() -> None:
            nonlocal done
            done += 1
            on_progress(done, len(self._changed))

        for program in self._sources.programs:
            attempts = BuildRetries(
                self._replaced(program),
                self._plan(program, python, memory),
                lambda: builders.pop() if builders else Builder(self._cache.work),
                self._left_out,
                self._unchecked,
                self._crashing,
            )
            settled = settle(attempts, attempts.build(on_module, self._find_rest))
            for error in settled.errors:
                self._errors.take(error)
            self._asked.update(map(self._errors.original, settled.asked))
            for looked in (attempts.looked, settled.looked):
                self.looked.add(looked.outside(self._cache.folder))
            self.lasting &= all(new.lasting for new in (*attempts.troubles, *settled.troubles))
            for new in settled.troubles:
                self._report(replace(new, path=self._errors.original(new.path)))
            for new in attempts.troubles:
                trouble = replace(new, path=self._errors.original(new.path))
                self._report(trouble)
                # What only imports led to may not be there the next time.
                if new.path in self._changed:
                    memory.troubles[trouble.path] = trouble
                    memory.states[trouble.path] = time_and_size(trouble.path)
        self._find_rest()  # where there is no program
        memory.seen.update(self._changed)
        memory.tree = self._digest()
        self._cache.save(memory)

    def _report_all(self) -> Report:
        order = attrgetter("path", "span.line", "span.column", "code", "message")
        checked = self._changed.keys() - self._left_out.difference(self._crashing)
        paths = frozenset(shown(path, self._directory) for path in checked)
        return Report(
            findings=sorted(self._errors.findings, key=order),
            surveys=sorted(self._errors.surveys, key=lambda found: found.path),
            problems=list(dict.fromkeys(self._problems)),
            checked=len(checked),
            paths=paths,
            strict=paths & frozenset(self._strict_paths()),
            others=self._errors.others,
            unresolved=self._unresolved,
            asked=frozenset(shown(path, self._directory) for path in self._asked),
            modules={
                # One that is built apart has a name that no import has.
                shown(source.path, self._directory): (
                    source.natural if "-" in source.module else source.module
                )
                for program in self._sources.programs
                for source in program.sources
            },
        )

    def _replaced(self, program: Program) -> Program:
        """A program with what is read in place of its files."""
        instead = self._options.instead
        if not instead:
            return program
        sources = [
            replace(source, path=instead.get(source.path, source.path))
            for source in program.sources
        ]
        return replace(program, sources=tuple(sources))

    def _recall(self, memory: Memory) -> None:
        """Spare mypy what it stopped at or crashed on the last time, if it would do so again."""
        same = memory.tree == self._digest()
        for path, trouble in list(memory.troubles.items()):
            if path not in self._changed:
                continue
            if time_and_size(path) == memory.states[path] and (trouble.lasting or same):
                (self._left_out if trouble.left_out else self._unchecked).add(path)
                if trouble.parsed:
                    self._crashing.add(path)
                self._report(trouble)
            else:
                del memory.troubles[path], memory.states[path]

    def _digest(self) -> str:
        """A digest of all that is checked: whether mypy crashes may depend on any of it."""
        text = json.dumps(sorted(self._changed.items()))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def _report(self, trouble: Trouble) -> None:
        message = trouble.message
        if not trouble.left_out:
            what = "the bodies of functions without annotations are checked without types"
        elif trouble.parsed:
            what = "the file is checked without mypy's types, which may miss something"
        else:
            what = "the file is left out"
        self._problems.append(
            Problem(
                shown(trouble.path, self._directory),
                trouble.line,
                f"{message[:1].lower()}{message[1:]}: {what}",
                unchecked=trouble.left_out and trouble.path in self._changed,
            )
        )

    def _plan(self, program: Program, python: PythonEnvironment, memory: Memory) -> Plan:
        # What pre-commit's own environment lacks must not undo what another one has cached; and
        # with other options mypy would not use what it has cached.
        name = program.name + "+" * self._options.others
        folder = self._cache.program(f"{name}\n{python.executable}")
        options: dict[str, Any] = {
            "check_untyped_defs": True,
            "explicit_package_bases": self._settings.explicit_package_bases,
            "follow_imports": "silent",
            "ignore_missing_imports": True,
            "many_errors_threshold": -1,
            "namespace_packages": self._settings.namespace_packages,
            "num_workers": self._workers(program, memory, folder),
            "output": "json",
            "plugins": ["mypy_asyncsession.plugin"],
            # mypy runs another one to ask for its packages.
            "python_executable": python.executable if python.packages is None else None,
            "python_version": python.version,
            "show_traceback": self._options.show_traceback,
            **as_options(self._settings.silenced),
        }
        on = self._selection.select
        options["enable_error_code"] += [
            code
            for code in sorted(STRICT)
            if (self._options.strict or code in on) and code not in self._settings.silenced.disable
        ]
        if self._settings.platform is not None:
            options["platform"] = self._settings.platform
        return Plan(
            options=options,
            modules={
                pattern: as_options(silenced)
                for pattern, silenced in self._settings.modules.items()
            },
            cache=folder,
            settings=lambda codes: self._cache.settings(self._plugin_settings(codes, program)),
            error_codes=frozenset(self._sources.error_codes),
            placeholder=lambda package: self._cache.placeholder(package=package),
            packages=python.packages,
            show_traceback=self._options.show_traceback,
            others=self._options.others,
            parsed=self._options.engine is Engine.PARSED,
            keeping=self._keeping,
        )

    def _plugin_settings(
        self, error_codes: Iterable[str] = (), program: Program | None = None
    ) -> str:
        """The file that the plugin reads."""
        strict = [
            source.module
            for source in (program.sources if program is not None else ())
            if self._config.is_strict(source.natural) and not self._config.is_strict(source.module)
        ]
        run = RunOptions(
            records=True,
            survey=self._options.survey,
            error_codes=tuple(sorted(error_codes)),
            strict=tuple(sorted(strict)),
            packages=self._python.packages,
        )
        config = self._config.unselected()
        return f"{as_toml(TABLE, config)}\n{as_toml(RUN_TABLE, run)}"

    def _strict_paths(self) -> Iterator[str]:
        for program in self._sources.programs:
            for source in program.sources:
                if self._options.strict or any(
                    map(self._config.is_strict, (source.module, source.natural))
                ):
                    yield shown(source.path, self._directory)

    def _workers(self, program: Program, memory: Memory, folder: Path) -> int:
        if self._options.workers is not None:
            return self._options.workers
        stale = sum(
            memory.seen.get(source.path) != self._changed[source.path] for source in program.sources
        )
        if stale < WORTH_WORKERS and (folder.exists() or len(program.sources) < WORTH_WORKERS):
            return 0
        free = processors()
        return min(free, MOST_WORKERS) if free > 1 else 0
