"""The files of a project in the editor: which of their texts counts, and what is known of them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from mypy_asyncsession.server.analysis.edit import Edit
from mypy_asyncsession.server.analysis.texts import Buffer, on_disk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_asyncsession.findings import Finding
    from mypy_asyncsession.server.analysis.merging import Seen

#: How many texts are kept that nobody has looked at yet.
_MOST_UNREAD: Final = 20


@dataclass(slots=True)
class KnownFile:
    """What is known of a file.

    Attributes:
        findings: What is shown of it.
        trouble: The line at which its text cannot be parsed, and why.
        good: The last text in the editor that could be parsed.
        seen: What mypy has seen.
        version: The version of which something was shown last.
        read: The text that was looked at last.
        unread: The texts since then that were edited before anybody looked at them.
    """

    findings: list[Finding] = field(default_factory=list)
    trouble: tuple[int, str] | None = None
    good: str | None = None
    seen: Seen | None = None
    version: int | None = None
    read: str | None = None
    unread: deque[str] = field(default_factory=lambda: deque(maxlen=_MOST_UNREAD))

    def is_read(self, text: str, trouble: tuple[int, str] | None) -> None:
        """A text of it was looked at: the newest, or one that was edited meanwhile.

        Args:
            text: The text.
            trouble: The line at which it cannot be parsed, and why.
        """
        self.read = text
        if trouble is None:
            self.good = text
            while self.unread and self.unread.popleft() != text:
                pass  # it is older

    def edited(self, old: str, new: str) -> None:
        """Its text was edited: what is shown moves with its lines."""
        self.findings = list(Edit.between(old, new).moved(self.findings))
        if old != self.read:
            self.unread.append(old)


class Files:
    """The files of a project that are open, and those of which something is known.

    Attributes:
        open: What is in the editor, by absolute path.
        known: What is known of files, by absolute path.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.open: dict[str, Buffer] = {}
        self.known: dict[str, KnownFile] = {}

    def of(self, path: str) -> KnownFile:
        """What is known of a file, if only that nothing is."""
        return self.known.setdefault(path, KnownFile())

    def close(self, path: str) -> bool:
        """What is on disk counts again; whether the file was open."""
        if self.open.pop(path, None) is None:
            return False
        file = self.of(path)
        file.good = file.trouble = file.version = file.read = None
        file.unread.clear()
        return True

    def counting(self) -> dict[str, str]:
        """Of the files that are open, the texts that count.

        Of one that cannot be parsed it is the last one that could be, or what is on disk.
        """
        found = {}
        for path, buffer in self.open.items():
            file = self.of(path)
            text = file.good if file.trouble is not None else buffer.text
            if text is not None:
                found[path] = text
        return found

    def edit(self, path: str) -> Edit | None:
        """The edit from what mypy has seen to what is in the editor; ``None`` if there is none."""
        file, buffer = self.known.get(path), self.open.get(path)
        if file is None or file.seen is None or buffer is None or file.seen.text == buffer.text:
            return None
        return Edit.between(file.seen.text, buffer.text)


def unsaved(texts: Mapping[str, str]) -> dict[str, str]:
    """Of texts that count, those that are to be read in place of what is on disk.

    mypy takes a file for unchanged whose size and time, in whole seconds, are the same. So one
    that was just written is not left to it either.
    """
    buffers = (Buffer(path, text) for path, text in texts.items())
    return {each.path: each.text for each in buffers if not each.is_saved() or each.is_fresh()}


def alike(then: Mapping[str, str], now: Mapping[str, str]) -> bool:
    """Whether the same texts count as at another time.

    Args:
        then: The texts that counted, also those on disk, of what was open by then or is since.
        now: The texts that count now of what is open.
    """
    return now.keys() <= then.keys() and all(
        now[path] == text if path in now else Buffer(path, text).is_saved()
        for path, text in then.items()
    )


def on_disk_of(buffer: Buffer) -> str | None:
    """The text on disk of a file that is open; ``None`` if it is still to be saved."""
    return buffer.text if buffer.is_saved() else on_disk(buffer.path)
