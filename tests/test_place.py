"""The directory that is kept between runs: which is ours, and what of it is believed."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

import pytest
from typing_extensions import Self

from mypy_asyncsession.checking.options import Options
from mypy_asyncsession.checking.place import FOLDER, KEY_VARIABLE, Place, place
from mypy_asyncsession.checking.report import CannotRun, Report
from mypy_asyncsession.checking.report_cache import MOST, ReportCache
from mypy_asyncsession.checking.run import check
from mypy_asyncsession.checking.snapshot import Snapshot
from tests.test_check import CLEAN, DIRTY, run, tree

if TYPE_CHECKING:
    from pathlib import Path

posix = pytest.mark.skipif(sys.platform == "win32", reason="owners and links are others there")


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's cache directory; the project is ``tmp_path / "project"``."""
    monkeypatch.delenv(KEY_VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "home"))
    if sys.platform == "darwin":
        pytest.skip("the directory cannot be named there")
    (tmp_path / "project" / ".git").mkdir(parents=True)
    return tmp_path / "home"


def private(tmp_path: Path, chosen: str | None = None) -> str | None:
    found = place(str(tmp_path / "project"), chosen).private
    return found.name if found is not None else None


@posix
def test_nobody_knows_its_name_without_the_key(home: Path, tmp_path: Path) -> None:
    first = private(tmp_path)
    key = home / "mypy-asyncsession" / "key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert private(tmp_path) == first
    assert private(tmp_path, "elsewhere") != first
    key.unlink()
    assert private(tmp_path) not in (first, None)


@posix
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_key_that_others_can_read(home: Path, tmp_path: Path, mode: int) -> None:
    assert private(tmp_path) is not None
    (home / "mypy-asyncsession" / "key").chmod(mode)
    assert private(tmp_path) is None


@posix
def test_a_key_that_is_none(home: Path, tmp_path: Path) -> None:
    key = home / "mypy-asyncsession" / "key"
    assert private(tmp_path) is not None
    shutil.move(key, home / "other")
    key.symlink_to(home / "other")
    assert private(tmp_path) is None
    key.unlink()
    key.write_bytes(b"short")
    key.chmod(0o600)
    assert private(tmp_path) is None
    key.unlink()
    os.mkfifo(key, 0o600)
    assert private(tmp_path) is None


def test_a_key_in_the_tree_is_none(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "project" / ".cache"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "project" / ".cache"))
    assert private(tmp_path) is None
    (tmp_path / "project" / "part").mkdir()
    assert place(str(tmp_path / "project" / "part"), None).private is None
    monkeypatch.setenv(KEY_VARIABLE, "secret")
    first = private(tmp_path)
    assert first is not None
    monkeypatch.setenv(KEY_VARIABLE, "other")
    assert private(tmp_path) not in (first, None)
    assert not home.exists()
    assert not (tmp_path / "project" / ".cache").exists()


def test_without_a_key_nothing_is_kept(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.write_text("no directory")
    root = tmp_path / "project"
    tree(root, DIRTY)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    report = check(["."], Options(workers=0), directory=str(root))
    assert [found.path for found in report.findings] == ["use.py"]
    assert names(root / FOLDER) == {".gitignore", "CACHEDIR.TAG"}
    report = check(["."], Options(workers=0, cache_dir="kept"), directory=str(root))
    (problem,) = report.problems
    assert str(problem).startswith(
        "kept: nothing is kept between runs: there is no cache directory"
    )


@pytest.mark.parametrize("chosen", [None, ".", "own"])
def test_a_directory_of_others_is_refused(tmp_path: Path, chosen: str | None) -> None:
    tree(tmp_path, CLEAN)
    folder = tmp_path / (chosen or FOLDER)
    folder.mkdir(exist_ok=True)
    (folder / "CACHEDIR.TAG").write_text("Signature: 8a477f597d28d172789f06886806bc55\n# Cargo\n")
    before = names(folder)
    done = run(tmp_path, "check", "--cache-dir", chosen or FOLDER)
    assert (done.status, done.stdout) == (2, "")
    assert done.stderr == (
        f'mypy-asyncsession: error: "{chosen or FOLDER}" was not made by mypy-asyncsession and is '
        "not empty: name another --cache-dir\n"
    )
    assert names(folder) == before


def test_an_empty_directory_becomes_ours(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    found = place(str(tmp_path), "own")
    found.prepare()
    assert names(tmp_path / "own") == {".gitignore", "CACHEDIR.TAG"}
    assert place(str(tmp_path), "own") == found


@posix
@pytest.mark.parametrize("there", [True, False])
def test_a_link_is_refused(tmp_path: Path, there: bool) -> None:
    tree(tmp_path / "project", CLEAN)
    if there:
        (tmp_path / "outside").mkdir()
    (tmp_path / "project" / FOLDER).symlink_to(tmp_path / "outside")
    with pytest.raises(CannotRun, match="is a symbolic link"):
        check(["."], directory=str(tmp_path / "project"))
    assert not there or names(tmp_path / "outside") == set()


def test_only_reports_are_tidied(tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    reports.mkdir()
    others = {"notes.txt", "a.json", "0" * 32, "x" * 32 + ".json"}
    for number, name in enumerate((*others, *(f"{n:032x}.json" for n in range(20)))):
        (reports / name).write_text("")
        os.utime(reports / name, (number, number))
    (reports / f"{99:032x}.json").mkdir()
    ReportCache(tmp_path, ()).keep(Report(), Snapshot({}, {}, {}), "")
    left = names(reports)
    assert left >= {*others, f"{99:032x}.json"}
    assert len(left) == len(others) + 1 + MOST


def test_nothing_is_half_made_where_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mypy_asyncsession.checking import place as module

    class Full:
        def write(self, _text: str) -> None:
            raise OSError(28, "No space left on device")

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_error: object) -> None: ...

    def opened(path: Path, *_: object, **__: object) -> Full:
        path.touch()
        return Full()

    monkeypatch.setattr(module, "open", opened, raising=False)
    with pytest.raises(OSError, match="No space"):
        Place(tmp_path / "cache", None).prepare()
    assert names(tmp_path / "cache") == set()
