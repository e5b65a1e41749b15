"""The rules, one file each, listed explicitly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy_asyncsession.rules import (
    async_await,
    async_iter,
    async_with,
    depends_type,
    session_await,
    session_concurrent,
    session_delegate,
    session_depends,
    session_early_exit,
    session_escape,
    session_expired,
    session_getter,
    session_iter,
    session_late_commit,
    session_lazy_load,
    session_mock,
    session_override,
    session_probe,
    session_transaction,
    session_unawaited,
    session_unentered,
    session_with,
)
from mypy_asyncsession.rules.rule import Problem, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_asyncsession.detectors.record import Record

RULES: Final[tuple[Rule, ...]] = (
    session_with.RULE,
    session_iter.RULE,
    session_await.RULE,
    async_with.RULE,
    async_iter.RULE,
    async_await.RULE,
    session_unentered.RULE,
    session_unawaited.RULE,
    session_depends.RULE,
    depends_type.RULE,
    session_early_exit.RULE,
    session_delegate.RULE,
    session_escape.RULE,
    session_lazy_load.RULE,
    session_concurrent.RULE,
    session_expired.RULE,
    session_transaction.RULE,
    session_late_commit.RULE,
    session_override.RULE,
    session_mock.RULE,
    session_getter.RULE,
    session_probe.RULE,
)


def problems(record: Record) -> Iterator[tuple[Rule, Problem]]:
    """What the rules say of *record*."""
    for rule in RULES:
        if isinstance(record, rule.reads):
            problem = rule.check(record)
            if problem is not None:
                yield rule, problem


__all__ = ["RULES", "Problem", "Rule", "problems"]
