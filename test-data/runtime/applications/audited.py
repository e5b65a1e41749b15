"""Dependencies of every shape, in every place: which of them FastAPI can drive."""

import functools
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Annotated

from common import Session
from fastapi import APIRouter, Depends, FastAPI, Security, WebSocket
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from starlette.applications import Starlette
from starlette.routing import Mount, Route

from mypy_asyncsession.runtime import audit_app, provider


@asynccontextmanager
async def manager():
    yield Session()


@contextmanager
def sync_manager():
    yield Session()


async def generator():
    yield Session()


def sync_generator():
    yield Session()


async def coroutine():
    return Session()


def plain():
    return Session()


def hands_on() -> AbstractAsyncContextManager[Session]:
    return manager()


@functools.wraps(generator)
def wrapped():
    return generator()


class Callable:
    async def __call__(self):
        yield Session()


class CallableManager:
    @asynccontextmanager
    async def __call__(self):
        yield Session()


class Class:
    pass


async def depends_on_manager(db=Depends(manager)):
    return db


Maker = async_sessionmaker()

RIGHT = [
    generator, sync_generator, coroutine, plain, Callable(), Class,
    functools.partial(generator), provider(generator), provider(sync_generator),
]  # fmt: skip
WRONG = {
    "manager": manager,
    "sync_manager": sync_manager,
    "hands_on": hands_on,
    "callable": CallableManager(),
    "partial": functools.partial(manager),
    "method": CallableManager().__call__,
    "sub": depends_on_manager,
    "sessionmaker": Maker,
}


def one(dependency, annotation=Session):
    app = FastAPI()

    @app.get("/")
    async def handler(db: annotation = Depends(dependency)):
        return None

    return [each.dependency for each in audit_app(app)]


def guarded(**places):
    """An application with a wrong dependency in one place."""
    wrong = {name: [Depends(manager)] if name in places else [] for name in (
        "app", "router", "include", "route", "nested",
    )}  # fmt: skip
    app = FastAPI(dependencies=wrong["app"])
    router = APIRouter(prefix="/r", dependencies=wrong["router"])
    inner = APIRouter(dependencies=wrong["nested"])

    @inner.get("/x")
    async def x():
        return None

    @router.get("/y", dependencies=wrong["route"])
    async def y():
        return None

    router.include_router(inner)
    app.include_router(router, prefix="/p", dependencies=wrong["include"])
    return [[each.dependency, each.routes] for each in audit_app(app)]


def run():
    yield "right", [one(each) for each in RIGHT]
    yield "wrong", {name: one(each) for name, each in WRONG.items()}
    yield "wraps", one(wrapped)
    yield "partial of a coroutine function", one(functools.partial(coroutine))
    yield "asked for", one(manager, AbstractAsyncContextManager[Session])
    for place in ("app", "router", "include", "route", "nested"):
        yield place, guarded(**{place: True})

    app = FastAPI()

    @app.get("/x")
    async def x(db: Annotated[Session, Depends(generator)]):
        return None

    @app.get("/y")
    async def y(db: Annotated[Session, Security(generator)]):
        return None

    yield "before the override", [each.dependency for each in audit_app(app)]
    app.dependency_overrides[generator] = depends_on_manager
    yield "below an override", [[each.dependency, each.routes] for each in audit_app(app)]
    app.dependency_overrides[generator] = manager
    yield "override", [[each.dependency, each.routes] for each in audit_app(app)]

    sub = FastAPI()

    @sub.get("/z")
    async def z(db: Annotated[Session, Depends(manager)]):
        return None

    @sub.websocket("/w")
    async def w(socket: WebSocket, db: Annotated[Session, Depends(manager)]):
        return None

    outer = FastAPI()
    outer.mount("/sub", sub)
    yield "mounted", [[each.dependency, each.routes] for each in audit_app(outer)]
    star = Starlette(routes=[Mount("/api", app=sub), Route("/", lambda request: None)])
    yield "in Starlette", [[each.dependency, each.routes] for each in audit_app(star)]

    class Middleware:
        def __init__(self, app):
            self.app = app

    yield "behind middleware", len(audit_app(Middleware(Middleware(sub))))
    yield "text", str(audit_app(sub)[0]).split("audited.py:")[1]
    try:
        audit_app(3)
    except TypeError as error:
        yield "no application", str(error)
