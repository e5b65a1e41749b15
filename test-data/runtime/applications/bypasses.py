"""Guards that nobody drives, and misuses that something hides; beside each what is right."""

import asyncio
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Annotated, Any

from common import RECORDS, Session, get
from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, HTTPException
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from starlette.routing import Route

from mypy_asyncsession.runtime import SessionGuardMiddleware, SessionMonitor, provider


async def deny():
    raise HTTPException(403)


async def deny_behind_a_yield():
    raise HTTPException(403)
    yield


@asynccontextmanager
async def manager():
    raise HTTPException(403)
    yield


@contextmanager
def sync_manager():
    raise HTTPException(403)
    yield


@asynccontextmanager
async def get_db():
    async with Session() as session:
        yield session


@provider
async def provided():
    raise HTTPException(403)
    yield


def unannotated():
    return deny()


def generator_of_it():
    return deny_behind_a_yield()


def nested(checked=Depends(lambda: deny())):
    return None


class Swallowing(APIRoute):
    def get_route_handler(self):
        original = super().get_route_handler()

        async def handler(request):
            try:
                return await original(request)
            except Exception:
                return JSONResponse("secret")

        return handler


class FreshScope:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        names = (
            "type", "http_version", "method", "path", "raw_path", "query_string", "headers",
            "scheme", "server", "client", "app", "router",
        )  # fmt: skip
        fresh = {name: scope[name] for name in names if name in scope}
        try:
            await self.app(fresh, receive, send)
        except Exception:
            await JSONResponse("secret")(scope, receive, send)


router = APIRouter()
SECRET = "secret"

#: What no parameter gets.
for name, dependency in {
    "lambda": lambda: deny(),
    "unannotated": unannotated,
    "generator": generator_of_it,
    "provider": lambda: provided(),
    "nested": nested,
}.items():

    @router.get(f"/{name}", dependencies=[Depends(dependency)])
    async def guarded():
        return SECRET


@router.get("/none")
async def none(_: None = Depends(lambda: deny())):
    return SECRET


@router.get("/any")
async def any_(user: Annotated[Any, Depends(lambda: manager())]):
    return SECRET


@router.get("/looked-at")
async def looked_at(user: Annotated[Any, Depends(lambda: manager())]):
    print(user)
    return SECRET


@router.get("/coroutine")
async def coroutine(user=Depends(unannotated)):
    print(user)
    return SECRET


@router.get("/user")
async def user(user: Annotated[dict, Depends(unannotated)]):
    return {"user": str(user)}


@router.get("/sync")
def sync(_: None = Depends(lambda: sync_manager())):
    return SECRET


@router.get("/manager")
async def depends_on_manager(_: None = Depends(manager)):
    return SECRET


@router.get("/any-manager")
async def depends_on_any_manager(_: Annotated[Any, Depends(manager)]):
    return SECRET


async def swallowed():
    await get_db().execute("select 1")


router.add_api_route("/swallowed", swallowed, route_class_override=Swallowing)


async def swallowed_dependency(db=Depends(lambda: get_db().execute("select 1"))):
    return SECRET


router.add_api_route(
    "/swallowed-dependency", swallowed_dependency, route_class_override=Swallowing
)


class AnyMethod:
    """What answers any method at all."""

    async def __call__(self, scope, receive, send):
        get_db().execute("select 1")


WRONG = (
    "lambda", "unannotated", "generator", "provider", "nested", "none", "any", "looked-at",
    "coroutine", "user", "sync", "manager", "any-manager", "swallowed", "swallowed-dependency",
)  # fmt: skip


# What is right, and near.

UNAUTHORIZED = HTTPException(401)


@router.get("/enters")
async def enters(scope=Depends(lambda: get_db())):
    async with scope as session:
        return await session.execute("entered")


@router.get("/says-something-else")
async def says_something_else(db: Annotated[Session, Depends(lambda: get_db())]):
    async with db as session:
        return await session.execute("entered")


@router.get("/asks")
async def asks(scope: Annotated[AbstractAsyncContextManager[Session], Depends(lambda: get_db())]):
    return "not needed today"


@router.get("/awaits")
async def awaits(answer=Depends(lambda: asyncio.sleep(0, "awaited"))):
    return await answer


@router.get("/in-the-background")
async def in_the_background(tasks: BackgroundTasks, work=Depends(lambda: asyncio.sleep(0))):
    async def wait():
        await work

    tasks.add_task(wait)
    return "later"


@router.get("/task")
async def task(work=Depends(lambda: asyncio.sleep(0, "task"))):
    return await asyncio.create_task(work)


@router.get("/streams")
async def streams(numbers=Depends(lambda: (str(number) for number in range(3)))):
    return StreamingResponse(numbers)


@router.get("/no-rows")
async def no_rows(empty: bool = True, rows=Depends(lambda: (number for number in range(3)))):
    return [] if empty else list(rows)


@router.get("/denied")
async def denied(misuse: bool = False):
    if misuse:
        try:
            await get_db().execute("may I?")
        except AttributeError:
            raise UNAUTHORIZED
    raise UNAUTHORIZED


@router.get("/from-none")
async def from_none():
    try:
        await get_db().execute("is it there?")
    except AttributeError:
        raise HTTPException(404) from None


async def numbers():
    yield 1


async def other_coroutine():
    return None


class Client:
    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        return None


@router.get("/other/{kind}")
async def other(kind: str):
    """An application's own answer to an error that has nothing to do with sessions."""
    try:
        if kind == "list":
            return list(numbers())
        if kind == "with":
            async with other_coroutine():
                return None
        if kind == "await":
            await numbers()
        return str(getattr(Client(), kind))
    except (TypeError, AttributeError):
        raise HTTPException(400)


RIGHT = (
    "enters", "says-something-else", "asks", "awaits", "in-the-background", "task", "streams", "no-rows", "denied",
    "from-none", "other/list", "other/with", "other/await", "other/execute", "other/commit",
)  # fmt: skip


def make(*, fresh=False, guard=True):
    app = FastAPI()
    app.include_router(router)
    app.router.routes.append(Route("/any-method", AnyMethod()))
    if fresh:
        app.add_middleware(FreshScope)
    monitor = SessionMonitor()
    if guard:
        app.add_middleware(SessionGuardMiddleware, monitor=monitor)
    return app, monitor


def run():
    app, monitor = make()
    client = TestClient(app, raise_server_exceptions=False)
    for path in WRONG:
        yield path, [*get(client, f"/{path}")[:2], RECORDS.levels()]
    yield "counted", monitor.summary().total
    for path in RIGHT:
        status, body, *_ = get(client, f"/{path}")
        yield path, [status, body, RECORDS.levels()]
    yield "denied by a misuse", [*get(client, "/denied?misuse=1")[:1], RECORDS.levels()]
    yield "denied afterwards", [*get(client, "/denied")[:1], RECORDS.levels()]
    app.dependency_overrides[unannotated] = lambda: "right"
    yield "overridden", [*get(client, "/unannotated")[:2], RECORDS.levels()]
    app.dependency_overrides = {}

    for method in ("GET", "BREW", "WHEN", "FLUFF"):
        client.request(method, "/any-method")
    yield "methods", RECORDS.levels()

    try:
        TestClient(app).get("/swallowed")
    except Exception as error:
        yield "raised behind the answer", type(error).__name__
    RECORDS.levels()

    app, monitor = make(fresh=True)
    client = TestClient(app, raise_server_exceptions=False)
    for path in ("lambda", "swallowed", "none"):
        yield f"{path}, in a fresh scope", [*get(client, f"/{path}")[:2], RECORDS.levels()]
    yield "denied, in a fresh scope", get(client, "/denied")[:1]

    app, _ = make(guard=False)
    client = TestClient(app, raise_server_exceptions=False)
    yield "bare", {path: get(client, f"/{path}")[1] == '"secret"' for path in WRONG}
