"""An outage: dependencies that FastAPI cannot drive, behind middleware that hides that."""

from contextlib import asynccontextmanager
from typing import Annotated

from common import RECORDS, Session, get
from fastapi import APIRouter, Depends, FastAPI, HTTPException, WebSocket
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.testclient import TestClient
from starlette.middleware.base import BaseHTTPMiddleware

from mypy_asyncsession.runtime import SessionGuardMiddleware, SessionMonitor, audit_app


@asynccontextmanager
async def get_db():
    async with Session() as session:
        yield session


async def generator():
    async with Session() as session:
        yield session


async def current_user(db=Depends(get_db)):
    return await db.execute("who is it?")


@asynccontextmanager
async def only_admins():
    raise HTTPException(403)
    yield


async def only_members():
    raise HTTPException(403)
    yield


class Authentication(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        try:
            return await call_next(request)
        except Exception:
            return JSONResponse("let through")


class PureAuthentication:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        try:
            await self.app(scope, receive, send)
        except Exception:
            if scope["type"] == "http":
                await JSONResponse("let through")(scope, receive, send)
            else:
                await send({"type": "websocket.accept"})
                await send({"type": "websocket.send", "text": "let through"})


router = APIRouter()


@router.get("/user")
async def user(user: Annotated[str, Depends(current_user)]):
    return user


@router.get("/admin", dependencies=[Depends(only_admins)])
async def admin():
    return "secret"


@router.get("/member", dependencies=[Depends(only_members)])
async def member():
    return "secret"


@router.get("/fine")
async def fine(db: Annotated[Session, Depends(generator)]):
    return await db.execute("fine")


@router.get("/entered")
async def entered():
    async with generator() as session:
        return session


@router.get("/iterated")
async def iterated():
    async for session in get_db():
        return session


@router.get("/awaited")
async def awaited():
    return await get_db()


@router.get("/sync")
def sync():
    return get_db().execute("in a thread")


@router.get("/denied")
async def denied():
    try:
        await get_db().execute("may I?")
    except AttributeError:
        raise HTTPException(401)


@router.get("/other")
async def other():
    return None.execute


@router.get("/stream")
async def stream():
    async def body():
        yield "one "
        yield "two"

    return StreamingResponse(body())


@router.websocket("/socket")
async def socket(socket: WebSocket, user: Annotated[str, Depends(current_user)]):
    await socket.accept()
    await socket.send_text("in")


def make(authentication, guard):
    app = FastAPI()
    app.include_router(router, prefix="/v1")

    @app.exception_handler(AttributeError)
    @app.exception_handler(TypeError)
    async def hide(request, error):
        return JSONResponse("handled")

    if authentication is None:
        app = FastAPI()
        app.include_router(router, prefix="/v1")
    elif authentication != "handlers":
        app = FastAPI()
        app.include_router(router, prefix="/v1")
        app.add_middleware(authentication)
    monitor = SessionMonitor()
    if guard:
        app.add_middleware(SessionGuardMiddleware, monitor=monitor)
    return app, monitor


PATHS = (
    "user", "admin", "member", "fine", "entered", "iterated", "awaited", "sync", "denied",
    "other", "stream",
)  # fmt: skip


def run():
    for name, authentication in (
        ("none", None),
        ("base", BaseHTTPMiddleware and Authentication),
        ("pure", PureAuthentication),
        ("handlers", "handlers"),
    ):
        for guard in (False, True):
            app, monitor = make(authentication, guard)
            client = TestClient(app, raise_server_exceptions=False)
            answers = {}
            for path in PATHS:
                status, body, *_ = get(client, f"/v1/{path}")
                answers[path] = [status, body, RECORDS.levels()]
            try:
                with client.websocket_connect("/v1/socket") as connected:
                    answers["socket"] = connected.receive_text()
            except Exception as error:
                answers["socket"] = type(error).__name__
            answers["socket levels"] = RECORDS.levels()
            answers["again"] = [get(client, "/v1/user")[:1], RECORDS.levels()]
            answers["counted"] = monitor.summary().total
            yield f"{name} {'guarded' if guard else 'bare'}", answers
    yield "audit", [[each.dependency, each.routes] for each in audit_app(app)]
