"""What an application imports. Nothing of mypy, LibCST or the static checks is loaded by it.

Each name is loaded when it is first asked for, so that an application pays for what it uses.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_asyncsession.runtime.audit import DependencyProblem, assert_app, audit_app
    from mypy_asyncsession.runtime.errors import SessionTypeError
    from mypy_asyncsession.runtime.guard import SessionGuardMiddleware
    from mypy_asyncsession.runtime.leaks import Leak, LeakDetector
    from mypy_asyncsession.runtime.monitor import Misuse, SessionMonitor, Summary
    from mypy_asyncsession.runtime.pools import OpenSession, PoolUse
    from mypy_asyncsession.runtime.providing import (
        AsyncProvided,
        AsyncProvider,
        SyncProvided,
        SyncProvider,
        provider,
    )
    from mypy_asyncsession.runtime.rollback import rolled_back
    from mypy_asyncsession.runtime.scope import session_scope
    from mypy_asyncsession.runtime.tasks import SharedSession, TaskDetector
    from mypy_asyncsession.runtime.validate import validate_session

__all__ = [
    "AsyncProvided",
    "AsyncProvider",
    "DependencyProblem",
    "Leak",
    "LeakDetector",
    "Misuse",
    "OpenSession",
    "PoolUse",
    "SessionGuardMiddleware",
    "SessionMonitor",
    "SessionTypeError",
    "SharedSession",
    "Summary",
    "SyncProvided",
    "SyncProvider",
    "TaskDetector",
    "assert_app",
    "audit_app",
    "provider",
    "rolled_back",
    "session_scope",
    "validate_session",
]

_MODULES = {
    "audit": ("DependencyProblem", "assert_app", "audit_app"),
    "errors": ("SessionTypeError",),
    "guard": ("SessionGuardMiddleware",),
    "leaks": ("Leak", "LeakDetector"),
    "monitor": ("Misuse", "SessionMonitor", "Summary"),
    "pools": ("OpenSession", "PoolUse"),
    "providing": ("AsyncProvided", "AsyncProvider", "SyncProvided", "SyncProvider", "provider"),
    "rollback": ("rolled_back",),
    "scope": ("session_scope",),
    "tasks": ("SharedSession", "TaskDetector"),
    "validate": ("validate_session",),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
