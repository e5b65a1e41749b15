"""Fixing: findings are fixed, the fixed files checked, and what did not help is taken back.

All of this happens to copies. The files themselves are written once, at the end, when it is known
that what is written is right.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mypy_asyncsession.checking.options import Engine
from mypy_asyncsession.checking.options import Options as CheckOptions
from mypy_asyncsession.checking.run import check
from mypy_asyncsession.fixes import FIXES
from mypy_asyncsession.fixes.cannot_fix import CannotFix
from mypy_asyncsession.fixes.editing.draft import Draft, applied
from mypy_asyncsession.fixes.editing.long_lines import longest
from mypy_asyncsession.fixes.editing.source_tree import Tree
from mypy_asyncsession.fixes.engine import plan
from mypy_asyncsession.fixes.engine.result import Edited, Outcome, Result, line_before
from mypy_asyncsession.fixes.engine.verdict import Verdict, judged
from mypy_asyncsession.fixes.engine.why import unmendable
from mypy_asyncsession.fixes.fix import Site, Style

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mypy_asyncsession.checking.baseline import Baseline
    from mypy_asyncsession.checking.report import Report
    from mypy_asyncsession.findings import Finding
    from mypy_asyncsession.fixes.engine.guard import Guard

#: How often the files are fixed and checked before what is still to do is left.
MOST_ROUNDS: Final = 40

_NOT_COVERED: Final = "the code is written in a way that the fix does not cover"


@dataclass(frozen=True, slots=True)
class Options:
    """How to fix.

    Attributes:
        check: How to check.
        only: The codes to fix; all of them if empty.
        style: How generators are entered.
        unsafe: Whether fixes are wanted as well whose effect the source does not settle.
        baseline: What is accepted: it is fixed as all else is, and not listed where it is left.
        others: Whether mypy is asked as well if it objects to what is written.
        rounds: How often the files are checked at the most.
        texts: By path as it is shown, what is fixed in place of what is in a file.
        inside: The files, as they are shown, whose findings are fixed; of all if empty.
        at: The one finding that is fixed, by its path, code, line and message; ``None`` for all.
    """

    check: CheckOptions = field(default_factory=CheckOptions)
    only: frozenset[str] = frozenset()
    style: Style = Style.CONTEXT_MANAGER
    unsafe: bool = False
    baseline: Baseline | None = None
    others: bool = True
    rounds: int = MOST_ROUNDS
    texts: Mapping[str, bytes] = field(default_factory=dict)
    inside: frozenset[str] = frozenset()
    at: tuple[str, str, int, str] | None = None


def fix(
    paths: Sequence[str],
    guard: Guard,
    options: Options | None = None,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> Result:
    """Find out what can be fixed in files and directories; nothing is written.

    Args:
        paths: The files and directories, absolute or relative to the guard's directory.
        guard: Says which files may be edited.
        options: How to fix them.
        on_progress: Called while mypy runs: how many files are done, and how many there are.

    Raises:
        CannotRun: Nothing could be checked; the message is one line.
        ConfigError: The configuration cannot be used; the message is one line.
    """
    with tempfile.TemporaryDirectory(prefix="mypy-asyncsession-") as folder:
        run = FixRun(paths, guard, options or Options(), Path(folder), on_progress)
        run.run()
        return run.result()


class FixRun:
    """One fix, from the first check to the last."""

    def __init__(
        self,
        paths: Sequence[str],
        guard: Guard,
        options: Options,
        folder: Path,
        on_progress: Callable[[int, int], None] | None,
        report: Report | None = None,
    ) -> None:
        self.settled: list[tuple[Finding, tuple[str, ...]]] = []
        self._among: set[tuple[str, ...]] | None = None
        self._paths = paths
        self._guard = guard
        self._options = options
        self._folder = folder
        self._on_progress = on_progress
        self._limit = longest(guard.directory)
        self._rounds = 0
        self._originals: dict[str, bytes] = dict(self._options.texts)
        self._texts: dict[str, bytes] = {}
        self._verdicts: dict[str, str | None] = {}
        self._refused: dict[tuple[str, ...], str] = {}
        self._careful: set[str] = set()
        self._defining: set[str] = set()
        self._needs: dict[str, set[str]] = {}
        self._fixed: list[Finding] = []
        self._tree: tuple[Report, Tree] | None = None
        self._beyond: set[tuple[str, str, str]] = set()
        # Its own errors mypy is asked for when there is something to fix: that takes longer.
        self._asks_others = False
        self._report = report or self._check({})
        self._accepted = self._known(self._options.baseline)

    def restrict(self, findings: Sequence[Finding]) -> list[tuple[str, ...]]:
        """Fix nothing but these; what tells each from others is returned."""
        for path in {found.path for found in findings}:
            with contextlib.suppress(CannotFix):
                self._read(path)
        keys = [*map(self._key, findings)]
        self._among = {*keys}
        return keys

    def run(self) -> None:
        """Fix until there is nothing more to fix."""
        while self._rounds < self._options.rounds:
            planned = self._plan(self._files())
            if not planned:
                return
            if self._options.others and not self._asks_others:
                self._asks_others = True
                seen, self._report = self._report, self._check(self._texts)
                self._beyond = plan.beyond(seen, self._report)
                continue
            new = self._contents(planned)
            after = self._check({**self._texts, **new})
            findings = [found for each in planned for found in each.findings]
            verdict = judged(self._report, after, new, findings)
            good, bad = plan.sorted_out(planned, verdict)
            if bad:
                self._take_back(planned, bad, verdict)
            self.settled += [(found, self._key(found)) for each in good for found in each.findings]
            self._fixed += [self._as_found(found) for each in good for found in each.findings]
            kept = {path for each in good for path in each.paths()}
            self._texts.update({path: new[path] for path in kept})
            self._defining |= {path for each in good for path in each.draft.defining()}
            for each in good:
                each.note_needs(self._needs)
            if good or not bad:  # else the files are what they were
                self._report = after if not bad else self._check(self._texts)
            if good and self._options.at is not None:
                return  # what is found on that line now is another finding

    def result(self) -> Result:
        """What became of all findings."""
        edited = [
            Edited(
                path,
                self._originals[path],
                content,
                frozenset(each for each in self._needs.get(path, ()) if self._is_edited(each)),
            )
            for path, content in sorted(
                self._texts.items(), key=lambda item: (item[0] not in self._defining, item[0])
            )
            if self._is_edited(path)
        ]
        tree = self._files()
        accepted = Counter(self._accepted)
        left = []
        for found in filter(self._is_wanted, self._report.findings):
            key = self._key(found)
            if accepted[key] > 0:
                accepted[key] -= 1
            else:
                left.append(Outcome(found, self._reason(found, tree)))
        return Result(
            edited,
            [Outcome(found, None) for found in self._fixed],
            left,
            self._report.problems,
            self._report.checked,
            known=self._accepted.total() - accepted.total(),
            unchecked=len(self._report.unchecked),
            incomplete=self._report.incomplete,
        )

    def _as_found(self, found: Finding) -> Finding:
        """A finding on the line on which it was before anything was edited."""
        if found.path not in self._texts:
            return found
        old, new = self._originals[found.path], self._texts[found.path]
        return replace(found, span=replace(found.span, line=line_before(old, new, found.span.line)))

    def _is_edited(self, path: str) -> bool:
        return path in self._texts and self._texts[path] != self._originals[path]

    def _known(self, baseline: Baseline | None) -> Counter[tuple[str, ...]]:
        """What the baseline has of that which was found at first."""
        if baseline is None:
            return Counter()
        for path in {found.path for found in self._report.findings}:
            with contextlib.suppress(CannotFix):
                self._read(path)
        new = {id(found) for found in baseline.compare(self._report).report.findings}
        return Counter(self._key(found) for found in self._report.findings if id(found) not in new)

    # Checking

    def _files(self) -> Tree:
        """The files as they are by now."""
        if self._tree is None or self._tree[0] is not self._report:
            tree = Tree(self._read, self._report.modules, self._guard.directory)
            self._tree = self._report, tree
        return self._tree[1]

    def _check(self, texts: dict[str, bytes]) -> Report:
        """The report on the files, some of them with another text."""
        self._rounds += 1
        instead = {}
        for number, (path, content) in enumerate(sorted({**self._options.texts, **texts}.items())):
            # A new path each time: mypy compares times by the second.
            copy = self._folder / str(self._rounds) / str(number) / os.path.basename(path)
            copy.parent.mkdir(parents=True)
            copy.write_bytes(content)
            instead[os.path.join(self._guard.directory, path)] = str(copy)
        engine = Engine.MYPY if self._asks_others else Engine.PARSED
        how = replace(self._options.check, others=self._asks_others, instead=instead)
        return check(
            self._paths,
            replace(how, engine=engine) if self._options.others else how,
            directory=self._guard.directory,
            on_progress=self._on_progress,
        )

    def _read(self, path: str) -> bytes:
        """A file as it is by now.

        Raises:
            CannotFix: It cannot be read.
        """
        if path in self._texts:
            return self._texts[path]
        if path not in self._originals:
            try:
                self._originals[path] = Path(self._guard.directory, path).read_bytes()
            except OSError:
                raise CannotFix("the file cannot be read") from None
        return self._originals[path]

    def _may_edit(self, path: str) -> None:
        """Whether a file may be edited; it is looked at once.

        Raises:
            CannotFix: It may not.
        """
        if path not in self._verdicts:
            self._read(path)
            try:
                self._guard.check(path, self._originals[path])
            except CannotFix as left:
                self._verdicts[path] = str(left)
            else:
                self._verdicts[path] = None
        reason = self._verdicts[path]
        if reason is not None:
            raise CannotFix(reason)

    # Fixing

    def _key(self, finding: Finding) -> tuple[str, ...]:
        """What tells a finding from others, wherever its line has moved to."""
        content = self._texts.get(finding.path, self._originals.get(finding.path, b""))
        lines = content.split(b"\n")[finding.span.line - 1 : finding.span.line]
        line = lines[0].strip().decode(errors="replace") if lines else str(finding.span.line)
        return finding.path, finding.code, finding.message, line

    def _is_wanted(self, finding: Finding) -> bool:
        options = self._options
        if (finding.path, finding.code, finding.message) in self._beyond:
            return False
        if self._among is not None and self._key(finding) not in self._among:
            return False
        if options.at is not None:
            line = finding.span.line
            return options.at == (finding.path, finding.code, line, finding.message)
        return (not options.only or finding.code in options.only) and (
            not options.inside or finding.path in options.inside
        )

    def _plan(self, tree: Tree) -> list[plan.Planned]:
        """What can be fixed in one go."""
        planned: list[plan.Planned] = []
        by_key: dict[object, plan.Planned] = {}
        busy: set[str] = set()
        for found in self._report.findings:
            if not self._is_wanted(found) or self._key(found) in self._refused:
                continue
            try:
                draft = self._draft(found, tree)
            except CannotFix:
                continue
            if draft.key in by_key:
                by_key[draft.key].findings.append(found)
                continue
            touched = {source.path for source in draft.sources()}
            if touched & busy or draft.collides(each.draft for each in planned):
                continue  # in the next round
            each = plan.Planned(draft, [found])
            by_key[draft.key] = each
            planned.append(each)
            busy |= touched & self._careful
        return planned

    def _draft(self, finding: Finding, tree: Tree) -> Draft:
        misuse = finding.misuse
        fix = next((each for each in FIXES if misuse and each.fits(finding, misuse)), None)
        if fix is None or misuse is None:
            raise CannotFix(unmendable(finding))
        self._may_edit(finding.path)
        if misuse.record != "DirectCall" and plan.lacks_arguments(finding, self._report.findings):
            raise CannotFix(f'"{misuse.callee}" has a parameter that only FastAPI fills in')
        site = Site(
            finding,
            misuse,
            tree.file(finding.path),
            tree,
            self._options.style,
            self._options.unsafe,
        )
        try:
            draft = fix.draft(site)
        except CannotFix:
            raise
        except Exception:
            if "MYPY_ASYNCSESSION_RAISE" in os.environ:
                raise
            raise CannotFix(_NOT_COVERED) from None
        for source in draft.sources():
            self._may_edit(source.path)
        return draft

    def _take_back(
        self, planned: list[plan.Planned], bad: list[plan.Planned], verdict: Verdict
    ) -> None:
        """Leave what did not help; where it cannot be told what that was, go step by step."""
        accused = verdict.paths.keys()
        offenders = [each for each in bad if verdict.elsewhere or each.paths() & accused]
        for each in offenders:
            paths = set(each.paths() & accused or each.paths())
            alone = not verdict.elsewhere and not any(
                other.paths() & paths for other in offenders if other is not each
            )
            if alone or paths <= self._careful or len(planned) == 1:
                reason = verdict.reason(paths)
                self._refused.update({self._key(found): reason for found in each.findings})
        for each in offenders:
            self._careful |= each.paths() & accused or each.paths()

    def _contents(self, planned: list[plan.Planned]) -> dict[str, bytes]:
        """The new contents of the files; a fix that cannot be written is left."""
        try:
            new = applied((each.draft for each in planned), self._limit)
        except Exception:  # noqa: BLE001
            for each in [each for each in planned if not plan.can_be_written(each.draft)]:
                planned.remove(each)
                self._refused.update({self._key(found): _NOT_COVERED for found in each.findings})
            new = applied((each.draft for each in planned), self._limit)
        return {source.path: content for source, content in new.items()}

    def _reason(self, finding: Finding, tree: Tree) -> str:
        """Why a finding is left."""
        refused = self._refused.get(self._key(finding))
        if refused is not None:
            return refused
        try:
            self._draft(finding, tree)
        except CannotFix as left:
            return str(left)
        return "there were too many rounds: run it again"
