"""A baseline: findings that were there before, so that only new ones fail.

The file has one finding a line, without line numbers, in a fixed order: it changes only where
findings come and go, and its changes can be read in a review.
"""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mypy_asyncsession.checking.finding_identity import Identities, Identity
from mypy_asyncsession.checking.report import CannotRun
from mypy_asyncsession.codes import CODES, PARENT, STRICT
from mypy_asyncsession.writing import write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mypy_asyncsession.checking.report import Report
    from mypy_asyncsession.findings import Finding

_VERSION: Final = 1

_ABOUT: Final = (
    "Findings that were there before. "
    "Made by: mypy-asyncsession check --baseline FILE --update-baseline"
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a report and a baseline have in common.

    Attributes:
        report: The report, with the new findings alone.
        fixed: What is in the baseline and was not found any more, and how often.
        updated: The baseline as it should be: what was found, and what was not looked for.
    """

    report: Report
    fixed: Counter[Identity]
    updated: Baseline


@dataclass(frozen=True, slots=True)
class Baseline:
    """Findings that were there before.

    Attributes:
        path: The file. The paths in it are relative to its directory.
        findings: How often each of them was there.
    """

    path: Path
    findings: Counter[Identity] = field(default_factory=Counter)

    @classmethod
    def read(cls, path: Path) -> Baseline:
        """Read a file.

        Raises:
            CannotRun: It cannot be read, or is no baseline; the message is one line.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise CannotRun(
                f"{path}: there is no such baseline: --update-baseline makes it"
            ) from None
        except OSError as error:
            raise CannotRun(f"{path}: cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise CannotRun(f"{path}: not a baseline: not UTF-8") from None
        except json.JSONDecodeError as error:
            raise CannotRun(
                f"{path}:{error.lineno}: not a baseline: not valid JSON ({error.msg})"
            ) from None
        except RecursionError:
            raise CannotRun(f"{path}: not a baseline") from None
        return cls(path, _entries(path, content))

    def write(self) -> None:
        """Write the file, if that changes it.

        Raises:
            CannotRun: It cannot be written; the message is one line.
        """
        text = self.dump()
        try:
            if self.path.exists() and self.path.read_text(encoding="utf-8") == text:
                return
            write(self.path, text.encode())
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise CannotRun(f"{self.path}: cannot be written: {reason}") from None

    def dump(self) -> str:
        """The text of the file: one finding a line, in order."""
        lines = ",\n".join(
            f"    {json.dumps(_as_entry(identity, number), ensure_ascii=False)}"
            for identity, number in sorted(self.findings.items())
        )
        findings = f"[\n{lines}\n  ]" if lines else "[]"
        return (
            f'{{\n  "about": {json.dumps(_ABOUT)},\n  "version": {_VERSION},\n'
            f'  "findings": {findings}\n}}\n'
        )

    def compare(self, report: Report) -> Comparison:
        """What of *report* is new, and what of this was fixed.

        Findings are matched by what they are. Those that are left over are matched once more where
        a function or a file has another name by now.
        """
        folder = os.path.abspath(self.path.parent)
        names = {path: _relative(path, folder) for path in report.paths}
        identities = Identities(report.texts)
        here: dict[Identity, list[Finding]] = defaultdict(list)
        new: list[Finding] = []
        for found in report.findings:
            if found.code == PARENT:
                new.append(found)  # that we failed is never an old story
                continue
            identity = identities.of(found)
            here[replace(identity, file=_relative(found.path, folder))].append(found)
        current = Counter({identity: len(findings) for identity, findings in here.items()})

        def renamed(identity: Identity) -> bool:
            path = Path(folder, identity.file)
            return path.exists() and not identities.defines(str(path), identity.function)

        def gone(identity: Identity) -> bool:
            return not Path(folder, identity.file).exists()

        matching = _Matching(self.findings, here)
        matching.match(lambda _identity: True, _whole)
        matching.match(renamed, _without_function)
        matching.match(gone, _without_file)
        checked = set(names.values())
        strict = {names[path] for path in report.strict & names.keys()}
        judged = {
            identity: number
            for identity, number in matching.old.items()
            if gone(identity)
            or (
                identity.file in checked
                and (identity.code not in STRICT or identity.file in strict)
            )
        }
        new += [found for findings in matching.new.values() for found in findings]
        kept = matching.old - Counter(judged)
        order = {id(found): number for number, found in enumerate(report.findings)}
        new.sort(key=lambda found: order[id(found)])
        return Comparison(
            replace(report, findings=new, known=len(report.findings) - len(new)),
            Counter(judged),
            Baseline(self.path, current + kept),
        )


class _Matching:
    """What is left of a baseline, and of what was found, after some of it was matched."""

    def __init__(self, old: Counter[Identity], new: dict[Identity, list[Finding]]) -> None:
        self.old = Counter(old)
        self.new = {identity: list(findings) for identity, findings in new.items()}

    def match(
        self, applies: Callable[[Identity], bool], key: Callable[[Identity], Identity]
    ) -> None:
        """Match what has the same *key*; of the baseline only that to which this *applies*."""
        waiting: dict[Identity, list[Identity]] = defaultdict(list)
        for identity in sorted(self.new):
            if self.new[identity]:
                waiting[key(identity)].append(identity)
        for identity in sorted(self.old):
            # Asking whether it applies may mean to read a file.
            candidates = waiting.get(key(identity), ()) if self.old[identity] > 0 else ()
            if not candidates or not applies(identity):
                continue
            for candidate in candidates:
                number = min(self.old[identity], len(self.new[candidate]))
                self.old[identity] -= number
                # Which of several is the new one nobody knows: the last is as good a guess as any.
                del self.new[candidate][:number]
        self.old = +self.old


def _whole(identity: Identity) -> Identity:
    return identity.layout_free()


def _without_function(identity: Identity) -> Identity:
    return replace(identity.layout_free(), function="")


def _without_file(identity: Identity) -> Identity:
    return replace(identity.layout_free(), file="")


def described(identity: Identity) -> str:
    """A finding of a baseline, in words."""
    where = f" in {identity.function}" if identity.function else ""
    return f"{identity.file}: {identity.code}{where}: {identity.text}"


def _relative(path: str, folder: str) -> str:
    try:
        return os.path.relpath(path, folder).replace(os.sep, "/")
    except ValueError:  # another drive
        return Path(path).absolute().as_posix()


def _as_entry(identity: Identity, number: int) -> dict[str, str | int]:
    entry: dict[str, str | int] = {
        "file": identity.file,
        "code": identity.code,
        "function": identity.function,
        "text": identity.text,
    }
    if number > 1:
        entry["count"] = number
    return entry


def _entries(path: Path, content: Any) -> Counter[Identity]:
    if not isinstance(content, dict) or "findings" not in content:
        raise CannotRun(f"{path}: not a baseline")
    if content.get("version") != _VERSION:
        raise CannotRun(
            f"{path}: made by another version of mypy-asyncsession: remove it, and make it anew"
        )
    entries: Counter[Identity] = Counter()
    for number, entry in enumerate(_list(content["findings"]), 1):
        identity = _identity(entry)
        count = entry.get("count", 1) if isinstance(entry, dict) else 0
        if identity is None or type(count) is not int or count < 1:
            raise CannotRun(f"{path}: not a baseline: finding {number} is not as it was written")
        if identity.code in CODES:  # else there is no such rule any more
            entries[identity] += count
    return entries


def _list(value: object) -> Iterable[Any]:
    return value if isinstance(value, list) else [None]


def _identity(entry: object) -> Identity | None:
    if not isinstance(entry, dict):
        return None
    parts = [entry.get(name) for name in ("file", "code", "function", "text")]
    texts = [part for part in parts if isinstance(part, str)]
    return Identity(*texts) if len(texts) == len(parts) else None
