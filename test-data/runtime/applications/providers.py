"""A provider in every place where FastAPI takes a dependency."""

from __future__ import annotations

import asyncio
import functools
from typing import Annotated

from common import LOG, Session, get
from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Request, WebSocket
from fastapi.testclient import TestClient

from mypy_asyncsession.runtime import provider, session_scope, validate_session


async def tenant(x_tenant: Annotated[str, Header()] = "nobody") -> str:
    return x_tenant


@provider
async def get_db(name: Annotated[str, Depends(tenant)], mode: str = "rw"):
    async with Session(f"{name} {mode}") as session:
        yield session


@provider
async def get_repository(db: Annotated[Session, Depends(get_db)]):
    yield ["repository", db]


@provider
def get_sync_db(name: Annotated[str, Depends(tenant)]):
    LOG.append("sync open")
    try:
        yield f"sync {name}"
    finally:
        LOG.append("sync close")


class Database:
    def __init__(self, name):
        self.name = name

    @provider
    async def session(self, mode: str = "rw"):
        async with Session(f"{self.name} {mode}") as session:
            yield session


class Getter:
    async def __call__(self, mode: str = "rw"):
        async with Session(f"getter {mode}") as session:
            yield session


@provider
async def guard(name: Annotated[str, Depends(tenant)]):
    if name == "nobody":
        raise HTTPException(401)
    yield


database, getter = Database("method"), provider(Getter())
shifted = functools.partial(database.session, mode="partial")
DbDep = Annotated[Session, Depends(get_db)]
app = FastAPI()
router = APIRouter(dependencies=[Depends(guard)])


@app.get("/annotated")
async def annotated(db: DbDep) -> str:
    return await db.execute("one")


@app.get("/default")
async def default(db: Session = Depends(get_db)) -> str:
    return await db.execute("two")


@app.get("/sync")
def sync(db: Annotated[str, Depends(get_sync_db)]) -> str:
    return db


@app.get("/method")
async def method(db: Annotated[Session, Depends(database.session)]) -> str:
    return await db.execute("three")


@app.get("/instance")
async def instance(db: Annotated[Session, Depends(getter)]) -> str:
    return await db.execute("four")


@app.get("/partial")
async def partial(db: Annotated[Session, Depends(shifted)]) -> str:
    return await db.execute("five")


@app.get("/nested")
async def nested(
    repository: Annotated[list, Depends(get_repository)], db: DbDep
) -> bool:
    return repository[1] is db


@app.get("/fails")
async def fails(db: DbDep) -> str:
    raise HTTPException(409)


@app.get("/outside")
async def outside() -> list:
    async with get_db("direct") as one:
        async for two in get_db("loop"):
            async with session_scope(get_db, "scope") as three:
                return [one.name, two.name, three.name]


@app.get("/checked")
@validate_session(resources=[Session])
async def checked(db: DbDep) -> str:
    return await db.execute("six")


@app.get("/checked-generator")
async def checked_generator(name: Annotated[str, Depends(validate_session(tenant))]) -> str:
    return name


@app.websocket("/socket")
async def socket(socket: WebSocket, db: DbDep) -> None:
    await socket.accept()
    await socket.send_text(await db.execute("socket"))


@router.get("/guarded")
async def guarded() -> str:
    return "secret"


app.include_router(router)


@provider
async def override():
    yield Session("override")


async def plain_override():
    yield Session("plain")


async def state(request: Request) -> str:
    return request.app.state.name


async def opened(name: Annotated[str, Depends(state)]):
    """A provider with dependencies, as FastAPI alone can call it."""
    async with Session(f"opened {name}") as session:
        yield session


@provider
def sync_opened(db: Annotated[Session, Depends(opened)], name: Annotated[str, Depends(tenant)]):
    yield f"sync {db.name} {name}"


async def needs_a_header(x_token: Annotated[str, Header()]):
    yield x_token


async def hides():
    try:
        yield "hiding"
    except KeyError:
        pass


async def solved():
    """What ``session_scope`` gets with an application, and what becomes of it."""
    app.state.name = "state"
    for each in (opened, sync_opened, get_db, state):
        LOG.clear()
        async with session_scope(each, app=app) as session:
            yield getattr(session, "name", session)
        yield list(LOG)
    try:
        async with session_scope(opened, app=app):
            raise KeyError
    except KeyError:
        yield LOG[-1]
    async with session_scope(hides, app=app):
        raise KeyError
    app.dependency_overrides[state] = lambda: "overridden"
    async with session_scope(opened, app=app) as session:
        yield session.name
    app.dependency_overrides[opened] = plain_override
    async with session_scope(sync_opened, app=app) as session:
        yield session
    app.dependency_overrides = {}
    for scope in (session_scope(needs_a_header, app=app), session_scope(opened), sync_opened):
        try:
            async with scope if hasattr(scope, "__aenter__") else session_scope(scope):
                pass
        except TypeError as error:
            yield f"{type(error).__name__}: {error}"


async def all_of(generator):
    return [each async for each in generator]


def run():
    yield "solved", asyncio.run(all_of(solved()))
    client = TestClient(app)
    yield "annotated", get(client, "/annotated", headers={"x-tenant": "acme"})
    yield "query", get(client, "/default?mode=ro")
    yield "sync", get(client, "/sync")
    yield "method", get(client, "/method?mode=ro")
    yield "instance", get(client, "/instance")
    yield "partial", get(client, "/partial")
    yield "nested", get(client, "/nested")
    yield "fails", get(client, "/fails")
    yield "outside", get(client, "/outside")
    yield "checked", get(client, "/checked")
    yield "denied", get(client, "/guarded")[:1]
    yield "allowed", get(client, "/guarded", headers={"x-tenant": "acme"})[:2]
    with client.websocket_connect("/socket") as connected:
        yield "socket", connected.receive_text()
    app.dependency_overrides[get_db] = override
    yield "override", get(client, "/annotated")
    app.dependency_overrides[get_db] = plain_override
    yield "plain override", get(client, "/annotated")
    app.dependency_overrides[get_db] = Database("other").session
    yield "method override", get(client, "/annotated")
    app.dependency_overrides = {database.session: override}
    yield "override of a method", get(client, "/method")
