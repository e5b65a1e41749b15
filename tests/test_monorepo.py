"""Several projects in one repository: each is checked as from within."""

from __future__ import annotations

import json
import shutil
import sys
from typing import TYPE_CHECKING, Final

import pytest

from mypy_asyncsession.audit.inventory import inventory
from mypy_asyncsession.checking.files import find_files
from mypy_asyncsession.checking.options import Options
from mypy_asyncsession.checking.project import project
from mypy_asyncsession.checking.run import check
from mypy_asyncsession.cli import main
from mypy_asyncsession.fixes.engine.driver import Options as FixOptions
from mypy_asyncsession.fixes.engine.driver import fix
from mypy_asyncsession.fixes.engine.guard import Guard

if TYPE_CHECKING:
    from pathlib import Path

    from mypy_asyncsession.checking.report import Report

GENERATOR: Final = "async def get_db():\n    yield 1\n"
MANAGER: Final = f"from contextlib import asynccontextmanager\n@asynccontextmanager\n{GENERATOR}"
WITH: Final = "from {0} import get_db\nasync def one():\n    async with get_db() as s: s\n"
FOR: Final = "async def two():\n    async for s in get_db(): s\n"
#: Two services whose modules have the same names, and a package that one of them uses.
FILES: Final = {
    ".git/HEAD": "",
    "pyproject.toml": '[tool.uv.workspace]\nmembers = ["libs/*", "services/*"]\n',
    "tools/provider.py": GENERATOR,
    "tools/job.py": WITH.format("provider"),
    "services/a/pyproject.toml": (
        '[project]\nname = "a"\n[tool.mypy]\ndisable_error_code = ["async-iter"]\n'
        "[tool.uv.sources]\nshared-db = { workspace = true }\n"
    ),
    "services/a/app/__init__.py": "",
    "services/a/app/db.py": GENERATOR,
    # The second of these is what its configuration silences.
    "services/a/app/use.py": WITH.format("app.db") + FOR.replace("async for", "for"),
    "services/a/app/shared.py": WITH.format("shared_db"),
    "services/b/mypy.ini": "[mypy]\nexclude = generated\n",
    "services/b/app/__init__.py": "",
    "services/b/app/db.py": MANAGER,
    "services/b/app/use.py": WITH.format("app.db") + FOR,
    "services/b/generated/use.py": WITH.format("app.db") + FOR,
    "libs/shared/pyproject.toml": '[project]\nname = "shared_db"\n',
    "libs/shared/src/shared_db/__init__.py": GENERATOR,
}
#: What is found, with the nearest configuration of each and the names as they are within.
FOUND: Final = {
    ("services/a/app/shared.py", 3),
    ("services/a/app/use.py", 3),
    ("services/b/app/use.py", 5),
    ("tools/job.py", 3),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / "repository" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "repository"


def run(folder: Path, *paths: str, cache: Path) -> Report:
    options = Options(cache_dir=str(cache), projects=True)
    return check(paths or ["."], options, directory=str(folder))


def places(report: Report, prefix: str = "") -> set[tuple[str, int]]:
    return {(f"{prefix}{each.path}", each.span.line) for each in report.findings}


def said(report: Report, prefix: str = "") -> list[object]:
    return [
        (f"{prefix}{each.path}", each.span.line, each.code, each.message, each.hint)
        for each in report.findings
    ]


def test_each_is_checked_as_from_within(root: Path, tmp_path: Path) -> None:
    whole = run(root, cache=tmp_path / "cache")
    assert places(whole) == FOUND
    assert whole.problems == []
    assert whole.checked == 10
    inside: list[object] = []
    for name in ("services/a", "services/b"):
        prefix = f"{name}/"
        alone = run(root / name, cache=tmp_path / name.replace("/", "-"))
        inside += said(alone, prefix)
        part = run(root, name, cache=tmp_path / "cache")
        assert said(part) == said(alone, prefix)
        assert part.paths == {f"{prefix}{path}" for path in alone.paths}
        provider = part.findings[0].provider
        assert provider is not None
        assert (root / provider.path).is_file()
    assert [each for each in said(whole) if str(each[0]).startswith("services")] == inside  # type: ignore[index]
    # A file that is named is of its project, too; and all is kept for the next time.
    one = run(root, "services/b/app/use.py", cache=tmp_path / "cache")
    assert places(one) == {("services/b/app/use.py", 5)}
    assert said(run(root, cache=tmp_path / "cache")) == said(whole)
    assert not (root / "services" / "a" / ".mypy-asyncsession").exists()


def test_a_sibling_that_is_not_there_is_said(root: Path, tmp_path: Path) -> None:
    shutil.rmtree(root / "libs")
    report = run(root / "services" / "a", cache=tmp_path / "cache")
    assert places(report) == {("app/use.py", 3)}
    assert [str(problem) for problem in report.problems] == [
        (
            'pyproject.toml: "shared-db" is not in the workspace: '
            "what is imported from it is not known"
        )
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="links need a permission there")
def test_links_lead_into_no_other_project(root: Path) -> None:
    (root / "services" / "a" / "link").symlink_to(root / "services" / "b")
    (root / "services" / "b" / "link").symlink_to(root / "services" / "a")
    found = find_files(["."], project(root), str(root), apart=True)
    assert [*found.projects] == [str(root / "services" / name) for name in ("a", "b")]
    inside = find_files(["."], project(root), str(root / "services" / "a"), apart=True)
    assert inside.projects == {}


def test_audit_tells_modules_of_one_name_apart(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    options = Options(cache_dir=str(tmp_path / "cache"), projects=True, survey=True)
    rows = {row.provider.fullname: row for row in inventory(check(["services"], options)).rows}
    assert rows.keys() == {"services/a:app.db.get_db", "services/b:app.db.get_db"}
    assert rows["services/a:app.db.get_db"].wrong("entered") == 1
    assert rows["services/b:app.db.get_db"].wrong("entered") == 0
    assert rows["services/b:app.db.get_db"].wrong("iterated") == 1


def test_a_template_is_checked_by_the_configuration_around_it(root: Path, tmp_path: Path) -> None:
    template = root / "templates" / "{{name}}"
    template.mkdir(parents=True)
    (template / "pyproject.toml").write_text("{% if typed %}\n[tool.mypy]\n{% endif %}\n")
    made = f"{GENERATOR}async def one():\n    async with get_db(): ...\n"
    (template / "made.py").write_text(made)
    place = ("templates/{{name}}/made.py", 4)
    report = run(root, cache=tmp_path / "cache")
    assert places(report) == FOUND | {place}
    named = run(root, "templates/{{name}}", cache=tmp_path / "cache")
    assert places(named) == {place}
    for each in (report, named):
        (problem,) = map(str, each.problems)
        assert problem.startswith("templates/{{name}}/pyproject.toml: not valid TOML: ")
        assert problem.endswith(": the configuration around it is used")
        assert not each.incomplete


def test_a_configuration_that_is_named_is_for_all(root: Path, tmp_path: Path) -> None:
    (root / "own.toml").write_text("[tool.mypy-asyncsession]\n")
    options = Options(
        cache_dir=str(tmp_path / "cache"), projects=True, config_file=str(root / "own.toml")
    )
    report = check(["services/a"], options, directory=str(root))
    assert report.parts == ()
    assert ("services/a/app/use.py", 5) in places(report)


def test_fix_stays_in_each(root: Path, tmp_path: Path) -> None:
    options = FixOptions(check=Options(cache_dir=str(tmp_path / "cache"), projects=True))
    result = fix(["services"], Guard(str(root), writes=False), options)
    new = {each.path: each.new.decode() for each in result.edited}
    assert "async with asynccontextmanager(get_db)() as s" in new["services/a/app/use.py"]
    assert "async with get_db() as s: s\n" in new["services/b/app/use.py"]
    assert "async for" not in new["services/b/app/use.py"]
    assert [each.finding.path for each in result.left] == []


def test_rollout_has_a_list_for_each(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(root)
    flags = ("--cache-dir", str(tmp_path / "cache"))
    # What has no list of its own shares that of the root.
    shared = root / "pyproject.toml"
    shared.write_text(f"{shared.read_text()}[tool.mypy-asyncsession]\n")
    own = root / "services" / "b" / "pyproject.toml"
    own.write_text("[tool.mypy-asyncsession]\nstrict = []\n")
    (root / "services" / "b" / "app" / "use.py").write_text("from app.db import get_db\n")

    def ended(*arguments: str) -> tuple[object, str]:
        with pytest.raises(SystemExit) as raised:
            main.main(["rollout", *arguments, *flags])
        return raised.value.code, capsys.readouterr().out

    _, out = ended("--output", "json")
    found = json.loads(out)["projects"]
    assert {name: each["ready"] for name, each in found.items()} == {
        ".": ["provider", "shared_db"],
        "services/a": [],
        "services/b": ["app.*"],
    }
    _, text = ended()
    assert text.splitlines()[0] == ".:"
    assert "services/b:" in text.splitlines()
    status, out = ended("--write", "--yes")
    assert status == 0
    assert "services/b/pyproject.toml is written." in out
    assert 'strict = ["app.*"]' in own.read_text()
    assert 'strict = ["provider", "shared_db"]' in shared.read_text()
    (root / "services" / "b" / "app" / "use.py").write_text(WITH.format("app.db"))
    assert ended("--check")[0] == 0
    (root / "services" / "b" / "app" / "use.py").write_text(WITH.format("app.db") + FOR)
    status, out = ended("--check")
    assert status == 1
    assert "services/b/app/use.py:5: error: " in out
