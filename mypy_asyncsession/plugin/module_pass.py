"""The module pass: once per checked module, from its tree to findings in mypy's error list."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from mypy_asyncsession.codes import PARENT
from mypy_asyncsession.detectors.misuse import misuse
from mypy_asyncsession.detectors.record import Pairing, Use
from mypy_asyncsession.detectors.walker import Walker
from mypy_asyncsession.findings import Finding, Span
from mypy_asyncsession.models.dependency_framework import Release, version_in
from mypy_asyncsession.models.fastapi import FASTAPI
from mypy_asyncsession.plugin.codes import CODES, PARENT_CODE, STRICT_CODES
from mypy_asyncsession.plugin.ignore_comments import ignore_comments, looks_like_ours, no_code
from mypy_asyncsession.plugin.report import Report
from mypy_asyncsession.rules import Problem, problems, session_getter, session_probe
from mypy_asyncsession.semantic.facts import facts, lines
from mypy_asyncsession.semantic.foreign_files import is_foreign
from mypy_asyncsession.semantic.interface_text import interface
from mypy_asyncsession.semantic.interpreter import Interpreter
from mypy_asyncsession.semantic.known_summaries import KnownSummaries

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.errorcodes import ErrorCode
    from mypy.nodes import Expression, MypyFile
    from mypy.types import Type

    from mypy_asyncsession.detectors.record import Record
    from mypy_asyncsession.plugin.answers import Answers
    from mypy_asyncsession.plugin.hooks import Recovery
    from mypy_asyncsession.plugin.ignore_comments import IgnoreComment
    from mypy_asyncsession.plugin.internals import ErrorList
    from mypy_asyncsession.plugin.settings import Settings
    from mypy_asyncsession.rules import Rule
    from mypy_asyncsession.semantic.declared import Declared
    from mypy_asyncsession.semantic.from_mypy_types import Types
    from mypy_asyncsession.semantic.interface_text import Interface
    from mypy_asyncsession.semantic.interpreter.memo import ProgramCache
    from mypy_asyncsession.semantic.leads import Leads
    from mypy_asyncsession.semantic.module_source import ModuleSource
    from mypy_asyncsession.semantic.program import Program


class InDaemon(Protocol):
    """What is done with modules under dmypy, in place of a pass over each alone."""

    def passed(self, tree: MypyFile) -> None:
        """mypy has checked a module."""

    def passed_over(self, tree: MypyFile) -> None:
        """mypy has checked a module that is not gone through."""


class ModulePass:
    """Finds and reports what is wrong in a module, and what the answer leaned on."""

    def __init__(
        self,
        build: ErrorList,
        program: Program,
        types: Types,
        recovery: Recovery | None,
        declared: Declared | None,
        lasting: ProgramCache | None,
        settings: Settings,
    ) -> None:
        """Take part in a build.

        Args:
        build: The build that this takes part in.
        program: Where definitions are looked up.
        types: Reads mypy's types, with the project's resources.
        recovery: The expressions whose type the hooks have replaced; ``None`` without hooks.
        declared: Reads overlays.
        lasting: What is known of definitions for good.
        settings: The project's configuration, and how findings are reported.
        """
        self._build = build
        self._records = settings.records
        self._survey = settings.survey
        self._fastapi = settings.fastapi
        self._settings = settings
        build.selection = settings.config.selection()
        self._comments: dict[str, tuple[MypyFile, list[IgnoreComment]]] = {}
        self._selected = frozenset(
            code for code in STRICT_CODES if code.code in settings.config.select
        )
        self._recovery = recovery
        self._replaced: dict[Expression, Type] = recovery.replaced if recovery is not None else {}
        self._leaned: dict[str, set[str]] = {}
        self.program = program
        self.interpreter = Interpreter(
            program, types, declared, lasting, past_types=build.in_daemon
        )
        self._known_summaries = KnownSummaries(program)
        #: Under dmypy, what is done with a module in place of a pass over it alone.
        self.in_daemon: InDaemon | None = None
        #: What may have to do with a provider at all, where that was found out.
        self.leads: Leads | None = None
        #: Who goes through the sources of modules; else it is done here, with mypy's types.
        self.answers: Answers | None = None

    def run(self, tree: MypyFile) -> set[str]:
        """Report the findings in *tree*; return the modules that the answer leaned on."""
        try:
            if tree.is_stub or self._is_silent(tree):
                if self.in_daemon is not None:
                    self.in_daemon.passed_over(tree)
                return set()
            if self.in_daemon is not None:
                self.in_daemon.passed(tree)
                return set()
            module, answers = tree.fullname, self._answers_for(tree)
            found = answers.found(module) if answers is not None else None
            reports = found.reports if found is not None else None
            leaned = found.leaned if found is not None else set()
            comments = found.comments if found is not None else None
            self.publish(tree, self.examine(tree) if reports is None else reports, comments)
            return (leaned | self.leaned(module)) - {module}
        finally:
            if self._recovery is not None:
                self._recovery.forget()
            if self.in_daemon is None:
                self._replaced.clear()
                self._build.forget_types()

    def _answers_for(self, tree: MypyFile) -> Answers | None:
        # What stands on the command line is in no file.
        return self.answers if tree.path.endswith(".py") else None

    def leaned(self, module: str) -> set[str]:
        """The modules that a module's facts, and what was found in it, leaned on."""
        return self._leaned.pop(module, set())

    def _is_silent(self, tree: MypyFile) -> bool:
        return (
            self._build.is_silent(tree)
            or is_foreign(tree.path)
            or self._build.selection.excludes(os.path.abspath(tree.path))
        )

    def examine(self, tree: MypyFile) -> list[Report]:
        """What is wrong in *tree*, whose types mypy has found."""
        self.program.modules_read.clear()
        self.program.unsettled.clear()
        self.interpreter.reset(self._build.types(), self._replaced)
        try:
            with self._build.also_enabled(self._strict(tree)):
                getters = self._build.is_on(CODES[session_getter.RULE.code])
                probes = self._build.is_on(CODES[session_probe.RULE.code])
            collector = Walker(
                self.interpreter,
                self.program.enter(tree),
                self._release(),
                self._summaries(),
                getters=self._survey or getters,
                probes=probes,
                exhaustive=self._survey,
                leads=None if self._survey else self.leads,
            )
            records = [(record, tuple(problems(record))) for record in collector.records()]
            if self._survey:
                self._report_survey(tree, records)
            return [
                Report(rule.code, record, problem)
                for record, found in records
                for rule, problem in found
            ]
        except Exception as error:
            if "MYPY_ASYNCSESSION_RAISE" in os.environ:
                raise
            return [_crashed(error)]
        finally:
            self._leaned.setdefault(tree.fullname, set()).update(self.program.modules_read)
            self.program.leave(for_good=True)

    def _report_survey(
        self, tree: MypyFile, records: list[tuple[Record, tuple[tuple[Rule, Problem], ...]]]
    ) -> None:
        from mypy_asyncsession.plugin.surveying import surveyed  # for an audit alone

        coded = [(record, found[0][0].code if found else None) for record, found in records]
        found = surveyed(tree, coded)
        if found.providers or found.uses:
            # No line of the file: no comment in it is meant for this.
            self._build.report(Span(0, 0, 0, 0), found.encode(), None, PARENT_CODE, (), "")

    def _summaries(self) -> KnownSummaries:
        """What is known of functions: mypy's types are those of the module at hand alone."""
        if self.program.analysed or self.interpreter.thorough:
            return KnownSummaries(self.program)
        return self._known_summaries

    def _release(self) -> Release:
        """The release of FastAPI: the one configured, or the one installed."""
        if self._fastapi is None:
            tree = self.program.modules.get(FASTAPI.package)
            if tree is None:
                return Release(FASTAPI)  # mypy loads it with the first module that imports it
            self._fastapi = version_in(tree.path)
        return Release(FASTAPI, self._fastapi)

    def publish(
        self, tree: MypyFile, reports: list[Report], comments: list[IgnoreComment] | None = None
    ) -> None:
        """Put what was found into mypy's error list, in place of what mypy says of the same.

        Args:
            tree: The module.
            reports: What was found.
            comments: Those of our own in the module, none of them used; looked for if left out.
        """
        if comments is None:
            comments = self._ignore_comments(tree)
        by_line = {comment.line: comment for comment in comments}
        if not reports and not comments:
            return
        with self._build.also_enabled(self._strict(tree)):
            for report in reports:
                lines = {report.record.span.line, *report.record.lines}
                # Each of them is asked: it is to be known which are used.
                covering = [
                    comment
                    for comment in map(by_line.get, lines)
                    if comment is not None and comment.covers(report.code)
                ]
                self._publish(tree, report, silenced=bool(covering))
            for comment in comments:
                self._judge(tree, comment)
            for line, codes in tree.ignored_lines.items():
                for code in filter(looks_like_ours, codes):
                    self._mistake(tree, Span(line, 0, line, 0), no_code(code))

    def _strict(self, tree: MypyFile) -> frozenset[ErrorCode]:
        """The codes that the configuration turns on in a module."""
        if self._settings.is_strict(tree.fullname):
            return STRICT_CODES
        return self._selected

    def _ignore_comments(self, tree: MypyFile) -> list[IgnoreComment]:
        """The comments of ours in a module, none of them used yet."""
        if self.in_daemon is None:
            return ignore_comments(self.program.content(tree.path))
        # What it publishes in each update is mostly of modules that have not changed.
        known = self._comments.get(tree.path)
        if known is None or known[0] is not tree:
            comments = ignore_comments(self.program.content(tree.path))
            known = self._comments[tree.path] = (tree, comments)
        for comment in known[1]:
            comment.used.clear()
        return known[1]

    def _judge(self, tree: MypyFile, comment: IgnoreComment) -> None:
        """Report a comment that silences nothing, or names what is no code."""
        mistakes = list(comment.mistakes())
        judged = [code.code for code in CODES.values() if self._build.is_on(code)]
        strict = all(map(self._build.is_on, STRICT_CODES))
        # mypy passes over code that this platform or this Python never reaches.
        reached = comment.line not in tree.skipped_lines
        if reached and (strict or self._build.options.warn_unused_ignores):
            mistakes += comment.unused(judged)
        span = Span(comment.line, comment.column, comment.line, comment.end_column)
        for mistake in mistakes:
            self._mistake(tree, span, mistake)

    def _mistake(self, tree: MypyFile, span: Span, message: str) -> None:
        """Report what is wrong with a comment."""
        if self._build.wanted(PARENT, tree.path):
            record = Finding(tree.path, span, PARENT, message, None, None).encode()
            self._build.report(
                span, record if self._records else message, None, PARENT_CODE, (), ""
            )

    def _publish(self, tree: MypyFile, report: Report, *, silenced: bool) -> None:
        code = CODES.get(report.code, PARENT_CODE)
        record, problem = report.record, report.problem
        finding = Finding(
            tree.path,
            record.span,
            report.code,
            problem.message,
            problem.hint,
            problem.place,
            misuse(record) if self._records else None,
        )
        if self._build.enabled(code):
            self._build.supersede(tree.path, record.span, record.lines, code)
        if silenced or not self._build.wanted(report.code, tree.path):
            return
        self._build.report(
            record.span,
            finding.encode() if self._records else finding.message,
            None if self._records else finding.hint,
            code,
            record.lines,
            record.function,
        )

    def facts(self, module: str) -> str:
        """What other modules may read in the bodies of *module*, for its interface."""
        tree = self._build.modules.get(module)
        if tree is None or tree.is_stub or is_foreign(tree.path):
            return ""
        answers = self._answers_for(tree)
        found = answers.facts(module).facts if answers is not None else None
        if found is not None:
            return found
        with self._inside(tree) as source:
            return facts(source, self.interpreter)

    def interface(self, tree: MypyFile) -> Interface:
        """What other modules may read of one that was only parsed."""
        with self._inside(tree) as source:
            return interface(source, lines(source, self.interpreter))

    @contextmanager
    def _inside(self, tree: MypyFile) -> Iterator[ModuleSource]:
        self.program.modules_read.clear()
        self.interpreter.reset({}, {})
        try:
            yield self.program.enter(tree)
        finally:
            self._leaned[tree.fullname] = set(self.program.modules_read)
            self.program.leave(for_good=False)


def _crashed(error: Exception) -> Report:
    """One clear line in place of a traceback that would end the whole run."""
    span = Span(1, 0, 1, 1)
    message = (
        f"mypy-asyncsession could not go through this module ({type(error).__name__}: {error})"
    )
    hint = "Please report this; set MYPY_ASYNCSESSION_RAISE=1 to see where it happens"
    use = Use(Pairing.AWAIT, (), True, "", None, False, None, False, "", span)
    return Report(PARENT, use, Problem(message, hint, None))
