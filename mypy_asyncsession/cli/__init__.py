"""The command line: ``mypy-asyncsession``. One file a command; this one only puts them together."""

from __future__ import annotations

from mypy_asyncsession.cli.group import Group, version

main = Group(
    name="mypy-asyncsession",
    help=(
        "Find session providers that are used in the wrong way, in code on FastAPI and async "
        "SQLAlchemy.\n\n"
        "Begin with `mypy-asyncsession check`: it looks at the current directory, changes nothing, "
        "and needs no configuration. `fix --diff` shows what it can fix of that, and `init` sets "
        "the project up. `mypy-asyncsession COMMAND --help` says more."
    ),
    params=[version],
    names=("check", "fix", "audit", "stubs", "explain", "init", "rollout", "server"),
)

__all__ = ["main"]
