"""A provider in every place where FastAPI takes a dependency."""

from __future__ import annotations

import functools
from typing import Annotated

from common import LOG, Session, get
from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, WebSocket
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


def run():
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
