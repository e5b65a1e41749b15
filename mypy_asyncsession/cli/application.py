"""``mypy-asyncsession audit --app``: the dependencies of an application that can be imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy_asyncsession.checking.report import CannotRun
from mypy_asyncsession.printable import json_text, printable
from mypy_asyncsession.runtime.audit import audit_app, load_app

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_asyncsession.runtime.audit import DependencyProblem


def audit_application(target: str, *, resources: Iterable[str] = ()) -> list[DependencyProblem]:
    """What FastAPI cannot drive in an application.

    Args:
        target: The application, as ``package.module:app``.
        resources: Full names of classes that count as sessions besides SQLAlchemy's.

    Raises:
        CannotRun: It cannot be imported, or is no such application.
    """
    try:
        return audit_app(load_app(target), resources=resources)
    except (TypeError, ValueError) as error:
        raise CannotRun(str(error)) from error


def lines(problems: Iterable[DependencyProblem], output: str = "text") -> list[str]:
    """The problems as lines.

    Args:
        problems: What was found.
        output: ``text``, or ``json`` for one object a line.
    """
    if output == "json":
        return [json_text({**vars(each), "routes": list(each.routes)}) for each in problems]
    return [printable(str(each)) for each in problems]
