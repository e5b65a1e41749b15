"""Providers, the guard and the audit on several releases of FastAPI, which differ in all of it.

The environments are those of ``tests/test_fastapi.py``. None of the older releases' has mypy, so
this shows, too, that the runtime part does without it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.harness import applications
from tests.harness.environments import NoEnvironmentError, environment
from tests.harness.workspace import TEST_DATA
from tests.test_fastapi import NEWEST, OFFLINE, RELEASES, selected

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future
    from pathlib import Path

FOLDER: Final = TEST_DATA / "runtime" / "applications"
#: The last release that injects context managers as they are.
RAW: Final = ("0.115.14", "0.123.4")

Found = dict[tuple[str, str], "Future[dict[str, Any]]"]


def run(folder: Path, release: str, module: str) -> dict[str, Any]:
    """What an application yields on a release of FastAPI."""
    python = sys.executable if release == NEWEST else str(environment(folder, release))
    done = subprocess.run(
        [python, "-B", applications.__file__, str(FOLDER), module],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def found(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Found]:
    """What each application yields on each release, side by side on the machine's cores."""
    cache = getattr(request.config, "cache", None)  # none with "-p no:cacheprovider"
    folder = cache.mkdir("fastapi") if cache else tmp_path_factory.mktemp("environments")
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        yield {
            (release, module): pool.submit(run, folder, release, module)
            for release in selected(request)
            for module in ("providers", "outage", "bypasses", "audited")
        }
        pool.shutdown(cancel_futures=True)


@pytest.fixture(params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    given: str = request.param
    return given


def of(found: Found, release: str, module: str) -> dict[str, Any]:
    try:
        return found[release, module].result()
    except NoEnvironmentError as error:
        if os.environ.get(OFFLINE) == "1":
            pytest.skip(f"{OFFLINE}: no environment with FastAPI {release}")
        pytest.fail(f"no environment with FastAPI {release}\n{error}", pytrace=False)


SOLVED_BY_NOBODY: Final = """\
SessionTypeError: "needs_a_header" needs what only a request has: header "x-token"; override what \
reads it, or call the provider with a value for it
SessionTypeError: opened() missing 1 required positional argument: 'name': only FastAPI fills in \
"Depends(state)": pass a value for it, or have FastAPI do so: "session_scope(opened, app=app)"
SessionTypeError: sync_opened() missing 2 required positional arguments: 'db' and 'name': only \
FastAPI fills in "Depends(opened)": pass a value for it, or have FastAPI do so: \
"session_scope(sync_opened, app=app)"
""".splitlines()
PROVIDERS: Final[dict[str, Any]] = {
    # Out of a request, by FastAPI's own solver.
    "solved": [
        "opened state",
        ["open", "commit"],
        "sync opened state nobody",
        ["open", "commit"],
        "nobody rw",
        ["open", "commit"],
        "state",
        [],
        "rollback",
        "opened overridden",
        "sync plain nobody",
        *SOLVED_BY_NOBODY,
    ],
    "annotated": [200, '"acme rw: one"', "open", "commit"],
    "query": [200, '"nobody ro: two"', "open", "commit"],
    "sync": [200, '"sync nobody"', "sync open", "sync close"],
    "method": [200, '"method ro: three"', "open", "commit"],
    "instance": [200, '"getter rw: four"', "open", "commit"],
    "partial": [200, '"method partial: five"', "open", "commit"],
    "nested": [200, "true", "open", "commit"],
    "fails": [409, '{"detail":"Conflict"}', "open", "rollback"],
    "checked": [200, '"nobody rw: six"', "open", "commit"],
    "denied": [401],
    "allowed": [200, '"secret"'],
    "socket": "nobody rw: socket",
    "override": [200, '"override: one"'],
    "plain override": [200, '"plain: one"'],
    "method override": [200, '"other rw: one"', "open", "commit"],
    "override of a method": [200, '"override: three"'],
    "loaded": [],
}


def test_providers(found: Found, release: str) -> None:
    answers = of(found, release, "providers")
    status, body, *log = answers.pop("outside")
    assert (status, json.loads(body)) == (200, ["direct rw", "loop rw", "scope rw"])
    # The loop that is left early is closed when the collector comes by.
    assert sorted(log) == ["commit", "commit", "open", "open", "open", "rollback"]
    assert answers == PROVIDERS


#: What each request of the outage tells of a misuse.
MISUSES: Final = ("user", "admin", "entered", "iterated", "awaited", "sync", "denied")
LET_THROUGH: Final = {"base": '"let through"', "pure": '"let through"', "handlers": '"handled"'}
FINE: Final = {
    "member": [403, '{"detail":"Forbidden"}', []],
    "fine": [200, '"session: fine"', []],
    "stream": [200, "one two", []],
}


@pytest.mark.parametrize("hidden_by", ["none", *LET_THROUGH])
def test_the_outage_without_the_guard(found: Found, release: str, hidden_by: str) -> None:
    answers = of(found, release, "outage")[f"{hidden_by} bare"]
    for path in MISUSES:
        status, body, levels = answers[path]
        assert levels == []
        if path == "denied":
            assert status == 401
        elif path == "admin" and release in RAW:
            assert body == '"secret"'  # nobody drives what guards it
        elif hidden_by == "none":
            assert status == 500
        else:
            assert (status, body) == (200, LET_THROUGH[hidden_by])
    assert {path: answers[path] for path in FINE} == FINE


@pytest.mark.parametrize("hidden_by", ["none", *LET_THROUGH])
def test_the_outage_with_the_guard(found: Found, release: str, hidden_by: str) -> None:
    answers = of(found, release, "outage")[f"{hidden_by} guarded"]
    for path in MISUSES:
        assert answers[path] == [500, "Internal Server Error", ["CRITICAL"]]
    assert {path: answers[path] for path in FINE} == FINE
    # An error of another kind is not this middleware's business.
    status, body, levels = answers["other"]
    assert levels == []
    assert (status, body) == (
        (500, "Internal Server Error") if hidden_by == "none" else (200, LET_THROUGH[hidden_by])
    )
    # A websocket that was not accepted is closed.
    assert answers["socket"] == "WebSocketDisconnect"
    assert answers["socket levels"] == ["CRITICAL"]
    # A misuse that is known is said in one line, and counted.
    assert answers["again"] == [[500], ["ERROR"]]
    assert answers["counted"] == len(MISUSES) + 2


#: Guards that nobody drives, and misuses that a route class hides.
BYPASSES: Final = (
    "lambda", "unannotated", "generator", "provider", "nested", "none", "any", "looked-at",
    "coroutine", "user", "sync", "manager", "any-manager", "swallowed", "swallowed-dependency",
)  # fmt: skip
NO_BYPASSES: Final[dict[str, Any]] = {
    "enters": [200, '"session: entered"', []],
    "says-something-else": [200, '"session: entered"', []],
    "asks": [200, '"not needed today"', []],
    "awaits": [200, '"awaited"', []],
    "in-the-background": [200, '"later"', []],
    "task": [200, '"task"', []],
    "streams": [200, "012", []],
    "no-rows": [200, "[]", []],
    "denied": [401, '{"detail":"Unauthorized"}', []],
    "from-none": [404, '{"detail":"Not Found"}', []],
    # An application's own answer to what has nothing to do with sessions.
    **{
        f"other/{kind}": [400, '{"detail":"Bad Request"}', []]
        for kind in ("list", "with", "await", "execute", "commit")
    },
    # An exception that is made once keeps what was handled when it was raised for another request.
    "denied by a misuse": [500, ["CRITICAL"]],
    "denied afterwards": [401, []],
    "denied, in a fresh scope": [401],
    "overridden": [200, '"secret"', []],
    # A client makes up three methods, and it is one misuse.
    "methods": ["CRITICAL", "CRITICAL", "ERROR", "ERROR"],
    "raised behind the answer": "AttributeError",
    "loaded": [],
}


def test_what_got_past_the_guard(found: Found, release: str) -> None:
    answers = of(found, release, "bypasses")
    bare = answers.pop("bare")
    refused = [500, "Internal Server Error", ["CRITICAL"]]
    for path in BYPASSES:
        assert (path, answers.pop(path)) == (path, refused)
        # What FastAPI itself refuses, or nobody can turn into an answer, needs no guard.
        raw = release in RAW or path not in ("manager", "any-manager")
        assert bare[path] == (raw and path != "user"), path
    for path in ("lambda", "swallowed", "none"):
        assert answers.pop(f"{path}, in a fresh scope") == refused
    assert answers.pop("counted") == len(BYPASSES)
    assert answers == NO_BYPASSES


def test_the_audit_finds_the_outage_before_the_first_request(found: Found, release: str) -> None:
    assert of(found, release, "outage")["audit"] == [
        ["get_db", ["GET /v1/user", "WEBSOCKET /v1/socket"]],
        ["only_admins", ["GET /v1/admin"]],
    ]


def test_the_audit(found: Found, release: str) -> None:
    answers = of(found, release, "audited")
    text = answers.pop("text")
    raw = release in RAW
    for place, routes in (
        ("app", {"GET /p/r/x", "GET /p/r/y"}),
        ("router", {"GET /p/r/x", "GET /p/r/y"}),
        ("include", {"GET /p/r/x", "GET /p/r/y"}),
        ("route", {"GET /p/r/y"}),
        ("nested", {"GET /p/r/x"}),
    ):
        ((name, found_in),) = answers.pop(place)
        assert (name, set(found_in)) == ("manager", routes)
    assert answers == {
        "right": [[]] * 9,
        "wrong": {
            "manager": ["manager"],
            "sync_manager": ["sync_manager"],
            "hands_on": ["hands_on"],
            "callable": ["CallableManager"],
            "partial": ["manager"],
            "method": ["CallableManager.__call__"],
            "sub": ["manager"],
            "sessionmaker": ["async_sessionmaker"],
        },
        # Later releases look behind these, and drive what they find there.
        "wraps": ["generator"] if raw else [],
        "partial of a coroutine function": ["coroutine"] if raw else [],
        # They drive what the parameter wants as it is.
        "asked for": [] if raw else ["manager"],
        "before the override": [],
        "below an override": [["manager", ["GET /x", "GET /y"]]],
        "override": [["manager", ["GET /x", "GET /y"]]],
        "mounted": [["manager", ["GET /sub/z", "WEBSOCKET /sub/w"]]],
        "in Starlette": [["manager", ["GET /api/z", "WEBSOCKET /api/w"]]],
        "behind middleware": 1,
        "no application": '"int" is no FastAPI or Starlette application',
        "loaded": [],
    }
    assert text.startswith('16: "manager" gives an async context manager, and FastAPI ')
    assert "(in GET /z and 1 more): remove the decorator" in text
