"""Reports that are kept: the same as a run would give, and no older than what decides them."""

from __future__ import annotations

import json
import os
import shutil
import sys
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from mypy_asyncsession.checking import process, report_cache
from mypy_asyncsession.checking.directory_names import names_in
from mypy_asyncsession.checking.file_times import state
from mypy_asyncsession.checking.options import Engine, Options
from mypy_asyncsession.checking.process import Builder
from mypy_asyncsession.checking.report import Report
from mypy_asyncsession.checking.run import check
from mypy_asyncsession.checking.snapshot import Before, Looked, Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

GENERATOR: Final = "async def get_db():\n    yield 1\n"
#: The same, and right to enter; of the same size.
MANAGER: Final = "class get_db:\n    async def __aenter__(self): return self\n    __aexit__ = 1\n"
USE: Final = "from {} import get_db\nasync def use():\n    async with get_db() as s:\n        s\n"


class Project:
    """A project on disk, whose checks are counted: those for which mypy was started."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root / "project"
        self._cache = str(root / "cache")
        self._started = 0

        def builder(work: Path) -> Builder:
            self._started += 1
            return Builder(work)

        monkeypatch.setattr(process, "Builder", builder)
        monkeypatch.delenv("VIRTUAL_ENV", raising=False)
        self.write("app/__init__.py", "")
        self.write("app/db.py", GENERATOR)
        self.write("app/use.py", USE.format("app.db"))

    def write(self, name: str, text: str) -> None:
        """Write a file as an editor does that keeps its time."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def check(self, *paths: str, **options: Any) -> tuple[Report, bool]:
        """The report, and whether mypy was started for it."""
        before = self._started
        report = check(
            paths or ("app",),
            Options(cache_dir=self._cache, workers=0, **options),
            directory=str(self.root),
        )
        return report, self._started > before

    def changed(self, *paths: str, **options: Any) -> list[str]:
        """Where the findings are by now, after something that mypy has to be started for."""
        report, started = self.check(*paths, **options)
        assert started
        again, started = self.check(*paths, **options)
        assert not started
        assert again == report
        return places(again)

    def imports_changed(self, *paths: str) -> list[str]:
        """The same, where what is imported is so fresh that it has to be looked at again."""
        report, started = self.check(*paths)
        assert started
        assert self.check(*paths)[0] == report
        return places(report)


def places(report: Report) -> list[str]:
    """Where the findings are."""
    return [f"{found.path}:{found.span.line}".replace(os.sep, "/") for found in report.findings]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    return Project(tmp_path, monkeypatch)


def test_an_edit_that_comes_after_the_question_what_has_changed(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert places(project.check(engine=Engine.PARSED)[0]) == ["app/use.py:3"]
    project.write("app/__init__.py", "x = 1\n")
    original = Snapshot.changed

    def changed(snapshot: Snapshot, paths: Iterable[str]) -> list[str] | None:
        found = original(snapshot, paths)
        project.write("app/db.py", MANAGER)
        return found

    with monkeypatch.context() as patched:
        patched.setattr(Snapshot, "changed", changed)
        project.check(engine=Engine.PARSED)
    assert places(project.check(engine=Engine.PARSED)[0]) == []


def test_a_report_is_no_older_than_the_files(project: Project) -> None:
    assert project.changed() == ["app/use.py:3"]
    # An edit, a new file, and one that is gone.
    project.write("app/db.py", MANAGER)
    assert project.changed() == []
    project.write("app/db.py", GENERATOR)
    project.write("app/more.py", USE.format("app.db"))
    assert project.changed() == ["app/more.py:3", "app/use.py:3"]
    (project.root / "app/use.py").unlink()
    assert project.changed() == ["app/more.py:3"]
    # A stub that comes to be found before the module.
    project.write("app/db.pyi", "from typing import Any\nget_db: Any\n")
    assert project.changed() == []


def test_a_report_is_no_older_than_what_is_imported(project: Project) -> None:
    project.write("app/use.py", USE.format("library.db"))
    assert project.imports_changed() == []  # nobody knows what it is
    project.write("library/__init__.py", "")
    assert project.imports_changed() == []
    project.write("library/db.py", GENERATOR)
    assert project.imports_changed() == ["app/use.py:3"]
    project.write("library/db.py", MANAGER)
    assert project.imports_changed() == []
    project.write("library/db.py", GENERATOR)
    assert project.imports_changed() == ["app/use.py:3"]
    # A package of this name that lies in a directory which is looked into earlier.
    project.write("pyproject.toml", "[tool.mypy]\nmypy_path = 'first'\n")
    assert project.imports_changed() == ["app/use.py:3"]
    project.write("first/library/__init__.py", "")
    project.write("first/library/db.pyi", "from typing import Any\nget_db: Any\n")
    assert project.imports_changed() == []


def test_a_report_depends_on_settings(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert project.changed() == ["app/use.py:3"]
    assert project.imports_changed("app/use.py") == ["app/use.py:3"]
    assert project.changed(strict=True) == ["app/use.py:3"]
    project.write("pyproject.toml", "[tool.mypy]\ndisable_error_code = 'async-with'\n")
    assert project.changed() == []
    (project.root / "pyproject.toml").unlink()
    report, started = project.check()
    assert not started  # all is as it was at first
    assert len(report.findings) == 1
    monkeypatch.setenv("MYPYPATH", str(tmp_path / "elsewhere"))
    assert project.changed() == ["app/use.py:3"]


def test_an_overlay_counts(project: Project) -> None:
    table = "[tool.mypy-asyncsession]\noverlays = ['types']\n"
    project.write("pyproject.toml", table)
    project.write("app/db.py", "from app import inner\ndef get_db(): return inner.made()\n")
    project.write("types/app/db.pyi", "from typing import Any\ndef get_db() -> Any: ...\n")
    assert project.imports_changed() == []
    project.write(
        "types/app/db.pyi",
        "from collections.abc import AsyncIterator\ndef get_db() -> AsyncIterator[int]: ...\n",
    )
    assert project.imports_changed() == ["app/use.py:3"]


def test_files_that_were_only_touched_are_the_same(project: Project) -> None:
    project.changed()
    for name in ("db.py", "use.py"):
        os.utime(project.root / "app" / name)
    project.write("app/notes.txt", "nothing that could be imported")
    (project.root / "app/__pycache__").mkdir()
    _, started = project.check()
    assert not started


def test_a_file_that_cannot_be_parsed_is_a_problem_again(project: Project) -> None:
    project.write("app/broken.py", "def (\n")
    report, _ = project.check()
    again, started = project.check()
    assert not started
    assert again == report
    assert [problem.path for problem in again.problems] == [str(Path("app", "broken.py"))]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: data[:0],
        lambda data: data.replace(b"session-with", b"session-iter"),
        lambda data: data[:33] + b"[]",
        lambda _: blake2b(b"{}", digest_size=16).hexdigest().encode() + b"\n{}",
    ],
    ids=["cut off", "empty", "another code", "a list", "no report"],
)
def test_a_damaged_report_is_none(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    report = Report(checked=1, modules={"session-with.py": "session-with"})
    store = report_cache.ReportCache(tmp_path, ())
    store.keep(report, Snapshot({}, {}, {}), "")
    assert report_cache.ReportCache(tmp_path, ()).report(()) == report
    (path,) = (tmp_path / "reports").iterdir()
    path.write_bytes(damage(path.read_bytes()))
    assert report_cache.ReportCache(tmp_path, ()).report(()) is None


def test_old_reports_are_removed(tmp_path: Path) -> None:
    for number in range(report_cache.MOST + 3):
        report_cache.ReportCache(tmp_path, (number,)).keep(Report(), Snapshot({}, {}, {}), "")
    assert len(list((tmp_path / "reports").iterdir())) == report_cache.MOST


def test_another_python_or_mypy_gives_another_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = report_cache.ReportCache(tmp_path, ())
    store.keep(Report(), Snapshot({}, {}, {}), "")
    monkeypatch.setattr(sys, "version", "4.0")
    assert report_cache.ReportCache(tmp_path, ()).report(()) is None
    monkeypatch.undo()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert report_cache.ReportCache(tmp_path, ()).report(()) is None
    monkeypatch.undo()
    assert report_cache.ReportCache(tmp_path, ()).report(()) is not None


class Disk:
    """Two files to check, one that is imported, and a place where there is nothing."""

    def __init__(self, root: Path) -> None:
        self.sources = [str(root / "one.py"), str(root / "two.py")]
        self.imported = str(root / "site" / "three.py")
        self.missing = str(root / "site" / "four" / "__init__.py")
        self.folder = str(root / "site")
        Path(self.folder).mkdir()
        for path in (*self.sources, self.imported):
            Path(path).write_text("x = 1\n")

    def before(self, start: int) -> Before:
        states = {path: state(path) or [] for path in self.sources}
        return Before(start, states, {}, {self.folder: names_in(self.folder)})

    def looked(self) -> Looked:
        return Looked({self.imported: state(self.imported) or []}, [self.missing], [self.folder])

    def snapshot(self, start: int) -> Snapshot | None:
        return Snapshot.take(self.before(start), self.looked(), None)


#: A time before which nothing was changed, and one after which nothing is.
LATER: Final = 1 << 62
FRESH: Final = 0


def _shadow(disk: Disk) -> None:
    Path(disk.missing).parent.mkdir()


def _edit_keeping_time(disk: Disk) -> None:
    before = Path(disk.imported).stat()
    Path(disk.imported).write_text("x = 2\n")
    os.utime(disk.imported, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize(
    "change",
    [
        _shadow,
        _edit_keeping_time,
        lambda disk: Path(disk.imported).unlink(),
        lambda disk: Path(disk.sources[0]).unlink(),
        lambda disk: Path(disk.sources[1]).write_text("x = 2\n"),
        lambda disk: Path(disk.folder, "more.pth").write_text("/elsewhere\n"),
    ],
    ids=["shadowed", "edited", "import deleted", "deleted", "source edited", "path file"],
)
def test_what_changes_is_noticed(tmp_path: Path, change: Callable[[Disk], object]) -> None:
    disk = Disk(tmp_path)
    snapshot = disk.snapshot(LATER)
    assert snapshot is not None
    decoded = Snapshot.decode(json.loads(json.dumps(snapshot.encode())))
    assert decoded.holds(disk.sources)
    change(disk)
    assert not decoded.holds(disk.sources)


@pytest.mark.parametrize("change", [_shadow, lambda disk: os.utime(disk.sources[0])])
def test_what_changes_during_a_run_is_not_kept(
    tmp_path: Path, change: Callable[[Disk], object]
) -> None:
    disk = Disk(tmp_path)
    before, looked = disk.before(LATER), disk.looked()
    old = Snapshot.take(before, looked, None)
    assert old is not None
    change(disk)
    assert Snapshot.take(before, looked, None) is None
    assert Snapshot.take(before, looked, old) is None


@pytest.mark.parametrize(
    "change",
    [
        _shadow,
        _edit_keeping_time,
        lambda disk: Path(disk.sources[1]).write_text("x = 2\n"),
        lambda disk: Path(disk.folder, "five.py").touch(),
        lambda disk: Path(disk.imported).unlink(),
    ],
    ids=["shadowed", "edited", "source edited", "new module", "import deleted"],
)
def test_what_changes_during_a_later_run_is_not_kept(
    tmp_path: Path, change: Callable[[Disk], object]
) -> None:
    """What an older snapshot knows is not read again, and may not hide a change."""
    disk = Disk(tmp_path)
    old = disk.snapshot(LATER)
    before, looked = disk.before(LATER), disk.looked()
    assert Snapshot.take(before, looked, old) == old
    change(disk)
    new = Snapshot.take(before, looked, old)
    assert new is None or not new.holds(disk.sources)


class Whole:
    """A package with two modules, and what may be beside it; all of it is searched."""

    def __init__(self, root: Path) -> None:
        self.root = root / "home" / "project"
        self.write("app/one.py")
        self.write("app/two.py")
        self.write("app/notes.txt")

    def write(self, path: str) -> None:
        (self.root / path).parent.mkdir(exist_ok=True, parents=True)
        (self.root / path).write_text("x = 1\n")

    @property
    def sources(self) -> list[str]:
        return sorted(map(str, self.root.rglob("*.py")))

    def snapshot(self) -> Snapshot:
        states = {path: state(path) or [] for path in self.sources}
        folders = {str(folder): names_in(str(folder)) for folder in (self.root, self.root / "app")}
        missing = [str(self.root.parent / "__init__.py")]
        found = Snapshot.take(Before(LATER, states, {}, folders, missing), Looked(), None)
        assert found is not None
        return found

    def changed(self, old: Snapshot) -> list[str] | None:
        found = old.changed(self.sources)
        return found and [str(Path(path).relative_to(self.root)) for path in found]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (Whole.snapshot, []),
        (lambda tree: (tree.root / "app/two.py").write_text("x = 2\n"), ["app/two.py"]),
        (lambda tree: tree.write("app/three.py"), ["app/three.py"]),
        (lambda tree: tree.write("other/inner/three.py"), ["other/inner/three.py"]),
        (lambda tree: (tree.root / "app/two.py").unlink(), ["app/two.py"]),
        (lambda tree: shutil.rmtree(tree.root / "app"), None),
        (lambda tree: tree.write("app/three.pyi"), None),
        (lambda tree: (tree.root / "fastapi").mkdir(), None),
        (lambda tree: tree.write("app/notes.md"), []),
        (lambda tree: (tree.root.parent / "another").mkdir(), []),
        (lambda tree: (tree.root.parent / "__init__.py").touch(), None),
    ],
    ids=[
        "nothing",
        "edited",
        "new",
        "new package",
        "gone",
        "package gone",
        "stub",
        "directory",
        "notes",
        "beside",
        "above",
    ],
)
def test_what_has_changed_is_told_if_nothing_else_has(
    tmp_path: Path, change: Callable[[Whole], object], expected: list[str] | None
) -> None:
    tree = Whole(tmp_path)
    old = tree.snapshot()
    change(tree)
    assert tree.changed(old) == expected
    assert old.holds(tree.sources) == (expected == [])


def test_where_a_directory_would_be_there_is_a_file(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    looked = Looked({}, [str(Path(disk.imported, "__init__.py"))])
    snapshot = Snapshot.take(disk.before(LATER), looked, None)
    assert snapshot is not None
    assert snapshot.holds(disk.sources)
    Path(disk.imported).unlink()
    Path(disk.imported).mkdir()
    assert not snapshot.holds(disk.sources)


def test_a_time_that_is_too_fresh_says_nothing(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    snapshot = disk.snapshot(FRESH)
    assert snapshot is not None
    assert [known for known, _ in snapshot.others.values()] == [None]
    # The contents are known all the same.
    assert snapshot.holds(disk.sources)
    _edit_keeping_time(disk)
    assert not snapshot.holds(disk.sources)


def test_packages_that_are_installed_anew_are_the_same(tmp_path: Path) -> None:
    """In CI they always are, and what was kept of the last run would be of no use."""
    disk = Disk(tmp_path)
    snapshot = disk.snapshot(LATER)
    assert snapshot is not None
    shutil.rmtree(disk.folder)
    Path(disk.folder).mkdir()
    Path(disk.imported).write_text("x = 1\n")
    assert snapshot.holds(disk.sources)
    assert snapshot.renewed


def test_the_files_are_the_same_in_the_same_order(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    snapshot = disk.snapshot(LATER)
    assert snapshot is not None
    assert not snapshot.holds(disk.sources[:1])
    assert not snapshot.holds(disk.sources[::-1])
