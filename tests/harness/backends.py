"""Backends of the shape that real ones have, and edits to them as people make them.

A backend is a choice for each name in ``CHOICES``, and an edit is another choice for one or two
of them: a provider moves, is wrapped, re-exported or annotated, a stub appears beside its module,
a module goes, a file cannot be parsed for a while. What holds for all of them, the configuration
and the overlays, is edited in the same way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

    Choice = Mapping[str, str]

_DB: Final = """\
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import wraps
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import Session, sessionmaker

maker = async_sessionmaker()
sync_maker = sessionmaker()


def traced(function):
    @wraps(function)
    def inner(*args, **kwargs):
        return function(*args, **kwargs)
    return inner


"""
#: What hands out the session.
_PROVIDERS: Final = {
    "generator": "async def {0}() -> AsyncIterator[AsyncSession]:\n{1}",
    "bare generator": "async def {0}():\n{1}",
    "generator that says session": "async def {0}() -> AsyncSession:  # type: ignore\n{1}",
    "traced generator": "@traced\nasync def {0}():\n{1}",
    "manager": "@asynccontextmanager\nasync def {0}() -> AsyncIterator[AsyncSession]:\n{1}",
    "bare manager": "@asynccontextmanager\nasync def {0}():\n{1}",
    "coroutine": "async def {0}() -> AsyncSession:\n    return maker()\n",
    "bare coroutine": "async def {0}():\n    return maker()\n",
    "plain": "def {0}():\n    return maker()\n",
    "sync generator": "def {0}() -> Iterator[Session]:\n    with sync_maker() as db:\n"
    "        yield db\n",
    "sync manager": "@contextmanager\ndef {0}():\n    with sync_maker() as db:\n        yield db\n",
}
_BODY: Final = "    async with maker() as db:\n        yield db\n"
#: Where it is, and what is left in ``db/session.py`` if that is elsewhere.
_HOMES: Final = {
    "session": None,
    "core, imported": "from {0}.db.core import get_session\n",
    "core, star": "from {0}.db.core import *\n",
    "core, wrapped": "from {0}.db import core\n\n\ndef get_session():\n"
    "    return core.get_session()\n",
    "core, wrapped and annotated": "from typing import Any\n\nfrom {0}.db import core\n\n\n"
    "def get_session() -> Any:\n    return core.get_session()\n",
    "core, bound": "from {0}.db import core\n\nget_session = core.get_session\n",
    "core, nothing left": "maker = None\n",
}
_EXPORTS: Final = {
    "named": "from {0}.db.session import get_session\n\n__all__ = ['get_session']\n",
    "relative": "from .session import get_session as get_session\n",
    "star": "from {0}.db.session import *\n",
    "straight": "from {0}.db.core import get_session\n",
    "nothing": "",
}
_STUBS: Final = {
    "none": None,
    "generator": "async def get_session() -> AsyncIterator[AsyncSession]:\n"
    "    yield AsyncSession()\n",
    "generator type": "def get_session() -> AsyncIterator[AsyncSession]: ...\n",
    "manager": "def get_session() -> AbstractAsyncContextManager[AsyncSession]: ...\n",
    "session": "def get_session() -> AsyncSession: ...\n",
    "empty": "maker: object\n",
}
_STUB_HEADER: Final = """\
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from sqlalchemy.ext.asyncio import AsyncSession

"""
#: A stub that the configuration names; it counts as an annotation of what it fits.
_OVERLAYS: Final = {**_STUBS, "no such name": "def get_sesion() -> AsyncSession: ...\n"}
_DEPENDENCIES: Final = {
    "as it is": "get_db = get_session",
    "generator": "async def get_db():\n    async with get_session() as db:\n        yield db",
    "delegation": "async def get_db():\n    async for db in get_session():\n        yield db",
    "wrapper": "def get_db():\n    return get_session()",
    "annotated wrapper": "def get_db() -> AsyncIterator[AsyncSession]:\n    return get_session()",
    "manager": "get_db = asynccontextmanager(get_session)",
    "awaited": "async def get_db():\n    return await get_session()",
}
_STATEMENTS: Final = {
    "async with": "async with {0} as opened:{1}\n            await opened.commit()",
    "async for": "async for opened in {0}:{1}\n            await opened.commit()",
    "left early": "async for opened in {0}:\n            return await opened.commit(){1}",
    "with": "with {0} as opened:{1}\n            opened.commit()",
    "await": "opened = await {0}{1}\n        await opened.commit()",
    "step": "opened = await anext({0}){1}\n        await opened.commit()",
    "raw": "opened = {0}\n        await opened.commit(){1}",
    "nothing": "pass",
}
_USES: Final = ("orders", "users", "job")
_SOURCES: Final = {
    "package": "db.get_session()",
    "module": "session.get_session()",
    "dependency": "deps.get_db()",
    "object": "Repository().provider()",
    "keyword": "Repository(deps.get_db).provider()",
    "local": "provider()",
}
_PATHS: Final = {"orders": "services/orders.py", "users": "services/users.py", "job": "job.py"}

CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "provider": (*_PROVIDERS,),
    "home": (*_HOMES,),
    "exports": (*_EXPORTS,),
    "stub": ("none", "none", *_STUBS),
    "overlay": ("none", "none", *_OVERLAYS),
    "dependency": (*_DEPENDENCIES,),
    "alias": ("session", "dependency", "called", "none"),
    "override": ("none", "session", "dependency"),
    "absent": ("none", "none", "none", "users", "job", "deps", "core"),
    "broken": ("none", "none", "none", "none", "none", "orders", "session", "routes", "stub"),
    "remark": ("none", "above"),
    **{
        f"{use} {choice}": (*options,)
        for use in _USES
        for choice, options in {
            "source": _SOURCES,
            "statement": _STATEMENTS,
            "annotated": ("yes", "no"),
            "ignored": ("no", "no", "yes"),
        }.items()
    },
}
_BROKEN: Final = "def (\n"
#: What is configured for all.
CONFIGURATIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "plain": {},
    "strict": {"mypy-asyncsession": {"strict": ["backend0.*", "backend2.*"]}},
    "no inference": {"mypy-asyncsession": {"infer-types": False}},
    "no overlays": {"mypy-asyncsession": {"overlays": []}},
    "fewer codes": {
        "mypy": {"overrides": [{"module": "backend0.*", "disable_error_code": ["session-with"]}]}
    },
}


def random_choice(random: Random) -> dict[str, str]:
    """Any backend that can be parsed."""
    chosen = {name: random.choice(options) for name, options in CHOICES.items()}
    return {**chosen, "broken": "none", "absent": "none"}


def edited(random: Random, before: Choice) -> dict[str, str]:
    """The backend after an edit of one place or two; what cannot be parsed is soon fixed."""
    names = random.sample(sorted(CHOICES), k=random.choice((1, 1, 2)))
    if before["broken"] != "none":
        names.append("broken")
    new = dict(before)
    for name in names:
        others = [each for each in CHOICES[name] if each != before[name]]
        fixed = name == "broken" and before[name] != "none"
        new[name] = "none" if fixed else random.choice(others)
    return new


def overlay(package: str, chosen: Choice) -> dict[str, str]:
    """The stub that the configuration names, by its path in the folder of overlays."""
    text = _OVERLAYS[chosen["overlay"]]
    return {} if text is None else {f"{package}/db/session.pyi": _STUB_HEADER + text}


def render(package: str, chosen: Choice) -> dict[str, str]:
    """The files of a backend, by path."""
    remark = "# A remark that moves every line.\n\n" if chosen["remark"] == "above" else ""
    provider = _DB + _PROVIDERS[chosen["provider"]].format("get_session", _BODY)
    left = _HOMES[chosen["home"]]
    files = {
        "__init__.py": "",
        "db/__init__.py": _EXPORTS[chosen["exports"]].format(package),
        "db/core.py": "" if left is None else provider,
        "db/session.py": remark + (provider if left is None else left.format(package)),
        "deps.py": _deps(package, chosen),
        "services/__init__.py": "",
        "routes.py": _routes(package, chosen),
        "tests/__init__.py": "",
        "tests/test_routes.py": _tests(package, chosen),
    }
    stub = _STUBS[chosen["stub"]]
    if stub is not None:
        files["db/session.pyi"] = _STUB_HEADER + stub
    for use, path in _PATHS.items():
        files[path] = remark + _user(package, chosen, use)
    gone = {"users": "services/users.py", "job": "job.py", "deps": "deps.py", "core": "db/core.py"}
    files.pop(gone.get(chosen["absent"], ""), None)
    broken = {
        "orders": "services/orders.py",
        "session": "db/session.py",
        "routes": "routes.py",
        "stub": "db/session.pyi",
    }.get(chosen["broken"])
    if broken in files:
        files[broken] += _BROKEN
    return files


def _deps(package: str, chosen: Choice) -> str:
    alias = {
        "session": "DbDep = Annotated[AsyncSession, Depends(get_session)]",
        "dependency": "DbDep = Annotated[AsyncSession, Depends(get_db)]",
        "called": "DbDep = Annotated[AsyncSession, Depends(get_session())]",
        "none": "DbDep = AsyncSession",
    }[chosen["alias"]]
    return (
        "from collections.abc import AsyncIterator\n"
        "from contextlib import asynccontextmanager\n"
        "from typing import Annotated\n\n"
        "from fastapi import Depends\n"
        "from sqlalchemy.ext.asyncio import AsyncSession\n\n"
        f"from {package}.db import get_session\n\n\n"
        f"{_DEPENDENCIES[chosen['dependency']]}\n\n\n{alias}\n"
    )


def _routes(package: str, chosen: Choice) -> str:
    default = "get_session" if chosen["alias"] == "session" else "get_db"
    return (
        "from fastapi import APIRouter, Depends\n"
        "from sqlalchemy.ext.asyncio import AsyncSession\n\n"
        f"from {package}.db import get_session\n"
        f"from {package}.deps import DbDep, get_db\n"
        f"from {package}.services.orders import Orders\n\n"
        "router = APIRouter()\n\n\n"
        '@router.get("/a")\nasync def read(db: DbDep):\n    await db.commit()\n\n\n'
        '@router.get("/b")\n'
        f"async def write(db: AsyncSession = Depends({default})) -> None:\n"
        "    await Orders().work()\n    await db.commit()\n"
    )


def _tests(package: str, chosen: Choice) -> str:
    key = {"none": "read", "session": "get_session", "dependency": "get_db"}[chosen["override"]]
    return (
        "from contextlib import asynccontextmanager\n\nfrom fastapi import FastAPI\n\n"
        f"from {package}.db import get_session\n"
        f"from {package}.deps import get_db\n"
        f"from {package}.routes import read, router\n\n"
        "app = FastAPI()\napp.include_router(router)\n\n\n"
        "@asynccontextmanager\nasync def fake():\n    yield None\n\n\n"
        f"app.dependency_overrides[{key}] = fake\n"
    )


def _user(package: str, chosen: Choice, use: str) -> str:
    returns = " -> None" if chosen[f"{use} annotated"] == "yes" else ""
    ignored = "  # type: ignore[async-session]" if chosen[f"{use} ignored"] == "yes" else ""
    source = _SOURCES[chosen[f"{use} source"]]
    statement = _STATEMENTS[chosen[f"{use} statement"]].format(source, ignored)
    if chosen[f"{use} statement"] == "left early":
        returns = ""
    local = "        provider = deps.get_db\n" if source == "provider()" else ""
    return (
        f"from {package} import db, deps\n"
        f"from {package}.db import session\n"
        f"from {package}.db.session import get_session\n\n\n"
        "class Repository:\n"
        "    def __init__(self, provider=get_session):\n        self.provider = provider\n\n\n"
        "class Orders:\n"
        f"    async def work(self){returns}:\n{local}        {statement}\n"
    )
