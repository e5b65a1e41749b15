"""``mypy-asyncsession explain``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from mypy_asyncsession.cli import main
from mypy_asyncsession.codes import CODES
from mypy_asyncsession.rules import RULES
from mypy_asyncsession.rules.page import page, pages

if TYPE_CHECKING:
    from collections.abc import Callable

Run = tuple[int, str, str]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Run]:
    """Run the command in this process."""

    def call(*arguments: str) -> Run:
        with pytest.raises(SystemExit) as ended:
            main.main(["explain", *arguments])
        out, err = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, out, err

    return call


def test_all_codes_are_listed(run: Callable[..., Run]) -> None:
    status, out, err = run()
    assert (status, err) == (0, "")
    assert [line.split()[0] for line in out.split("\n\n")[0].splitlines()] == list(CODES)
    for rule in RULES:
        assert f"{rule.summary}{'' if rule.default else ' (strict)'}\n" in out


@pytest.mark.parametrize("written", ["session-with", "[session-with]", "SESSION-WITH"])
def test_a_page(run: Callable[..., Run], written: str) -> None:
    assert run(written) == (0, page(RULES[0]), "")


def test_several_pages(run: Callable[..., Run]) -> None:
    status, out, _ = run("session-mock", "depends-type")
    assert status == 0
    assert out.index("# session-mock") < out.index("# depends-type")


def test_as_a_document(run: Callable[..., Run]) -> None:
    assert run("--output", "markdown") == (0, pages(RULES), "")


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("session-wiht", 'there is no code "session-wiht" (did you mean "session-with"?)'),
        ("E501", 'there is no code "E501": "explain" without a code lists them'),
        ("async-session", '"async-session" is the parent of all codes: '),
    ],
)
def test_what_is_no_code(run: Callable[..., Run], written: str, message: str) -> None:
    status, out, err = run(written)
    assert (status, out) == (2, "")
    assert err.startswith(f"mypy-asyncsession: error: {message}")
    assert err.count("\n") == 1


def test_on_a_terminal(run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in run("session-with")[1]
    monkeypatch.setenv("NO_COLOR", "1")
    assert run("session-with") == (0, page(RULES[0]), "")
