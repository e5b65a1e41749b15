"""What the core cannot decide is decided by mypy, which is asked about nothing else."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from mypy_asyncsession.checking.options import Engine, Options
from mypy_asyncsession.checking.process import Outcome
from mypy_asyncsession.checking.run import check
from mypy_asyncsession.checking.settling import settle
from mypy_asyncsession.checking.unsettled import Unsettled
from tests.test_build_retries import attempts

if TYPE_CHECKING:
    from mypy_asyncsession.checking.build_retries import BuildRetries
    from mypy_asyncsession.checking.report import Report

DEMO = Path(__file__).parent.parent / "test-data" / "demo"

TREE = {
    "numbers": """
        def numbers() -> list[int]:
            return [1, 2]
        """,
    "api": """
        from functools import reduce
        from typing import Annotated
        from fastapi import Depends
        from app.numbers import numbers

        def total():
            return reduce(lambda one, other: one + other, numbers())

        def handler(given: Annotated[str, Depends(total)]) -> None:
            print(given)
        """,
    "leaf": """
        from app.api import handler

        print(handler)
        """,
}


def checked(root: Path, path: str = ".") -> Report:
    options = Options(engine=Engine.PARSED, cache_dir=str(root / "cache"))
    return check([path], options, directory=str(root))


def test_an_answer_is_kept_until_what_it_leans_on_changes(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "pyproject.toml").touch()
    for name, text in {**TREE, "__init__": ""}.items():
        (tmp_path / "app" / f"{name}.py").write_text(textwrap.dedent(text))

    report = checked(tmp_path)
    assert report.asked == {"app/api.py"}
    assert [(each.path, each.code) for each in report.findings] == [("app/api.py", "depends-type")]

    leaf = tmp_path / "app" / "leaf.py"
    leaf.write_text(leaf.read_text() + "print(handler)\n")
    again = checked(tmp_path)
    assert not again.asked
    assert again.findings == report.findings

    numbers = tmp_path / "app" / "numbers.py"
    numbers.write_text(numbers.read_text().replace("int", "str").replace("1, 2", "'a'"))
    other = checked(tmp_path)
    assert other.asked == {"app/api.py"}
    assert not other.findings


def test_the_demo_is_settled_without_mypy(tmp_path: Path) -> None:
    options = Options(engine=Engine.PARSED, cache_dir=str(tmp_path))
    report = check(["shop"], options, directory=str(DEMO))
    assert report.findings
    assert not report.asked


def parsed(tmp_path: Path, *outcomes: Outcome) -> BuildRetries:
    """A program with two modules that was looked at, of which one holds what is not settled."""
    found, _ = attempts(tmp_path, *outcomes)
    found.unsettled = Unsettled(["/p/a.py"], ["/p/a.py"])
    return found


A, B = {"file": "/p/a.py", "message": "a"}, {"file": "/p/b/__init__.py", "message": "b"}


def test_the_answer_counts_for_these_modules_alone(tmp_path: Path) -> None:
    other = {**A, "message": "other"}
    settled = settle(parsed(tmp_path, Outcome(errors=[other, {**B, "message": "more"}])), [A, B])
    assert settled.errors == [B, other]
    assert settled.asked == ["/p/a.py"]
    assert not settled.troubles


def test_a_crash_loses_nothing(tmp_path: Path) -> None:
    settled = settle(parsed(tmp_path, Outcome(crash="RuntimeError: odd", killed=False)), [A, B])
    assert settled.errors == [A, B]
    (trouble,) = settled.troubles
    assert (trouble.path, trouble.left_out, trouble.parsed) == ("/p/a.py", True, True)
    assert not trouble.lasting
    assert "odd" in trouble.message


def test_a_crash_in_one_of_the_modules_loses_nothing(tmp_path: Path) -> None:
    crash = "/p/a.py:3: error: INTERNAL ERROR -- Please try using mypy master"
    outcomes = [Outcome(crash=crash), Outcome(crash=crash), Outcome(errors=[])]
    settled = settle(parsed(tmp_path, *outcomes), [A, B])
    assert settled.errors == [A, B]
    assert [(each.path, each.line) for each in settled.troubles] == [("/p/a.py", 3)]


def test_nothing_is_started_where_all_is_settled(tmp_path: Path) -> None:
    found, builders = attempts(tmp_path)
    assert settle(found, [A]).errors == [A]
    assert not builders.jobs
