"""Small programs with a choice in every place that a finding may depend on, and edits to them.

A program is a choice for each name in ``CHOICES``, and an edit is another choice for one or two
of them. So any sequence of edits makes sense, and so does what is left when some are dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.harness.case import MAIN, Case

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from random import Random

    Program = Mapping[str, str]
    Edit = Mapping[str, str]
    History = tuple[Program, Sequence[Edit]]

#: What a provider in ``db.py`` may be. All of them do the same: hand out a ``Session``.
_PROVIDERS: Final = {
    "generator": "async def {name}() -> AsyncIterator[Session]:\n    yield Session()",
    "bare generator": "async def {name}():\n    yield Session()",
    "generator that says it is a session": (
        "async def {name}() -> Session:  # type: ignore\n    yield Session()"
    ),
    "generator that says nothing": "async def {name}() -> Any:\n    yield Session()",
    "manager": (
        "@asynccontextmanager\nasync def {name}() -> AsyncIterator[Session]:\n    yield Session()"
    ),
    "bare manager": "@asynccontextmanager\nasync def {name}():\n    yield Session()",
    "coroutine": "async def {name}() -> Session:\n    return Session()",
    "bare coroutine": "async def {name}():\n    return Session()",
    "plain": "def {name}():\n    return Session()",
    "sync generator": "def {name}():\n    yield Session()",
    "sync manager": "@contextmanager\ndef {name}():\n    yield Session()",
    "traced generator": "@traced\nasync def {name}():\n    yield Session()",
    "wrapper": "def {name}():\n    return {other}()",
    "alias": "{name} = {other}",
}

#: How ``names.py`` hands on one of the two under the name ``provide``.
_NAMES: Final = {
    "first": "from {package}.db import first as provide",
    "second": "from {package}.db import second as provide",
    "star": "from {package}.stars import *",
    "assignment": "from {package} import db\nprovide = db.first",
    "wide assignment": "from {package} import db\nprovide: Callable[..., Any] = db.second",
    "lambda": "from {package} import db\nprovide = lambda: db.first()",
    "partial": "from {package} import db\nprovide = partial(db.second)",
    "entered": "from {package} import db\nprovide = asynccontextmanager(db.first)",
    "fallback": (
        "try:\n    from {package}.missing import provide  # type: ignore\n"
        "except ImportError:\n    from {package}.db import second as provide"
    ),
    "getattr": 'from {package} import db\nprovide = getattr(db, "first")',
    "either": (
        "from {package} import db\nimport sys\n"
        "provide = db.first if len(sys.argv) > 3 else db.second"
    ),
}

#: How ``service.py`` hands on what ``provide`` gives.
_FETCH: Final = {
    "wrapper": "def fetch():\n    return provide()",
    "wide wrapper": "def fetch() -> Any:\n    return provide()",
    "wrapper in two steps": "def inner():\n    return provide()\ndef fetch():\n    return inner()",
    "wrapper of the other": (
        "def fetch():\n    from {package}.db import second\n    return second()"
    ),
    "coroutine": "async def fetch():\n    return provide()",
    "generator": "async def fetch():\n    async for session in provide():\n        yield session",
    "alias": "fetch = provide",
    "missing": "def something_else(): ...",
}

#: How a ``Service`` has it as its ``provider``.
_SERVICE: Final = {
    "bare init": "    def __init__(self):\n        self.provider = provide",
    "init": "    def __init__(self) -> None:\n        self.provider = provide",
    "class attribute": "    provider = staticmethod(provide)",
    "wide class attribute": "    provider: Callable[..., Any] = staticmethod(provide)",
    "method": "    def provider(self):\n        return provide()",
    "property": "    @property\n    def provider(self):\n        return provide",
    "own method": "    async def provider(self):\n        yield Session()",
    "inherited": "    pass",
}

_DECORATORS: Final = {
    "passes on": "    return function",
    "wraps": (
        "    @wraps(function)\n    def wrapper(*args, **kwargs):\n"
        "        return function(*args, **kwargs)\n    return wrapper"
    ),
    "enters": "    return asynccontextmanager(function)",
}

_IGNORED: Final = (
    "session-with",
    "session-iter",
    "session-await",
    "async-with",
    "async-iter",
    "async-await",
)
_TARGETS: Final = {
    "database": "db.first()",
    "name": "names.provide()",
    "service": "service.fetch()",
    "attribute": "service.Service().provider()",
    "dictionary": 'service.PROVIDERS["one"]()',
    "not called": "names.provide",
    "awaited": "await service.fetch()",
    "variable": "value",
}

_STATEMENTS: Final = {
    "async with": "async with {target} as session:{ignore}\n        print(session)",
    "async for": "async for session in {target}:{ignore}\n        print(session)",
    "with": "with {target} as session:{ignore}\n        print(session)",
    "await": "await ({target}){ignore}",
    "comprehension": "print([session async for session in {target}]){ignore}",
    "stack": (
        "async with AsyncExitStack() as stack:\n"
        "        await stack.enter_async_context({target}){ignore}"
    ),
    "nothing": "pass",
}

_USES: Final = ("use_a", "use_b", "use_c", "use_d")

CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "first": (*_PROVIDERS,),
    "second": tuple(kind for kind in _PROVIDERS if kind not in {"wrapper", "alias"}),
    "decorator": (*_DECORATORS,),
    "names": (*_NAMES,),
    "fetch": (*_FETCH,),
    "service": (*_SERVICE,),
    "more users": ("there", "not there"),
    "remark": ("none", "above"),
    **{
        f"{use} {choice}": (*options,)
        for use in _USES
        for choice, options in {
            "target": _TARGETS,
            "statement": _STATEMENTS,
            "signature": {"()": "", "() -> None": ""},
            "comment": {"none": "", "ignored": ""},
        }.items()
    },
}

_HEADER: Final = """\
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial, wraps
from typing import Any, Callable
"""
_SESSION: Final = """\
class Session:
    async def __aenter__(self) -> "Session":
        return self
    async def __aexit__(self, *exc: object) -> None: ...
"""


def random_program(random: Random) -> Program:
    """Any program."""
    return {name: random.choice(choices) for name, choices in CHOICES.items()}


def random_edit(random: Random, program: Program) -> Edit:
    """An edit of one place or of two; each edit changes something."""
    names = random.sample(sorted(CHOICES), k=random.choice((1, 1, 2)))
    return {
        name: random.choice([choice for choice in CHOICES[name] if choice != program[name]])
        for name in names
    }


def random_history(random: Random, length: int) -> History:
    """A program and a number of edits, one after the other."""
    start = program = random_program(random)
    log: list[Edit] = []
    for _ in range(length):
        log.append(random_edit(random, program))
        program = {**program, **log[-1]}
    return start, log


def case_of(name: str, program: Program, log: Sequence[Edit]) -> Case:
    """A program and what it becomes, edit by edit, as a case without expectations."""
    trees = [render(program, name)]
    for edit in log:
        program = {**program, **edit}
        trees.append(render(program, name))
    return Case(name, "a random program", name, tuple(trees))


def render(program: Program, package: str) -> dict[str, str]:
    """The files of a program, by path."""
    header = f"{_HEADER}from {package}.base import Session\n"
    provide = f"from {package}.names import provide\n"
    decorator = f"def traced(function):\n{_DECORATORS[program['decorator']]}\n"
    providers = [
        _PROVIDERS[program[name]].format(name=name, other="second") for name in ("second", "first")
    ]
    service = [
        header + provide + "from . import base",
        _FETCH[program["fetch"]].format(package=package),
        "class Base:\n    def provider(self):\n        return provide()",
        f"class Service(Base):\n{_SERVICE[program['service']]}",
        'PROVIDERS = {"one": provide}',
    ]
    files = {
        "base.py": _SESSION,
        "db.py": "\n".join([header + decorator, *providers]) + "\n",
        "stars.py": f"from {package}.db import first as provide\n",
        "names.py": header + _NAMES[program["names"]].format(package=package) + "\n",
        "service.py": "\n".join(service) + "\n",
        MAIN: _users(program, package, _USES[:2]),
    }
    if program["more users"] == "there":
        files["more.py"] = _users(program, package, _USES[2:])
    return files


def _users(program: Program, package: str, uses: Sequence[str]) -> str:
    remark = "# A remark that moves every line.\n" if program["remark"] == "above" else ""
    lines = [f"{remark}{_HEADER}from {package} import db, names, service"]
    for use in uses:
        target = _TARGETS[program[f"{use} target"]]
        ignored = program[f"{use} comment"] == "ignored"
        statement = _STATEMENTS[program[f"{use} statement"]].format(
            target=target,
            ignore=f"  # type: ignore[{', '.join(_IGNORED)}]" if ignored else "",
        )
        lines.append(f"async def {use}{program[f'{use} signature']}:")
        if target == "value":
            lines.append("    value = service.fetch()")
        lines.append(f"    {statement}")
    return "\n".join(lines) + "\n"
