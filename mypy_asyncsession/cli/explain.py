"""``mypy-asyncsession explain``."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

import click

from mypy_asyncsession.cli.group import NOTHING
from mypy_asyncsession.cli.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_asyncsession.rules import Rule


@click.command(short_help="Say what a code rejects, why, and what to write instead.")
@click.argument("codes", metavar="[CODE | MESSAGE]...", nargs=-1)
@click.option(
    "--output",
    type=click.Choice(["text", "markdown"]),
    default="text",
    show_default=True,
    help="text for people, markdown for documents; without a CODE, markdown has all pages.",
)
def explain(codes: tuple[str, ...], output: str) -> int:
    """Say what a code rejects, why that is bad, and what to write instead.

    CODE is what stands in brackets behind a finding. Without one, all codes are listed. MESSAGE is
    an error message, or a part of one: it finds the codes that it may be about.

    \b
      mypy-asyncsession explain                  the list of codes
      mypy-asyncsession explain session-with     the page of one of them
      mypy-asyncsession explain "object has no attribute 'execute'"
    """  # noqa: D301
    from mypy_asyncsession.rules import RULES
    from mypy_asyncsession.rules.page import page, pages

    terminal = Terminal.of_stdout()
    found = _found(codes)
    if len(found) > 1:
        terminal.print(_likely(found, terminal))
        return NOTHING
    rules = [rule for rule, _ in found] or [_rule(code) for code in codes]
    if not rules:
        lines = pages(RULES).splitlines() if output == "markdown" else _listed(RULES, terminal)
        terminal.print(lines)
        return NOTHING
    text = "\n".join(map(page, rules))
    if output == "text" and terminal.interactive and terminal.colored:
        _show(text, terminal)
    else:
        terminal.print(text.splitlines())
    return NOTHING


def _found(words: tuple[str, ...]) -> list[tuple[Rule, str]]:
    """What a message is about, with the messages that are like it; nothing if it is a code."""
    from mypy_asyncsession.codes import CODES
    from mypy_asyncsession.rules import RULES
    from mypy_asyncsession.rules.symptoms import about

    names = [*map(_bare, words)]
    if not words or not set(names).isdisjoint(CODES):
        return []
    if difflib.get_close_matches(" ".join(names), CODES, n=1):
        return []  # a code that is misspelt
    return about(" ".join(words), RULES)


def _bare(code: str) -> str:
    return code.strip().strip("[]").lower()


def _rule(code: str) -> Rule:
    """The rule that has a code, with or without the brackets around it.

    Raises:
        UsageError: There is none.
    """
    from mypy_asyncsession.codes import CODES, PARENT
    from mypy_asyncsession.rules import RULES

    name = _bare(code)
    for rule in RULES:
        if rule.code == name:
            return rule
    if name == PARENT:
        raise click.UsageError(
            f'"{PARENT}" is the parent of all codes: "explain" without a code lists them'
        )
    near = difflib.get_close_matches(name, CODES, n=1)
    hint = f' (did you mean "{near[0]}"?)' if near else ': "explain" without a code lists them'
    raise click.UsageError(f'there is no code "{code}"{hint}')


def _listed(rules: tuple[Rule, ...], terminal: Terminal) -> Iterator[str]:
    width = max(len(rule.code) for rule in rules)
    for rule in rules:
        code = terminal.style(f"{rule.code:<{width}}", fg="yellow")
        yield f"{code}  {rule.summary}{'' if rule.default else ' (strict)'}"
    yield ""
    yield 'Strict codes are off by default. "mypy-asyncsession explain CODE" says more.'


def _likely(found: list[tuple[Rule, str]], terminal: Terminal) -> Iterator[str]:
    for rule, message in found:
        yield f"{terminal.style(rule.code, fg='yellow')}  {rule.summary}"
        yield f"    {message}"
    yield ""
    yield '"mypy-asyncsession explain CODE" says more.'


def _show(text: str, terminal: Terminal) -> None:
    """Print Markdown as it is meant to look."""
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console(width=min(terminal.width, 100))
    # A theme that leaves the background of the terminal as it is.
    console.print(Markdown(text, code_theme="ansi_dark"))
