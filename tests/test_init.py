"""``mypy-asyncsession init``: what it writes, what it leaves alone, and what it refuses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from mypy_asyncsession.adoption import pre_commit
from mypy_asyncsession.adoption.edit import NotUnderstood
from mypy_asyncsession.adoption.mypy_config import PLUGIN, with_plugin
from mypy_asyncsession.adoption.plan import plan
from mypy_asyncsession.adoption.pre_commit import with_hook
from mypy_asyncsession.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable

Run = tuple[object, str, str]


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return path


P = PLUGIN
#: What a file holds, and what it holds afterwards.
TOML = [
    ("", f'[tool.mypy]\nplugins = ["{P}"]\n'),
    ("[project]\n# c", f'[project]\n# c\n\n[tool.mypy]\nplugins = ["{P}"]\n'),
    (
        "[tool.mypy] # c\nstrict = true\n[tool.z]\n",
        f'[tool.mypy] # c\nplugins = ["{P}"]\nstrict = true\n[tool.z]\n',
    ),
    ('[tool.mypy]\nplugins = ["a"] # c\n', f'[tool.mypy]\nplugins = ["a", "{P}"] # c\n'),
    ("[tool.mypy]\nplugins = []\n", f'[tool.mypy]\nplugins = ["{P}"]\n'),
    (
        '[tool.mypy]\nplugins = [\n  "a", # why\n  "b",\n]\n# end\n',
        f'[tool.mypy]\nplugins = [\n  "a", # why\n  "b",\n  "{P}",\n]\n# end\n',
    ),
    ('[tool.mypy]\nplugins = "a, b" # c\n', f'[tool.mypy]\nplugins = "a, b, {P}" # c\n'),
    (
        '[[tool.mypy.overrides]]\nmodule = "x"\n',
        f'[[tool.mypy.overrides]]\nmodule = "x"\n\n[tool.mypy]\nplugins = ["{P}"]\n',
    ),
    ('[tool]\nmypy.plugins = ["a"]\n', f'[tool]\nmypy.plugins = ["a", "{P}"]\n'),
    ("[tool.mypy]\r\nstrict = true\r\n", f'[tool.mypy]\r\nplugins = ["{P}"]\r\nstrict = true\r\n'),
]  # fmt: skip
INI = [
    ("", f"[mypy]\nplugins = {P}\n"),
    ("[flake8]\nx = 1", f"[flake8]\nx = 1\n\n[mypy]\nplugins = {P}\n"),
    (
        "; c\n[mypy]\nstrict = True\n# c\n[mypy-x.*]\nplugins = z\n",
        f"; c\n[mypy]\nplugins = {P}\nstrict = True\n# c\n[mypy-x.*]\nplugins = z\n",
    ),
    ("[mypy]\nplugins = a\nx = 1\n", f"[mypy]\nplugins = a, {P}\nx = 1\n"),
    ("[mypy]\nplugins: a,b,\n", f"[mypy]\nplugins: a,b, {P}\n"),
    ("[mypy]\nplugins =\nx = 1\n", f"[mypy]\nplugins = {P}\nx = 1\n"),
    (
        "[mypy]\nplugins =\n    a,\n    # why\n    b\n\n[x]\n",
        f"[mypy]\nplugins =\n    a,\n    # why\n    b,\n    {P}\n\n[x]\n",
    ),
    ("[mypy]\r\nplugins =\r\n  a,\r\n", f"[mypy]\r\nplugins =\r\n  a,\r\n  {P}\r\n"),
    ("[mypy]\r\nplugins = a\r\n", f"[mypy]\r\nplugins = a, {P}\r\n"),
]


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        *(("pyproject.toml", *pair) for pair in TOML),
        *(("mypy.ini", *pair) for pair in INI),
        ("setup.cfg", *INI[3]),
    ],
)
def test_the_plugin_is_added(tmp_path: Path, name: str, before: str, after: str) -> None:
    file = write(tmp_path / name, before)
    edit = with_plugin(file)
    edit.apply()
    assert file.read_bytes().decode() == after
    assert edit.diff()
    again = with_plugin(file)
    assert again.before == again.after
    assert again.diff() == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", '[tool.mypy]\nplugins = ["a", "mypy_asyncsession.plugin:plugin"]\n'),
        ("mypy.ini", f"[mypy]\nplugins = {P} , a\n"),
    ],
)
def test_what_is_there_is_left_alone(tmp_path: Path, name: str, text: str) -> None:
    edit = with_plugin(write(tmp_path / name, text))
    assert edit.after == text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", "[tool.mypy]\nplugins = 3\n"),
        ("pyproject.toml", "[tool.mypy]\nplugins = [1]\n"),
        ("pyproject.toml", "[tool]\nmypy = { strict = true }\n"),
        ("pyproject.toml", "tool.mypy.strict = true\n"),
        ("pyproject.toml", 'x = """\n[tool.mypy]\n"""\ntool.mypy.strict = true\n'),
        ("pyproject.toml", "[tool.mypy\n"),
        ("mypy.ini", "[mypy]\nplugins = a  # c\n"),
        ("mypy.ini", "[mypy] ; c\nplugins = a\n"),
        ("mypy.ini", "strict = True\n"),
        ("mypy.ini", "[mypy]\n[mypy]\n"),
    ],
)
def test_what_is_not_understood_is_refused(tmp_path: Path, name: str, text: str) -> None:
    file = write(tmp_path / name, text)
    with pytest.raises(NotUnderstood) as caught:
        with_plugin(file)
    assert f'add "{P}" to the plugins of mypy by hand' in str(caught.value)
    assert file.read_bytes().decode() == text


HOOKS = "repos:\n{0}- repo: https://example.org/a\n{0}  rev: v1\n{0}  hooks:\n{0}  - id: a # c\n"


class TestPreCommit:
    @pytest.mark.parametrize(
        "before",
        [
            None,
            HOOKS.format(""),
            "# c\nfail_fast: true\n" + HOOKS.format("  "),
            HOOKS.format("").replace("id: a", "id: mypy-asyncsession-fix"),
        ],
    )
    @pytest.mark.parametrize(
        "origin",
        [(None, None), ("file:///src", None), ("https://example.org/us.git", "0123abc")],
    )
    def test_the_hook_is_added(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        before: str | None,
        origin: tuple[str | None, str | None],
    ) -> None:
        monkeypatch.setattr(pre_commit, "_origin", lambda: origin)
        file = tmp_path / ".pre-commit-config.yaml"
        if before is not None:
            write(file, before)
        edit = with_hook(file)
        assert edit is not None
        edit.apply()
        assert file.read_text().startswith(before or "repos:\n")
        repos = yaml.safe_load(file.read_text())["repos"]
        assert len(repos) == (1 if before is None else 2)
        (hook,) = repos[-1]["hooks"]
        assert hook["id"] == "mypy-asyncsession"
        assert repos[-1].get("rev") == origin[1]
        assert repos[-1]["repo"] == (origin[0] if origin[1] else "local")
        assert hook.get("language") == (None if origin[1] else "system" if origin[0] else "python")
        again = with_hook(file)
        assert again is not None
        assert again.before == again.after

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "repos: []\n",
            HOOKS.format("") + "fail_fast: true\n",
            "repos:\n- repo: a\n  hooks: []\n  - repo: b\n",
            "repos: *all\n",
        ],
    )
    def test_another_layout_is_left_alone(self, tmp_path: Path, text: str) -> None:
        file = write(tmp_path / ".pre-commit-config.yaml", text)
        assert with_hook(file) is None
        (tmp_path / ".git").mkdir()
        setup = plan(tmp_path)
        assert any("add this to its repos" in note for note in setup.notes)


DB = """\
from collections.abc import AsyncIterator

async def get_db() -> AsyncIterator[int]:
    yield 1

async def use() -> None:
    async with get_db() as session:  # type: ignore[attr-defined]
        print(session)
"""


@pytest.fixture
def run(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Run]:
    """Run the command in this process, in a repository with a mistake."""
    (tmp_path / ".git").mkdir()
    write(tmp_path / "shop" / "db.py", DB)
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> Run:
        with pytest.raises(SystemExit) as ended:
            main.main(["init", *arguments])
        out, err = capsys.readouterr()
        return ended.value.code, out, err

    return call


def mypy(directory: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "shop"],
        cwd=directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout


def test_from_nothing(run: Callable[..., Run], tmp_path: Path) -> None:
    status, out, err = run()
    assert (status, err) == (1, "")
    assert "+++ b/mypy.ini\n" in out
    assert "Nothing was changed: --yes makes these edits." in out
    assert not (tmp_path / "mypy.ini").exists()
    status, out, err = run("--yes")
    assert (status, err) == (0, "")
    assert "mypy.ini is written." in out
    assert "1 finding in 1 of 1 files" in out
    place = str(Path("shop", "db.py"))
    assert f"{place}:7: type: ignore[attr-defined] becomes type: ignore[async-with]" in out
    assert "[async-with]" in mypy(tmp_path)
    status, out, err = run("--yes", "--no-check")
    assert (status, err) == (0, "")
    assert out.startswith("mypy.ini loads the plugin: there is nothing to edit.\n")


def test_where_the_configuration_is(run: Callable[..., Run], tmp_path: Path) -> None:
    write(tmp_path / "pyproject.toml", "[tool.mypy]\nstrict = true\n")
    write(tmp_path / "setup.cfg", "[mypy]\nstrict = True\n")
    _, out, _ = run("--no-check")
    assert "+++ b/pyproject.toml" in out
    write(tmp_path / "mypy.ini", "[mypy]\n")
    _, out, _ = run("--no-check")
    assert "+++ b/mypy.ini" in out
    assert "pyproject.toml\n" not in out


def test_pre_commit_and_ci(run: Callable[..., Run], tmp_path: Path) -> None:
    _, out, _ = run("--no-check")
    assert "pre-commit-config" not in out
    assert "init --pre-commit" in out
    _, out, _ = run("--no-check", "--pre-commit", "--yes")
    assert ".pre-commit-config.yaml is written." in out
    assert "check --output github" in out
    write(tmp_path / ".gitlab-ci.yml", "")
    status, out, _ = run("--no-check")
    assert status == 0
    assert "check --output gitlab" in out


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("mypy.ini", "[mypy]\nplugins = a # c\n", "mypy.ini: its plugins are written in a way"),
        ("pyproject.toml", "[tool.mypy\n", "pyproject.toml: not valid TOML: "),
    ],
)
def test_it_refuses(
    run: Callable[..., Run], tmp_path: Path, name: str, text: str, message: str
) -> None:
    write(tmp_path / name, text)
    status, out, err = run("--yes")
    assert (status, out) == (2, "")
    assert err.startswith(f"mypy-asyncsession: error: {message}")
    assert (tmp_path / name).read_text() == text


def test_codes_where_the_plugin_is_not_loaded(run: Callable[..., Run], tmp_path: Path) -> None:
    write(tmp_path / "mypy.ini", "[mypy]\n")
    write(
        tmp_path / "setup.cfg",
        "[mypy]\n[mypy-shop.*]\nenable_error_code = truthy-bool, session-probe\n",
    )
    _, out, _ = run("--no-check")
    assert 'setup.cfg: [mypy-shop.*] names "session-probe", and mypy does not load the' in out


def test_sqlalchemys_own_plugin(run: Callable[..., Run], tmp_path: Path) -> None:
    write(tmp_path / "mypy.ini", "[mypy]\nplugins = sqlalchemy.ext.mypy.plugin\n")
    _, out, _ = run("--no-check")
    assert "mypy.ini loads sqlalchemy.ext.mypy.plugin, which SQLAlchemy 2.1 has no longer" in out


def test_the_hooks_that_we_offer() -> None:
    root = Path(__file__).parent.parent
    hooks = yaml.safe_load((root / ".pre-commit-hooks.yaml").read_text())
    commands = {hook["entry"].removeprefix("mypy-asyncsession ") for hook in hooks}
    assert commands == {"check", "fix --force"}
    assert len({hook["id"] for hook in hooks}) == len(hooks)
