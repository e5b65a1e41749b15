"""Whether findings can be fixed: asked of ``fix``, where it is not known from an earlier run."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from mypy_asyncsession.checking.fix_answers import FixAnswers
from mypy_asyncsession.checking.place import place

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mypy_asyncsession.checking.options import Options
    from mypy_asyncsession.checking.report import Report
    from mypy_asyncsession.findings import Finding

#: Of how many findings it is asked: of more it would take as long as the check itself.
MANY: Final = 100


def asked(
    findings: Sequence[Finding],
    report: Report,
    paths: Sequence[str],
    options: Options,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Finding]:
    """Findings that know whether ``fix`` would fix them; of very many that is left open.

    Args:
        findings: The findings.
        report: All that was found with them, and the texts that are not what is on disk.
        paths: The files and directories that were checked.
        options: How they were checked.
        on_progress: Called while mypy runs: how many files are done, and how many there are.
    """
    directory = os.path.abspath(os.curdir)
    texts = {path: text.encode() for path, text in report.texts.items()}
    kept = FixAnswers(place(directory, options.cache_dir).private, options, texts)
    keys = [*map(kept.key, findings)]
    unknown = [
        (key, found) for key, found in zip(keys, findings, strict=True) if key not in kept.answers
    ]
    if len(unknown) > MANY:
        return list(findings)
    if unknown:
        # With all that can fix, LibCST is imported: mostly there is nothing to ask.
        from mypy_asyncsession.fixes.engine.fixable import tried

        answers = tried([found for _, found in unknown], report, paths, options, on_progress)
        kept.add((key, answer) for (key, _), answer in zip(unknown, answers, strict=True))
    return [
        replace(found, fixable=kept.answers[key]) for key, found in zip(keys, findings, strict=True)
    ]
