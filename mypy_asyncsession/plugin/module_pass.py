"""The module pass: once per checked module, from its tree to findings in mypy's error list."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mypy_asyncsession.findings import Finding, Span
from mypy_asyncsession.plugin.codes import CODES, PARENT_CODE
from mypy_asyncsession.plugin.daemon import Daemon
from mypy_asyncsession.providers.evaluate import Evaluator
from mypy_asyncsession.providers.facts import facts
from mypy_asyncsession.providers.foreign import is_foreign
from mypy_asyncsession.providers.syntax import walk
from mypy_asyncsession.rules import PARENT, Problem, problems
from mypy_asyncsession.uses.collect import Collector
from mypy_asyncsession.uses.fastapi import installed
from mypy_asyncsession.uses.misuse import misuse
from mypy_asyncsession.uses.record import Pairing, Use

if TYPE_CHECKING:
    from mypy.nodes import MypyFile

    from mypy_asyncsession.plugin.hooks import Recovery
    from mypy_asyncsession.plugin.internals import Build
    from mypy_asyncsession.providers.from_types import Types
    from mypy_asyncsession.providers.program import Program
    from mypy_asyncsession.uses.fastapi import Version
    from mypy_asyncsession.uses.record import Record


@dataclass(frozen=True, slots=True)
class Report:
    """What a rule says of a record, until it is put into mypy's error list."""

    code: str
    record: Record
    problem: Problem


class ModulePass:
    """Finds and reports what is wrong in a module, and what the answer leaned on."""

    def __init__(
        self,
        build: Build,
        program: Program,
        types: Types,
        recovery: Recovery,
        *,
        records: bool,
        fastapi: Version | None,
    ) -> None:
        """Take part in a build.

        Args:
        build: The build that this takes part in.
        program: Where definitions are looked up.
        types: Reads mypy's types, with the project's resources.
        recovery: The expressions whose type the hooks have replaced.
        fastapi: The version of FastAPI that is configured, or ``None`` for the one installed.
        records: Whether whole records are reported, for a program, or messages, for people.
        """
        self._build = build
        self._records = records
        self._fastapi = fastapi
        self._recovery = recovery
        self._leaned: dict[str, set[str]] = {}
        self.program = program
        self.evaluator = Evaluator(program, types)
        self.evaluator.definitions_first = build.in_daemon
        self.daemon = Daemon(build, self)

    def run(self, tree: MypyFile) -> set[str]:
        """Report the findings in *tree*; return the modules that the answer leaned on."""
        try:
            if tree.is_stub or self._build.is_silent(tree) or is_foreign(tree.path):
                return set()
            if self._build.in_daemon:
                self.daemon.passed(tree)
                return set()
            self.publish(tree, self.examine(tree))
            leaned = self._leaned.pop(tree.fullname, set())
            return (leaned | self.program.leaned_on) - {tree.fullname}
        finally:
            self._recovery.forget()
            if not self._build.in_daemon:
                self._recovery.replaced.clear()
                self._build.forget_types()

    def examine(self, tree: MypyFile) -> list[Report]:
        """What is wrong in *tree*, whose types mypy has found."""
        self.program.leaned_on.clear()
        self.evaluator.reset(self._build.types(), self._recovery.replaced)
        try:
            source = self.program.enter(tree)
            return [
                Report(rule.code, record, problem)
                for record in Collector(self.evaluator, source, self._version()).records()
                for rule, problem in problems(record)
            ]
        except Exception as error:
            if "MYPY_ASYNCSESSION_RAISE" in os.environ:
                raise
            return [_crashed(error)]
        finally:
            self.program.leave(for_good=True)

    def _version(self) -> Version:
        """The version of FastAPI: the one configured, or the one installed."""
        if self._fastapi is None:
            self._fastapi = installed(self.program)
        return self._fastapi

    def discard(self, tree: MypyFile) -> None:
        """Under dmypy, let go of what belongs to a tree that another has replaced."""
        for node in walk(tree):
            self._recovery.replaced.pop(node, None)  # type: ignore[call-overload]
        self._build.forget_types_of(tree)

    def publish(self, tree: MypyFile, reports: list[Report]) -> None:
        """Put what was found into mypy's error list, in place of what mypy says of the same."""
        for report in reports:
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
        self.program.leaned_on.clear()
        self.evaluator.reset({}, {})
        try:
            return facts(self.program.enter(tree), self.evaluator)
        finally:
            self._leaned[module] = set(self.program.leaned_on)
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
