"""The module pass: once per checked module, from its tree to findings in mypy's error list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy_asyncsession.findings import Finding
from mypy_asyncsession.plugin.codes import CODES
from mypy_asyncsession.providers.evaluate import Evaluator
from mypy_asyncsession.providers.facts import facts
from mypy_asyncsession.providers.foreign import is_foreign
from mypy_asyncsession.providers.program import Program
from mypy_asyncsession.rules import problems
from mypy_asyncsession.uses.collect import Collector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import MypyFile

    from mypy_asyncsession.plugin.hooks import Recovery
    from mypy_asyncsession.plugin.internals import Build
    from mypy_asyncsession.providers.from_types import Types
    from mypy_asyncsession.uses.record import Use


class ModulePass:
    """Finds and reports what is wrong in a module, and what the answer leaned on."""

    def __init__(self, build: Build, types: Types, recovery: Recovery, *, records: bool) -> None:
        """Args:
        build: The build that this takes part in.
        types: Reads mypy's types, with the project's resources.
        recovery: The expressions whose type the hooks have replaced.
        records: Whether whole records are reported, for a program, or messages, for people.
        """
        self._build = build
        self._records = records
        self._recovery = recovery
        self._leaned: dict[str, set[str]] = {}
        self.program = Program(build.modules, build.parse, is_foreign)
        self.evaluator = Evaluator(self.program, types)

    def run(self, tree: MypyFile) -> set[str]:
        """Report the findings in *tree*; return the modules that the answer leaned on."""
        try:
            if tree.is_stub or self._build.is_silent(tree) or is_foreign(tree.path):
                return set()
            self.program.leaned_on.clear()
            self.evaluator.reset(self._build.types(), self._recovery.replaced)
            source = self.program.enter(tree)
            self._report(tree, Collector(self.evaluator, source).uses())
            leaned = self._leaned.pop(tree.fullname, set())
            return (leaned | self.program.leaned_on) - {tree.fullname}
        finally:
            self.program.leave()
            self._recovery.forget()
            self._build.forget_types()

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
            self.program.leave()

    def _report(self, tree: MypyFile, uses: Iterator[Use]) -> None:
        for use in uses:
            for rule, problem in problems(use):
                finding = Finding(
                    tree.path, use.span, rule.code, problem.message, problem.hint, problem.place
                )
                message = finding.encode() if self._records else finding.message
                hint = None if self._records else finding.hint
                code = CODES[rule.code]
                if self._build.enabled(code):
                    self._build.supersede(tree.path, use.lines, code)
                self._build.report(use.span, message, hint, code, use.lines)
