"""One project in the editor: its texts, what was found in them, and the processes that look."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mypy_asyncsession.checking.report import Report
from mypy_asyncsession.checking.report_cache import decoded
from mypy_asyncsession.server.analysis.edit import Edit
from mypy_asyncsession.server.analysis.fixing import Fixed
from mypy_asyncsession.server.analysis.jobs import Task
from mypy_asyncsession.server.analysis.merging import Seen, merged
from mypy_asyncsession.server.analysis.open_files import Files, alike, on_disk_of, unsaved
from mypy_asyncsession.server.analysis.parsed_view import ParsedView, findings_in, trouble_in
from mypy_asyncsession.server.analysis.runs import Runs
from mypy_asyncsession.server.analysis.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_asyncsession.findings import Finding
    from mypy_asyncsession.server.analysis.jobs import Settings, Wanted
    from mypy_asyncsession.server.analysis.listener import Listener
    from mypy_asyncsession.server.analysis.open_files import KnownFile
    from mypy_asyncsession.server.analysis.roots import Root
    from mypy_asyncsession.server.analysis.texts import Buffer

#: How many seconds nobody must have typed before mypy is asked.
QUIET: Final = 0.15


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a check is: how many files are done, and how many there are."""

    done: int
    number: int


@dataclass(slots=True)
class State:
    """How things are with a project.

    Attributes:
        pending: Whether mypy has yet to see the newest texts.
        progress: How far it is, while it runs.
        failure: Why the last check could not run.
    """

    pending: bool = True
    progress: Progress | None = None
    failure: str | None = None


class Project:
    """A project.

    Attributes:
        root: Where it is.
        settings: How it is checked.
        buffers: The files that are open, by absolute path.
        report: What the last check found.
        state: How things are.
    """

    def __init__(self, root: Root, settings: Settings, listener: Listener[Project]) -> None:
        """Begin with nothing known; ``start`` begins to look.

        Args:
            root: Where it is.
            settings: How it is checked.
            listener: Who is told what changes.
        """
        self.root = root
        self.settings = settings
        self._files = Files()
        self.buffers = self._files.open
        self.report = Report()
        self.state = State()
        self.is_first = True
        self._listener = listener
        self._tasks = Tasks(root.directory, settings)
        self._looking: asyncio.Task[None] | None = None
        self._to_look: list[str] = []
        self._parsed = ParsedView(root, settings, self._tasks.end)
        self._checks = Runs(self._is_unchecked, self._check, self._check_ended)
        #: The texts that counted when mypy looked last; ``None`` if others may by now.
        self._checked: dict[str, str] | None = None
        #: The texts that the check which runs reads in place of what is on disk.
        self._given: dict[str, str] = {}
        self._disk_changes = 0
        self._is_new = True
        self._closed = False

    def start(self) -> None:
        """Begin to look."""
        self._tasks.prepare()
        self.check_soon()

    def changed(self, buffer: Buffer) -> None:
        """A file was opened, or its text was edited."""
        old = self.buffers.get(buffer.path)
        self.buffers[buffer.path] = buffer
        file = self._files.of(buffer.path)
        if old is not None and old.text != buffer.text:
            file.edited(old.text, buffer.text)
        elif old is None:
            self._note_checked([buffer])
            if self.report.paths and buffer.is_saved():
                file.seen = Seen(buffer.text, list(file.findings))
        self._look_soon(buffer.path)
        if old is None or old.text != buffer.text:
            self.check_soon()

    def closed(self, path: str) -> None:
        """A file was closed: what is on disk counts again."""
        if self._files.close(path):
            self._listener.found(self, [path])
            self.check_soon()

    def saved(self, path: str) -> None:
        """A file was written by the editor: with what counts anyway, but to whom it is given."""
        if path not in self._given:
            # What runs may have read it before or after.
            self._disk_changes += 1

    def disk_changed(self, *, files: bool = True) -> None:
        """Files were changed, made or removed by others, or the configuration was.

        Args:
            files: Whether other files may be there, or another configuration.
        """
        self._checked = None
        self._disk_changes += 1
        if files:
            self._parsed.drop()
        for path in self.buffers:
            self._look_soon(path)
        self.check_soon()

    async def close(self) -> None:
        """End all its processes."""
        self._closed = True
        if self._looking is not None:
            self._looking.cancel()
            with suppress(asyncio.CancelledError):
                await self._looking
        await self._checks.close()
        self._parsed.drop()
        await self._tasks.close()

    # What is known

    def findings(self, path: str) -> list[Finding]:
        """What is shown of a file."""
        file = self._files.known.get(path)
        return file.findings if file is not None else []

    def trouble(self, path: str) -> tuple[int, str] | None:
        """The line at which a text cannot be parsed, and why: its findings are older."""
        file = self._files.known.get(path)
        return file.trouble if file is not None else None

    def forget(self) -> None:
        """Show nothing of any file."""
        self._files.known.clear()

    def paths(self) -> list[str]:
        """The files of which something is shown."""
        return [path for path, file in self._files.known.items() if file.findings]

    def full(self, path: str) -> str:
        """The absolute path of a file as it is shown."""
        return os.path.normpath(os.path.join(self.root.directory, path))

    def shown(self, path: str) -> str:
        """The path of a file as findings have it."""
        return path.removeprefix(self.root.directory.rstrip(os.sep) + os.sep)

    def line_now(self, path: str, line: int) -> int | None:
        """Where a line of what mypy has seen is by now; ``None`` if it was edited."""
        edit = self._files.edit(path)
        return edit.line(line) if edit is not None else line

    def line_seen(self, path: str, line: int) -> int | None:
        """Where a line was in what mypy has seen; ``None`` if it is new."""
        edit = self._files.edit(path)
        return edit.back().line(line) if edit is not None else line

    async def fix(self, wanted: list[Wanted]) -> Fixed:
        """What fixes would make of the texts.

        Args:
            wanted: The findings: paths as they are shown, codes, lines and messages; an empty
                code stands for all of a file, a line of 0 for all with that code.

        Raises:
            Failed: It cannot be done.
        """
        task = self._task("fix", unsaved(self._files.counting()), wanted)
        found = await self._tasks.done(task, lambda _done, _number: None)
        assert found is not None
        return Fixed(**found)

    def _task(self, kind: str, texts: dict[str, str], wanted: list[Wanted]) -> Task:
        new = [path for path, buffer in self.buffers.items() if path in texts and buffer.is_new()]
        paths = [*self.root.paths, *new]
        return Task(kind, self.root.directory, paths, self.settings, texts, wanted)

    # Single files, without mypy

    def _look_soon(self, path: str) -> None:
        """Look at a file, and then at the others that are open: they may use what is in it."""
        self._to_look = [path, *(each for each in self.buffers if each != path)]
        if self._looking is None and not self._closed:
            self._looking = asyncio.create_task(self._look_at_all())

    async def _look_at_all(self) -> None:
        try:
            while self._to_look:
                path = self._to_look.pop(0)
                if path in self.buffers:
                    await self._look(path)
        finally:
            self._looking = None

    async def _look(self, path: str) -> None:
        buffer = self.buffers[path]
        counting = self._files.counting()
        answer = await self._parsed.look(path, {**unsaved(counting), path: buffer.text})
        file, wrong = self._files.of(path), trouble_in(answer, buffer.text)
        before = (file.trouble, file.findings)
        if self.buffers.get(path) is buffer:
            file.is_read(buffer.text, wrong)
            file.trouble = wrong
            if wrong is not None:
                await self._read_unread(path, file)
        elif buffer.text in file.unread:
            file.is_read(buffer.text, wrong)
        if self.buffers.get(path) is not buffer:
            return
        if answer is not None and wrong is None:
            await self._take_parsed(buffer, counting, findings_in(answer))
        if buffer.version != file.version or before != (file.trouble, file.findings):
            file.version = buffer.version
            self._listener.found(self, [path])

    async def _take_parsed(
        self, buffer: Buffer, texts: dict[str, str], parsed: list[Finding]
    ) -> None:
        """Take over what was found in a file without mypy.

        Args:
            buffer: What was looked at.
            texts: The texts that counted then.
            parsed: What was found.
        """
        path, file = buffer.path, self._files.of(buffer.path)
        seen = file.seen
        if seen is not None and seen.text == buffer.text and self._is_checked(texts):
            seen.parsed = parsed
            file.findings = list(seen.checked)
            return
        if seen is not None and seen.parsed is None:
            # What it gets wrong here is what it gets wrong in the text that mypy has seen.
            before = unsaved(self._checked if self._checked is not None else texts)
            answer = await self._parsed.look(path, {**before, path: seen.text})
            if answer is not None and answer["trouble"] is None:
                seen.parsed = findings_in(answer)
            if self.buffers.get(path) is not buffer or file.seen is not seen:
                return  # it will be looked at once more
        if self.settings.baseline is None or (seen is not None and seen.parsed is not None):
            # What the baseline has is among what the check did not find.
            file.findings = merged(parsed, buffer.text, seen)

    async def _read_unread(self, path: str, file: KnownFile) -> None:
        """Find out which of the texts that were edited too soon was the last that can be parsed."""
        while file.unread:
            text = file.unread.pop()
            answer = await self._parsed.look(path, {path: text})
            if trouble_in(answer, text) is None:
                file.good = text
                file.unread.clear()

    # All of it, with mypy

    def check_soon(self) -> None:
        """Have mypy see the newest texts, once nobody types; an older run is mostly ended."""
        if not self._closed:
            self._set_pending(pending=True)
            if self.is_first:
                self._checks.again(0, 0)  # it takes longest: edits must not keep it from its end
            else:
                self._checks.again(QUIET)

    async def _is_unchecked(self) -> bool:
        while self._looking is not None:
            await asyncio.wait([self._looking])
        return self.is_first or not self._is_checked(self._files.counting())

    def _note_checked(self, opened: Iterable[Buffer]) -> None:
        """Note that of files that were not open mypy has seen what was on disk."""
        checked = self._checked
        for buffer in opened:
            if checked is not None and buffer.path not in checked:
                text = on_disk_of(buffer)
                if text is not None:
                    checked[buffer.path] = text

    def _is_checked(self, texts: dict[str, str]) -> bool:
        """Whether these texts counted when mypy looked last."""
        return self._checked is not None and alike(self._checked, texts)

    async def _check(self) -> None:
        counting, changes = self._files.counting(), self._disk_changes
        texts = self._given = unsaved(counting)
        # What is kept between runs of ``check`` tells the findings soon, if there is any.
        kind = "quick check" if self._is_new and not texts else "check"
        self._is_new = False
        report = await self._report(kind, texts)
        if report is None:
            return
        same = self._is_checked(counting)
        self._checked = counting if changes == self._disk_changes else None
        self._note_checked(self.buffers.values())
        self._take(report, counting, same=same)
        self.is_first &= kind != "check"

    def _check_ended(self, failure: str | None) -> None:
        self.state.failure = failure
        self._set_pending(pending=False)

    def _set_pending(self, *, pending: bool) -> None:
        self.state.pending = pending
        self.state.progress = None
        self._listener.state_changed(self)

    async def _report(self, kind: str, texts: dict[str, str]) -> Report | None:
        task = self._task(kind, texts, [])

        def on_progress(done: int, number: int) -> None:
            self.state.progress = Progress(done, number)
            self._listener.state_changed(self)

        found = await self._tasks.done(task, on_progress)
        return decoded(found) if found is not None else None

    def _take(self, report: Report, texts: dict[str, str], *, same: bool) -> None:
        """Take over what a check of the project found.

        Args:
            report: What it found.
            texts: The texts of the files that were open; some may have been edited since.
            same: Whether all texts are those of the check before.
        """
        if report.paths != self.report.paths and not self.is_first:
            self._parsed.drop()
        others = report.surveys != self.report.surveys
        self.report = report
        by_path: dict[str, list[Finding]] = {}
        for found in report.findings:
            by_path.setdefault(self.full(found.path), []).append(found)
        changed = []
        for path in {*by_path, *self._files.known, *self.buffers}:
            file, buffer = self._files.of(path), self.buffers.get(path)
            shown = new = by_path.get(path, [])
            seen, file.seen = file.seen, None
            text = texts.get(path)
            if text is None and buffer is not None:
                text = on_disk_of(buffer)
            if buffer is not None and text is not None:
                parsed = seen.parsed if same and seen and seen.text == text else None
                file.seen = Seen(text, new, parsed)
                if text != buffer.text:
                    shown = list(Edit.between(text, buffer.text).moved(new))
                if parsed is None or text != buffer.text:
                    self._look_again(path)
            if file.findings != shown:
                file.findings = list(shown)
                changed.append(path)
            if not new and buffer is None:
                del self._files.known[path]
        self._listener.found(self, changed)
        if others:
            self._listener.surveyed(self)

    def _look_again(self, path: str) -> None:
        """Find out what is found without mypy in the text that it has seen."""
        if path not in self._to_look:
            self._to_look.append(path)
        if self._looking is None and not self._closed:
            self._looking = asyncio.create_task(self._look_at_all())
