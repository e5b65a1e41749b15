"""A project in the editor, without its processes: in whatever order they answer, the end is right.

What stands in for them finds ``wrong`` in a text, and in all others while ``db`` has it. The quick
one finds ``maybe`` as well, which mypy knows better, and does not find ``typed``.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from mypy_asyncsession.checking.report import Report
from mypy_asyncsession.checking.report_cache import encoded
from mypy_asyncsession.findings import Finding, Span
from mypy_asyncsession.server.analysis import project as module
from mypy_asyncsession.server.analysis import texts
from mypy_asyncsession.server.analysis.jobs import Settings
from mypy_asyncsession.server.analysis.project import Project
from mypy_asyncsession.server.analysis.roots import Root
from mypy_asyncsession.server.analysis.runs import Runs
from mypy_asyncsession.server.analysis.texts import Buffer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from mypy_asyncsession.server.analysis.jobs import Task

BROKEN = "broken"
CODE = "session-with"


def found_in(path: str, text: str, words: Iterable[str]) -> Iterator[Finding]:
    for line, written in enumerate(text.split("\n"), 1):
        if written.startswith(tuple(words)):
            yield Finding(path, Span(line, 0, line, 1), CODE, written, None, None)


class World:
    """A project on disk and in the editor, and what is shown of it."""

    project: Project

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.random = Random(0)
        self.shown: dict[str, list[int]] = {}
        #: All that was shown at some time: paths and messages.
        self.ever: set[tuple[str, str]] = set()

    # It listens, and remembers what would be published.

    def found(self, project: Project, paths: Iterable[str]) -> None:
        for path in paths:
            findings = project.findings(path)
            self.ever.update((path, each.message) for each in findings)
            self.shown[path] = [each.span.line for each in findings]

    def surveyed(self, project: Project) -> None: ...

    def state_changed(self, project: Project) -> None: ...

    # It does what processes do, as slowly as it likes.

    async def pause(self) -> None:
        await asyncio.sleep(self.random.choice((0, 0, 0.001, 0.003)))

    def texts(self, instead: Mapping[str, str]) -> dict[str, str]:
        disk = {str(path): path.read_text() for path in self.folder.glob("*.py")}
        return {**disk, **instead}

    def findings(self, path: str, texts: Mapping[str, str], *more: str) -> Iterator[Finding]:
        if texts[str(self.folder / "db.py")].startswith("wrong"):
            yield from found_in(path, texts[path], ("wrong", *more))

    async def look(self, path: str, texts: Mapping[str, str]) -> dict[str, Any]:
        await self.pause()
        now = self.texts(texts)
        await self.pause()
        trouble = (1, BROKEN) if BROKEN in now[path] else None
        findings = encoded(Report(findings=[*self.findings(path, now, "maybe")]))["findings"]
        return {"trouble": trouble, "findings": [] if trouble else findings}

    def drop(self) -> None: ...

    async def done(self, task: Task, _on_progress: Callable[[int, int], None]) -> dict[str, Any]:
        await self.pause()
        now = self.texts(task.texts)
        for _ in range(3):
            await self.pause()
        paths = [path for path, text in now.items() if BROKEN not in text]
        findings = [each for path in paths for each in self.findings(path, now, "typed")]
        return encoded(Report(findings=findings, paths=frozenset(map(self.project.shown, paths))))

    def prepare(self) -> None: ...

    def end(self, _process: object) -> None: ...

    async def close(self) -> None: ...

    # What a user does.

    def path(self, name: str) -> str:
        return str(self.folder / f"{name}.py")

    def on_disk(self, name: str) -> str:
        return Path(self.path(name)).read_text()

    def open(self, name: str) -> None:
        self.project.changed(Buffer(self.path(name), self.on_disk(name), 1))

    def edit(self, name: str, text: str) -> None:
        version = self.project.buffers[self.path(name)].version
        self.project.changed(Buffer(self.path(name), text, (version or 0) + 1))

    def save(self, name: str) -> None:
        Path(self.path(name)).write_text(self.project.buffers[self.path(name)].text)
        self.project.saved(self.path(name))

    async def settled(self) -> None:
        async def wait() -> None:
            while self.project.state.pending:  # noqa: ASYNC110
                await asyncio.sleep(0.001)

        await asyncio.wait_for(wait(), 20)


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "_FRESH", 0)
    monkeypatch.setattr(module, "QUIET", 0.002)
    monkeypatch.setattr(Runs.again, "__defaults__", (0.006,))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    for name in ("db", "api", "jobs"):
        (tmp_path / f"{name}.py").write_text(f"wrong {name}\ntyped\n")
    found = World(tmp_path)
    for stand_in in ("ParsedView", "Tasks"):
        monkeypatch.setattr(module, stand_in, lambda *_: found)
    found.project = Project(Root(str(tmp_path)), Settings(), found)
    return found


@pytest.mark.parametrize(
    "seed", [0, 1, 2, *(pytest.param(number, marks=pytest.mark.long) for number in range(3, 60))]
)
def test_random_edits(world: World, seed: int) -> None:
    random = world.random = Random(seed)

    async def run() -> int:
        found, good = world, {name: world.on_disk(name) for name in ("db", "api", "jobs")}
        found.project.start()
        settled = 0
        for number in range(200):
            name = random.choice(("db", "api", "api", "jobs"))
            buffer = found.project.buffers.get(found.path(name))
            if buffer is None:
                found.open(name)
                good[name] = found.on_disk(name)
            else:
                words = [random.choice(("wrong", "typed", "maybe", "right")) for _ in range(4)]
                text = "\n".join(f"{word} {number // 3}" for word in words)
                if random.random() < 0.2:
                    text += f"\n{BROKEN}\n"
                else:
                    good[name] = text
                found.edit(name, text)
            if random.random() < 0.3:
                found.save(name)
            if random.random() < 0.6:
                await asyncio.sleep(random.choice((0, 0.001, 0.004, 0.01)))
                continue
            await found.settled()
            settled += 1
            counts = {found.path(name): text for name, text in good.items()}
            for name, text in good.items():
                path = found.path(name)
                wanted = {each.message for each in found.findings(path, counts, "typed")}
                now = {each.message for each in found.project.findings(path)}
                assert now == (wanted if found.project.trouble(path) is None else now & wanted)
                assert found.shown.get(path, []) == [
                    each.span.line for each in found.project.findings(path)
                ]
                buffer = found.project.buffers.get(path)
                if buffer is not None and buffer.text == text and random.random() < 0.2:
                    found.save(name)
                    found.project.closed(path)
        await found.project.close()
        return settled

    assert asyncio.run(run()) > 50


def test_what_mypy_knows_better_is_not_shown_after_it(world: World) -> None:
    text = "wrong\nmaybe\ntyped\n"
    Path(world.path("api")).write_text(text)

    async def run() -> None:
        found = world
        found.open("api")
        found.project.start()
        await found.settled()
        api = found.path("api")
        assert found.shown[api] == [1, 3]
        found.ever.clear()
        # While mypy is at one text another one comes, which the quick look has first.
        for number in range(20):
            found.edit("api", f"# {number}\n{text}")
            await asyncio.sleep(0.004)
        await found.settled()
        assert found.shown[api] == [2, 4]
        # And if a file is opened while mypy is at others.
        found.open("db")
        found.project.closed(api)
        await found.settled()
        found.edit("db", "wrong_\n")
        found.open("api")
        await found.settled()
        assert found.shown[api] == [1, 3]
        assert {message for path, message in found.ever if path == api} == {"wrong", "typed"}
        await found.project.close()

    asyncio.run(run())
