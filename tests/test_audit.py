"""``audit`` and ``stubs``, on getters as they are in a real backend, each written small."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest

from mypy_asyncsession.audit.inventory import Inventory, inventory
from mypy_asyncsession.audit.page import page
from mypy_asyncsession.audit.plain import as_json, as_markdown, short
from mypy_asyncsession.audit.stub_files import stub_files
from mypy_asyncsession.audit.table import show
from mypy_asyncsession.checking.options import Options
from mypy_asyncsession.checking.run import check
from mypy_asyncsession.cli import main
from mypy_asyncsession.cli.output.repository import source_links
from mypy_asyncsession.home import rule_page
from tests.harness.workspace import TEST_DATA

if TYPE_CHECKING:
    from pathlib import Path

    from mypy_asyncsession.checking.report import Report

GETTERS: Final = TEST_DATA / "getters"
STUBS: Final = TEST_DATA.parent / "stubs"

AG, CM, CO = "an async generator", "an async context manager", "a coroutine"
S: Final = "AsyncSession"
#: What each getter gives, and what its annotation says of that.
SHAPES: Final = {
    "auth_dependencies.get_request_scoped_db_session": (AG, S, "precise"),
    "auth_dependencies.get_db_dependency": (AG, S, "precise"),
    "auth_dependencies.get_db_session": (AG, S, "precise"),
    "core.interfaces_repository.DatabaseService.get_db_session": (CM, S, "missing"),
    "database.get_async_session": (AG, S, "precise"),
    "database.get_db": (AG, S, "precise"),
    "database._Manager.clickhouse_client": (CM, None, "missing"),
    "database.get_clickhouse_client": (CM, None, "missing"),
    "database.get_postgres_db": (AG, S, "precise"),
    "database.get_db_session": (AG, S, "missing"),
    "database.get_database_session": (AG, S, "missing"),
    "database.get_async_db": (CM, S, "precise"),
    "database.SessionManager.get_session": (AG, S, "missing"),
    "database.session_manager.DatabaseSessionManager.transaction": (CM, S, "wrong"),
    "database.session_manager.managed_session": (CM, "DatabaseSessionManager", "wrong"),
    "db.clickhouse.get_clickhouse_client": (CM, None, "missing"),
    "db.client_manager.get_db_client": (CM, "ResilientDatabaseClient", "precise"),
    "db.client_postgres.ResilientDatabaseClient.get_session": (CM, S, "precise"),
    "db.client_postgres_session.SessionManager.create_session_factory": (CO, S, "precise"),
    "db.client_postgres_session.TransactionHandler._yield_session_and_commit": (AG, S, "missing"),
    "db.client_postgres_session.TransactionHandler.handle_session_transaction": (
        AG,
        S,
        "missing",
    ),
    "db.client_postgres_session.TransactionHandler.create_protected_session": (CO, S, "precise"),
    "db.client_postgres_session.TransactionHandler.get_session": (CM, S, "precise"),
    "db.database_manager.DatabaseManager.get_async_session": (CM, S, "missing"),
    "db.database_manager.DatabaseManager.get_session": (CM, S, "missing"),
    "db.database_manager.get_db_client": (CM, S, "missing"),
    "db.database_manager.UnifiedDatabaseManager.get_async_session": (CM, S, "missing"),
    "db.postgres.get_postgres_db": (AG, S, "missing"),
    "db.postgres.get_resilient_postgres_session": (AG, S, "missing"),
    "db.postgres_cloud.CloudSQLManager.get_session": (CM, S, "precise"),
    "db.postgres_core.Database.get_db": ("a sync context manager", "Session", "precise"),
    "db.postgres_core.AsyncDatabase.get_session": (CO, S, "precise"),
    "db.postgres_session.get_async_db": (CM, S, "precise"),
    "db.postgres_session.get_postgres_session": (CM, S, "precise"),
    "db.postgres_unified.UnifiedPostgresDB.get_session": (CM, S, "precise"),
    "db.postgres_unified.get_db": (AG, S, "missing"),
    "db.postgres_unified.get_async_db": (AG, S, "missing"),
    "db.session.DatabaseSessionManager.get_session": (CM, S, "precise"),
    "db.session.get_db_session": (CM, S, "precise"),
    "db.session.get_session_from_factory": (CO, S, "precise"),
    "dependencies.get_request_scoped_db_session": (CM, S, "precise"),
    "dependencies.get_db_dependency": (AG, S, "precise"),
    "dependencies.get_db_session": (AG, S, "precise"),
    "services.database.unit_of_work.get_unit_of_work": (CM, "UnitOfWork", "missing"),
}

#: Uses in annotated functions, and the types of what they use: as mypy has them, and pyright.
REVEAL: Final = """\
from netra_backend.app import auth_dependencies, database, dependencies
from netra_backend.app.core.interfaces_repository import DatabaseService
from netra_backend.app.db.client_postgres_session import SessionManager, TransactionHandler
from netra_backend.app.db.database_manager import DatabaseManager, UnifiedDatabaseManager
from netra_backend.app.db import clickhouse, postgres, postgres_core, postgres_unified
from netra_backend.app.db.postgres_cloud import cloud_db
from netra_backend.app.database.session_manager import DatabaseSessionManager, managed_session
from netra_backend.app.services.database.unit_of_work import get_unit_of_work
from sqlalchemy.ext.asyncio import AsyncSession

async def use(
    service: DatabaseService, session: AsyncSession, core: postgres_core.AsyncDatabase
) -> None:
    reveal_type(TransactionHandler.get_session())
    reveal_type(TransactionHandler.handle_session_transaction(session))
    reveal_type(await SessionManager.create_session_factory())
    reveal_type(DatabaseManager.get_async_session())
    reveal_type(UnifiedDatabaseManager.get_async_session("other"))
    reveal_type(DatabaseManager.get_connection_manager().get_session())
    reveal_type(service.get_db_session())
    reveal_type(cloud_db.get_session())
    reveal_type(await core.get_session())
    reveal_type(database.get_db_session())
    reveal_type(database.get_async_db())
    reveal_type(database.get_clickhouse_client())
    reveal_type(clickhouse.get_clickhouse_client())
    reveal_type(postgres.get_postgres_db())
    reveal_type(postgres_unified.get_async_db())
    reveal_type(dependencies.get_request_scoped_db_session())
    reveal_type(auth_dependencies.get_request_scoped_db_session())
    reveal_type(DatabaseSessionManager(session).transaction())
    reveal_type(managed_session(session))
    reveal_type(get_unit_of_work(session))
    DatabaseManager.get_application_session()
    service.set_session_factory(None)
"""
_GENERATOR: Final = "AsyncGenerator[AsyncSession, None]"
_MANAGER: Final = "_AsyncGeneratorContextManager[{}, None]"
REVEALED: Final = [
    _MANAGER.format(S),
    _GENERATOR,
    S,
    _MANAGER.format(S),
    _MANAGER.format(S),
    "AbstractAsyncContextManager[AsyncSession, bool | None]",
    _MANAGER.format(S),
    _MANAGER.format(S),
    S,
    _GENERATOR,
    _MANAGER.format(S),
    "AbstractAsyncContextManager[Any, bool | None]",
    _MANAGER.format("Any"),
    _GENERATOR,
    _GENERATOR,
    _MANAGER.format(S),
    _GENERATOR,
    _MANAGER.format(S),
    _MANAGER.format("DatabaseSessionManager"),
    _MANAGER.format("UnitOfWork"),
]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("getters")
    shutil.copytree(GETTERS, root, dirs_exist_ok=True)
    (root / "reveal.py").write_text(REVEAL)
    (root / "mypy.ini").write_text(
        "[mypy]\nplugins = mypy_asyncsession.plugin\nignore_missing_imports = true\n"
    )
    (root / "pyproject.toml").write_text(
        '[tool.mypy-asyncsession]\noverlays = ["netra_backend-stubs"]\n'
    )
    (root / "pyrightconfig.json").write_text(
        json.dumps({"stubPath": str(STUBS), "include": ["reveal.py"]})
    )
    return root


@pytest.fixture(scope="module")
def surveyed(project: Path) -> Report:
    report = check(["netra_backend"], Options(survey=True), directory=str(project))
    assert not report.problems
    return report


@pytest.fixture(scope="module")
def found(surveyed: Report) -> Inventory:
    return inventory(surveyed)


def test_the_shape_of_every_getter(found: Inventory) -> None:
    app = "netra_backend.app."
    assert {
        row.provider.fullname.removeprefix(app): (
            row.provider.shape,
            row.provider.holds,
            row.provider.annotated,
        )
        for row in found.rows
    } == SHAPES


def test_who_delegates_to_whom_and_who_uses_it(found: Inventory) -> None:
    rows = {row.provider.fullname.removeprefix("netra_backend.app."): row for row in found.rows}
    get_db = rows["database.get_db"]
    assert get_db.delegates == (
        "netra_backend.app.db.database_manager.DatabaseManager.get_async_session",
    )
    assert get_db.wrong("entered") == 1
    assert get_db.wrong("iterated") == get_db.count("iterated") == 11
    assert rows["database.get_db_session"].delegates == ("netra_backend.app.database.get_db",)
    assert rows["db.postgres_session.get_async_db"].count("entered") == 4
    assert rows["db.postgres_session.get_async_db"].wrong("entered") == 0


def test_packages(found: Inventory) -> None:
    packages = {package.name: package for package in found.packages}
    core = packages["netra_backend.app.core"]
    assert (core.providers, core.precise, core.share) == (1, 0, 0.0)
    assert packages["netra_backend.app.db"].findings["session-with"] == 1


def test_json(found: Inventory) -> None:
    data = json.loads("\n".join(as_json(found)))
    assert len(data["providers"]) == len(SHAPES)
    (row,) = [p for p in data["providers"] if p["name"].endswith("database.get_db_session")]
    assert row["right"] == "AsyncGenerator[AsyncSession, None]"
    assert row["file"] == "netra_backend/app/database/__init__.py"


def test_markdown(found: Inventory) -> None:
    lines = list(as_markdown(found))
    widths = {line.count("|") for line in lines[: len(SHAPES) + 2]}
    assert len(widths) == 1
    assert any("**1 wrong**" in line for line in lines)


def test_command(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    html = project / "audit.html"
    with pytest.raises(SystemExit) as ended:
        main.main(["audit", "netra_backend", "--html", str(html)])
    assert ended.value.code == 1
    out, _ = capsys.readouterr()
    assert f"{len(SHAPES)} providers" in out
    assert "netra_backend/app/database/__init__.py" in out
    assert 'wrong: "get_db" is an async generator: "async with" cannot enter it' in out
    # The header, the packages, the list and check say the same.
    run_check(["netra_backend"])
    findings = [json.loads(line) for line in capsys.readouterr()[0].splitlines()]
    assert f"; {len(findings)} wrong uses in " in out
    assert len(re.findall(r": wrong: ", out)) == len(findings)
    assert html.read_text(encoding="utf-8").startswith("<!doctype html>")
    with pytest.raises(SystemExit) as ended:
        main.main(["audit", "netra_backend", "--html", str(project / "gone" / "audit.html")])
    assert ended.value.code == 2
    assert "cannot be written" in capsys.readouterr().err


def run_check(arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        main.main(["check", *arguments, "--output", "json"])


def a_link(path: str, line: int) -> str:
    return f"{path}#L{line}"


def printed(found: Inventory, width: int | None, capsys: pytest.CaptureFixture[str]) -> str:
    show(found, colored=False, width=width)
    return capsys.readouterr().out


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200, 1000, None])
def test_it_fits_its_width(
    found: Inventory, width: int | None, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(found, width, capsys)
    tables, _, _ = text.partition(": wrong: ")
    lines = tables.splitlines()[:-1]
    assert width is None or max(map(len, lines)) <= width
    assert "\N{HORIZONTAL ELLIPSIS}" not in text
    for row in found.rows:
        # Nothing is cut, and no name is broken.
        assert f"{row.provider.name}:{row.provider.place.line}" in text
        assert all(short(name) in text for name in row.delegates)
    # No column is so narrow that a word has a line for each letter.
    words = [line.split() for line in lines]
    alone = [line for line in words if len(line) == 1 and len(line[0]) < 3]
    assert alone == []


def test_what_a_comment_silences_is_not_wrong(surveyed: Report) -> None:
    (first, *_) = [each for each in surveyed.findings if each.code == "session-with"]
    fewer = replace(surveyed, findings=[f for f in surveyed.findings if f is not first])
    uses = [use for row in inventory(fewer).rows for use in row.uses]
    assert (first.path, first.span.line) in {(use.path, use.line) for use in uses}
    assert (first.path, first.span.line) not in {
        (use.path, use.line) for use in uses if use.code is not None
    }


def test_page_lists_wrong_uses_with_links(found: Inventory) -> None:
    text = page(found, a_link)
    links = re.findall(r'data-kind="wrong".*?<a href="(.*?)">', text)
    assert links == [a_link(each.path, each.span.line) for each in found.findings]
    assert f">{len(found.findings)}</b> wrong uses" in text


def test_where_links_lead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_WORKSPACE", "GITHUB_SHA", "CI_PROJECT_DIR", "CI_PROJECT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    source = "shop/a b.py"
    html = tmp_path / "out" / "audit.html"
    assert source_links(None, html)(source, 3) == "../shop/a%20b.py#L3"
    editor = source_links("vscode://file/{path}:{line}", html)(source, 3)
    assert editor == f"vscode://file/{tmp_path}/shop/a%20b.py:3"
    for name, value in {
        "GITHUB_SERVER_URL": "https://host",
        "GITHUB_REPOSITORY": "us/shop",
        "GITHUB_SHA": "0123",
        "GITHUB_WORKSPACE": str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)
    on_host = "https://host/us/shop/blob/0123/shop/a%20b.py#L3"
    assert source_links(None, html)(source, 3) == on_host


def test_page_stands_alone(found: Inventory) -> None:
    text = page(found, a_link)
    assert not re.findall(r"src=|url\(|@import|<link", text)
    # What it leads to is the sources, and the pages of the rules.
    links = set(re.findall(r'href="(.*?)"', text))
    assert {link for link in links if not link.startswith("netra_backend/")} <= {
        rule_page(each.code) for each in found.findings
    }
    assert text.count('data-kind="provider"') == len(SHAPES)
    assert 'class="edge wrong"' in text


_ASK: Final = """
<script>
const say = (name, value) => document.body.setAttribute("data-" + name, value);
const shown = () => document.querySelectorAll('svg .node[data-kind=provider]:not(.gone)').length;
say("all", shown());
const search = document.getElementById("search");
search.value = "get_unit"; search.dispatchEvent(new Event("input"));
say("searched", shown());
const compact = () => {
  const tops = (selector) => [...document.querySelectorAll(selector)]
    .map((each) => each.getBoundingClientRect()).filter((box) => box.height > 0);
  const picture = document.querySelector("svg").getBoundingClientRect();
  const ys = [...tops("svg .node[data-kind=provider]"), ...tops("svg text.package")]
    .map((box) => box.top).sort((a, b) => a - b);
  const gaps = [picture.top, ...ys].filter((y, i, all) => i && y - all[i - 1] > 60).length;
  const empty = [...document.querySelectorAll("section")].filter((section) =>
    section.offsetHeight > 0 && !tops(`#${section.querySelector("table").id} tbody tr`).length);
  const loose = [...document.querySelectorAll("svg .edge:not(.gone)")].filter((edge) => {
    const box = edge.getBoundingClientRect();
    return box.top < picture.top - 2 || box.bottom > picture.bottom + 2;
  }).length;
  return gaps + empty.length + loose + (picture.height > 60 * (ys.length + 3) ? 1 : 0);
};
say("gaps", compact());
say("headings", document.querySelectorAll("svg .package:not(.gone)").length);
say("rows", document.querySelectorAll("#providers tbody tr:not(.gone)").length);
say("packages", document.querySelectorAll("#packages tbody tr:not(.gone)").length);
search.value = "nothing is called so"; search.dispatchEvent(new Event("input"));
say("sections", [...document.querySelectorAll("section, .picture")]
  .filter((each) => each.offsetHeight > 0).length);
say("said", document.querySelector(".nothing").offsetHeight > 0 ? 1 : 0);
search.value = ""; search.dispatchEvent(new Event("input"));
say("again", shown());
document.getElementById("only-wrong").click();
say("wrong", document.querySelectorAll('svg .node[data-wrong]:not(.gone):not(.user)').length);
say("listed", document.querySelectorAll("#wrong tbody tr:not(.gone)").length);
say("still", compact());
document.getElementById("only-wrong").click();
document.querySelector('[data-kind=provider][data-wrong]').dispatchEvent(new Event("mouseenter"));
say("lit", document.querySelectorAll("svg .node.lit").length);
const boxes = [...document.querySelectorAll("svg .node rect:not(.bar)")].map((r) => r.getBBox());
const over = (a, b) => a.x < b.x + b.width && b.x < a.x + a.width
  && a.y < b.y + b.height && b.y < a.y + a.height;
say("over", boxes.filter((a, i) => boxes.some((b, j) => i < j && over(a, b))).length);
say("long", [...document.querySelectorAll("svg .node")].filter((node) =>
  [...node.querySelectorAll("text")].some((text) => {
    const t = text.getBBox(), r = node.querySelector("rect").getBBox();
    return t.x < r.x || t.x + t.width > r.x + r.width + 1;
  })).length);
</script>
"""


def browse(text: str, folder: Path) -> dict[str, int]:
    """What a real browser makes of a page."""
    names = ("chromium", "chromium-browser", "google-chrome")
    browser = next(filter(None, map(shutil.which, names)), None)
    if browser is None:
        pytest.skip("there is no Chromium on this machine")
    file = folder / "page.html"
    file.write_text(text.replace("</body>", _ASK + "</body>"), encoding="utf-8")
    done = subprocess.run(
        [
            browser,
            *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--dump-dom"),
            *("--disable-background-networking", f"--user-data-dir={folder / 'profile'}"),
            file.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    body = re.search(r"<body ([^>]*)>", done.stdout)
    assert body is not None, done.stdout[:500]
    return {name: int(value) for name, value in re.findall(r'data-(\w+)="(\d+)"', body[1])}


def test_page_in_a_browser(found: Inventory, tmp_path: Path) -> None:
    asked = browse(page(found, a_link), tmp_path)
    wrong = sum(any(use.code for use in row.uses) for row in found.rows)
    assert asked["all"] == len(SHAPES)
    assert asked["searched"] == asked["headings"] == asked["rows"] == asked["packages"] == 1
    assert asked["gaps"] == asked["still"] == asked["sections"] == 0
    assert asked["said"] == 1
    assert asked["again"] == len(SHAPES)
    assert asked["listed"] == len(found.findings)
    assert asked["wrong"] == wrong
    assert asked["lit"] > 1
    assert asked["over"] == asked["long"] == 0


def test_page_of_two_hundred(found: Inventory, tmp_path: Path) -> None:
    """As large as it may get: nothing lies upon another, and no name runs out of its box."""
    rows = []
    for number in range(200):
        row = found.rows[number % len(found.rows)]
        name = f"{row.provider.name}_{number}"
        provider = replace(row.provider, name=name)
        rows.append(replace(row, provider=provider, delegates=()))
    asked = browse(page(replace(found, rows=tuple(rows)), a_link), tmp_path)
    assert asked["all"] == 200
    assert asked["over"] == asked["long"] == 0


def revealed(output: str) -> list[str]:
    """The types that a checker shows, without the modules of the names in them."""
    types = re.findall(r'(?:Revealed type is|Type of ".*" is) "(.*)"', output)
    return [re.sub(r"[\w.]+\.(?=\w)", "", text) for text in types]


def run(project: Path, *command: str) -> str:
    done = subprocess.run(
        (sys.executable, "-m", *command),
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def test_the_bundled_stubs_under_mypy(project: Path) -> None:
    """They are applied although the sources are in the run, and hide nothing of these."""
    output = run(project, "mypy", "--no-error-summary", "netra_backend", "reveal.py")
    assert revealed(output) == REVEALED
    assert not re.search(r"reveal\.py:\d+: error", output)
    assert ".pyi" not in output


def test_the_bundled_stubs_under_pyright(project: Path) -> None:
    pytest.importorskip("pyright", reason="pyright has no wheel for this platform")
    output = run(project, "pyright", "--pythonpath", sys.executable, "-p", ".")
    assert revealed(output) == REVEALED
    assert " error:" not in output


def test_each_stub_names_what_is_there() -> None:
    """Of every getter in the stubs there is a reproduction, and the other way round."""
    app = STUBS / "netra_backend-stubs" / "app"
    named = set()
    for path in app.rglob("*.pyi"):
        module = ".".join(path.relative_to(app).with_suffix("").parts).removesuffix(".__init__")
        owner = ""
        for line in path.read_text().splitlines():
            if match := re.match(r"class (\w+)|(?:    )?(?:async )?def (\w+)", line):
                owner = "" if not line.startswith(" ") else owner
                if match[1]:
                    owner = f"{match[1]}."
                elif not match[2].startswith("__"):
                    named.add(f"{module}.{owner}{match[2]}")
    managers = {"get_connection_manager", "get_connection"}  # they hand out no session
    missing = named - SHAPES.keys()
    assert {name.rpartition(".")[2] for name in missing} == managers
    assert SHAPES.keys() - named == {"database._Manager.clickhouse_client"}


@pytest.fixture(scope="module")
def written(surveyed: Report, project: Path) -> dict[str, str]:
    """What ``stubs`` writes; its sources are read relative to the working directory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        return stub_files(p for each in surveyed.surveys for p in each.providers)


def test_stubs_have_what_is_missing_and_no_more(written: dict[str, str]) -> None:
    text = written["netra_backend-stubs/app/db/database_manager.pyi"]
    assert text == (
        "# Written by mypy-asyncsession stubs.\n"
        "from contextlib import _AsyncGeneratorContextManager, AbstractAsyncContextManager\n"
        "from typing import Any\n"
        "\n"
        "from sqlalchemy.ext.asyncio import AsyncSession\n"
        "\n"
        "def __getattr__(name: str) -> Any: ...\n"
        "def get_db_client() -> _AsyncGeneratorContextManager[AsyncSession]: ...\n"
        "\n"
        "class DatabaseManager(Any):\n"
        "    @staticmethod\n"
        "    def get_async_session(\n"
        "        name: str = ...,\n"
        "    ) -> _AsyncGeneratorContextManager[AsyncSession]: ...\n"
        "    def get_session(self) -> AbstractAsyncContextManager[AsyncSession]: ...\n"
        "\n"
        "class UnifiedDatabaseManager(Any):\n"
        "    @staticmethod\n"
        "    def get_async_session(\n"
        "        name: str = ...,\n"
        "    ) -> _AsyncGeneratorContextManager[AsyncSession]: ...\n"
    )
    assert "netra_backend-stubs/app/dependencies.pyi" not in written
    assert written["netra_backend-stubs/py.typed"] == "partial\n"


def test_stubs_are_formatted_and_fit_the_sources(
    written: dict[str, str], project: Path, tmp_path: Path
) -> None:
    for name, text in written.items():
        path = tmp_path / name.replace("-stubs", "")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    ruff = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--check", "--line-length", "88", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ruff.returncode == 0, ruff.stdout
    modules = [
        f"netra_backend.app.{name}"
        for name in ("database", "db.database_manager", "db.postgres", "db.postgres_unified")
    ]
    done = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "--ignore-missing-stub", *modules],
        cwd=project,
        env={"PATH": "", "MYPYPATH": str(tmp_path), "PYTHONPATH": str(project)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_stubs_are_taken_back_as_an_overlay(
    surveyed: Report, written: dict[str, str], tmp_path: Path
) -> None:
    root = tmp_path / "project"
    shutil.copytree(GETTERS, root)
    for name, text in written.items():
        (root / "stubs" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "stubs" / name).write_text(text)
    (root / "pyproject.toml").write_text('[tool.mypy-asyncsession]\noverlays = ["stubs"]\n')
    again = check(["netra_backend"], Options(survey=True), directory=str(root))

    def short(report: Report) -> list[Any]:
        return [(f.path, f.span.line, f.code, f.message) for f in report.findings]

    assert short(again) == short(surveyed)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        assert stub_files(p for each in again.surveys for p in each.providers) == written


def test_the_command_writes_only_its_own_files(
    project: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(project)
    folder = tmp_path / "typings"

    def stubs() -> object:
        with pytest.raises(SystemExit) as ended:
            main.main(["stubs", "netra_backend", "--output", str(folder)])
        return ended.value.code

    assert stubs() == 0
    first = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert stubs() == 0
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == first
    own = folder / "netra_backend-stubs/app/db/postgres.pyi"
    own.write_text("def get_postgres_db() -> int: ...\n")
    capsys.readouterr()
    assert stubs() == 2
    assert "was not written by this command" in capsys.readouterr().err
    assert own.read_text() == "def get_postgres_db() -> int: ...\n"
