"""What the core could not decide in a program that was only parsed, decided by mypy."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

from mypy_asyncsession.checking.build_retries import BuildRetries, Trouble
from mypy_asyncsession.checking.kept_answers import CAN_KEEP
from mypy_asyncsession.checking.mypy_settings import WORTH_WORKERS
from mypy_asyncsession.checking.report import CannotRun
from mypy_asyncsession.checking.snapshot import Looked


@dataclass(frozen=True, slots=True)
class Settled:
    """What is found in a program in the end.

    Attributes:
        errors: As mypy's JSON formatter has them.
        asked: The paths of the modules that mypy was asked about.
        troubles: Why it could not say anything of some of these.
        looked: What it looked at.
    """

    errors: list[dict[str, Any]]
    asked: list[str] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    looked: Looked = field(default_factory=Looked)


def settle(parsed: BuildRetries, errors: list[dict[str, Any]]) -> Settled:
    """Ask mypy about the modules with a use that the core could not decide, if there are any.

    What it finds there counts in place of what the core has found; where it cannot say anything,
    that stands.

    Args:
        parsed: The program, once it is looked at.
        errors: What was found in it.
    """
    asked = set(parsed.unsettled.asked)
    if not asked:
        return Settled(errors)
    needed = asked.union(parsed.unsettled.needed)
    program = replace(
        parsed.program,
        sources=tuple(each for each in parsed.program.sources if each.path in needed),
    )
    options = dict(parsed.plan.options)
    if len(needed) < WORTH_WORKERS:
        options["num_workers"] = 0
    plan = replace(parsed.plan, options=options, parsed=False, keeping=None)
    run = BuildRetries(program, plan, parsed.builder, set())
    troubles: list[Trouble] = []
    try:
        found = run.build(lambda: None)
    except CannotRun as refused:
        troubles = [Trouble(path, 0, str(refused), lasting=False) for path in sorted(asked)]
        found = []
    else:
        troubles = [each for each in run.troubles if each.path in asked]
    # It is looked at all the same: what was found without mypy stands.
    troubles = [replace(each, parsed=each.left_out) for each in troubles]
    answered = asked.difference(each.path for each in troubles if each.left_out)
    by_mypy = [error for error in found if error["file"] in answered]
    if parsed.kept is not None and CAN_KEEP:
        _keep(parsed, answered, by_mypy)
    rest = [error for error in errors if error["file"] not in answered]
    return Settled([*rest, *by_mypy], sorted(asked), troubles, run.looked)


def _keep(parsed: BuildRetries, answered: set[str], errors: list[dict[str, Any]]) -> None:
    from mypy_asyncsession.checking.kept_answers import settle as keep

    messages: dict[str, list[str]] = {path: [] for path in answered}
    for error in errors:
        messages[error["file"]].append(json.dumps(error))
    assert parsed.kept is not None
    keep(parsed.kept, messages)
