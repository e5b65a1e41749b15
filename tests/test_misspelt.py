"""What a configuration or a command names and is not there, with the nearest right name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mypy_asyncsession.checking.run import check
from mypy_asyncsession.config import ConfigError, load
from tests.test_check import run, tree

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """\
[tool.mypy]
disable_error_code = ["session-wiht", "no-untyped-def", "somebody-elses"]
[[tool.mypy.overrides]]
module = "shop.*"
enable_error_code = ["session-geter"]
[tool.mypy-asyncsession]
strict = ["shpo.*", "shop.api.*", "shop.nothing", "*.db", "lib.*"]
resources = [
    "shop.nowhere.Session", "shop.db.Sesion", "shop.db.Session", "shop.db.Imported",
    "sqlalchmy.orm.Session", "aiohttp.ClientSession", "shop.dbs.Session", "shop.db.Session.Inner",
]
exclude = ["tsets", "build", "docs"]
per-file-ignores = { "tests/*" = ["session-mock"], "tets/*.py" = ["session-mock"] }
"""
FILES = {
    "pyproject.toml": CONFIG,
    "shop/__init__.py": "",
    "shop/db.py": "from x import Imported\nclass Session: ...\n",
    "shop/api/__init__.py": "",
    "shop/inline.py": '# mypy: disable-error-code="session-itre, not-ours"\n',
    "shop/comment.py": "x = 1  # type: ignore[session-iterr]\ny = 1  # session: ignore[iter]\n",
    "docs/conf.py": "",
    "src/lib/py.typed": "",
    "tests/test_a.py": "",
}

WRONG = """\
[mypy-shop.*]: enable_error_code: there is no code "session-geter" (did you mean "session-getter"?)
[mypy]: disable_error_code: there is no code "session-wiht" (did you mean "session-with"?)
exclude: there is no "tsets" (did you mean "tests"?)
per-file-ignores: no file that is checked matches "tets/*.py" (did you mean "tests/*.py"?)
resources: there is no class "Sesion" in "shop.db" (did you mean "Session"?)
resources: there is no module "shop.dbs" (did you mean "shop.db"?)
resources: there is no module "shop.nowhere"
resources: there is no module "sqlalchmy" (did you mean "sqlalchemy"?)
strict: there is no module "shop.nothing"
strict: there is no module "shpo.*" (did you mean "shop.*"?)
"""


def test_each_is_a_line(tmp_path: Path) -> None:
    tree(tmp_path, FILES)
    report = check(["."], directory=str(tmp_path))
    said = [str(each).replace("[tool.mypy-asyncsession]: ", "") for each in report.problems]
    inline = 'shop/inline.py: there is no code "session-itre" (did you mean "session-iter"?)'
    assert sorted(said) == sorted(
        [*(f"pyproject.toml: {each}" for each in WRONG.splitlines()), inline]
    )
    assert not report.incomplete
    # What is wrong in a comment for us is an error at its line.
    assert [(found.path, found.span.line) for found in report.findings] == [
        ("shop/comment.py", 1),
        ("shop/comment.py", 2),
    ]
    assert [found.message for found in report.findings] == [
        'There is no code "session-iterr" to ignore (did you mean "session-iter"?)',
        'There is no code "iter" to ignore',
    ]
    # Of a part of the project, most is not known: only what looks like a mistake is said.
    report = check(["tests"], directory=str(tmp_path))
    said = [str(problem) for problem in report.problems if "strict" in str(problem)]
    assert said == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('select = ["session-wiht"]', 'there is no code "session-wiht" (did you mean'),
        ('ignore = ["sesion-with"]', 'there is no code "sesion-with" (did you mean'),
        ('per-file-ignores = {"a" = ["all"]}', 'there is no code "all"'),
        ('per-file-ignores = ["a"]', "expected a table such as"),
        ("allow-unchecked = 1", "expected a list of strings, got 1"),
        ('overlays = ["stub"]', '(did you mean "stubs"?)'),
    ],
)
def test_what_is_refused(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "stubs").mkdir()
    file = tmp_path / "pyproject.toml"
    file.write_text(f"[tool.mypy-asyncsession]\n{line}\n")
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("chekc",), 'there is no command "chekc" (did you mean "check"?)'),
        (("shop",), 'there is no command "shop" (did you mean "check shop"?)'),
        (("check", "--strct"), 'there is no option "--strct" (did you mean "--strict"?)'),
        (("check", "--ignore", "session-wiht"), '"session-wiht" (did you mean "session-with"?)'),
        (("check", "shpo"), '"shpo" does not exist (did you mean "shop"?)'),
    ],
)
def test_commands_and_options(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    (tmp_path / "shop").mkdir()
    done = run(tmp_path, *arguments)
    assert (done.status, done.stdout) == (2, "")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
