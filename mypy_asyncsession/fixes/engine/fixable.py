"""Which findings ``fix`` would fix: what it does itself is asked.

They are fixed in copies, and these are checked, as the run was that found them.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mypy_asyncsession.fixes.engine.driver import FixRun
from mypy_asyncsession.fixes.engine.driver import Options as FixOptions
from mypy_asyncsession.fixes.engine.guard import Guard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mypy_asyncsession.checking.options import Options
    from mypy_asyncsession.checking.report import Report
    from mypy_asyncsession.findings import Finding

#: How often the fixed files are checked. What needs more than that is rare, and a first look must
#: not take long: it counts as not fixable.
_ROUNDS: Final = 3


def tried(
    findings: Sequence[Finding],
    report: Report,
    paths: Sequence[str],
    options: Options,
    on_progress: Callable[[int, int], None] | None,
) -> Iterator[bool]:
    """Whether findings are fixed when it is tried.

    Args:
        findings: The findings.
        report: All that was found with them, and the texts that are not what is on disk.
        paths: The files and directories that were checked.
        options: How they were checked.
        on_progress: Called while mypy runs: how many files are done, and how many there are.
    """
    guard = Guard(os.path.abspath(os.curdir), writes=False)
    texts = {path: text.encode() for path, text in report.texts.items()}
    how = FixOptions(check=options, others=False, rounds=_ROUNDS, texts=texts)
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
