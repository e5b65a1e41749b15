"""Executes cases: what is marked as wrong must fail on that line, and nothing else may.

Every function of a case's ``main.py`` that takes no argument and whose name does not begin with
an underscore is called, and awaited if it is a coroutine function. What a case only declares to
FastAPI is imported and no more: ``tests/test_fastapi.py`` shows what FastAPI does with it. A file
of its own, because it is executed as a script: importing cases leaves traces in a process.

Usage: ``python prove.py DIRECTORY PACKAGE...``, which prints one JSON object a line.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import inspect
import json
import os
import sys
import traceback
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

#: In seconds.
_LONGEST_CALL: Final = 10
_LONGEST_END: Final = 2


def entries(module: object) -> Iterator[tuple[str, Callable[[], Any]]]:
    """The functions of a module that are to be called, by name."""
    for name, value in vars(module).items():
        if (
            inspect.isfunction(value)
            and not name.startswith("_")
            and value.__module__ == module.__name__  # type: ignore[attr-defined]
            and not hasattr(value, "__wrapped__")
            and not inspect.isgeneratorfunction(value)
            and not inspect.isasyncgenfunction(value)
            and not any(
                parameter.default is parameter.empty
                and parameter.kind not in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}
                for parameter in inspect.signature(value).parameters.values()
            )
        ):
            yield name, value


def declares(module: object) -> bool:
    """Whether a module has something of FastAPI's, and so may be all declarations."""
    names = (getattr(value, "__module__", None) or "" for value in vars(module).values())
    return any(str(name).partition(".")[0] == "fastapi" for name in names)


def listening(unawaited: list[tuple[tuple[str, int, str], ...]]) -> None:
    """Have Python say where the coroutines were made that nobody awaits."""

    def note(coroutine: Any) -> None:
        unawaited.append(coroutine.cr_origin or ())

    sys.set_coroutine_origin_tracking_depth(20)
    # What the interpreter calls, whatever the filters for warnings say.
    setattr(warnings, "_warn_unawaited_coroutine", note)  # noqa: B010


def call(function: Callable[[], Any]) -> BaseException | None:
    """What a function raises, or ``None``."""

    async def bounded() -> None:
        await asyncio.wait_for(function(), _LONGEST_CALL)

    try:
        if inspect.iscoroutinefunction(function):
            run(bounded())
        else:
            function()
    except Exception as error:  # noqa: BLE001
        return error
    return None


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    """What ``asyncio.run`` does, but for the tasks that are left: they may never end.

    Where two tasks share a session, one may wait for a connection that the other has lost, and
    does so while it is being cancelled, too.
    """
    loop = asyncio.new_event_loop()
    try:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(coroutine)
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        for ending in (left, {loop.create_task(loop.shutdown_asyncgens())}):
            if ending:
                loop.run_until_complete(asyncio.wait(ending, timeout=_LONGEST_END))
        asyncio.set_event_loop(None)
        loop.close()


def failing_lines(error: BaseException, package: Path) -> list[tuple[str, int]]:
    """The lines of a package that an exception, or what it holds or follows, passed through."""
    lines: list[tuple[str, int]] = []
    seen: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        current = waiting.pop()
        if current is None or current in seen:
            continue
        seen.append(current)
        waiting += [current.__cause__, current.__context__, *getattr(current, "exceptions", ())]
        for frame, number in traceback.walk_tb(current.__traceback__):
            path = Path(frame.f_code.co_filename)
            if path.is_relative_to(package):
                lines.append((path.relative_to(package).as_posix(), number))
    return lines


def let_go(error: BaseException) -> None:
    """Have an exception hold no coroutine any longer: nothing collects the cycle that it is in."""
    traceback.clear_frames(error.__traceback__)
    if isinstance(error, AttributeError):
        error.obj = None


def made_at(origin: tuple[tuple[str, int, str], ...], package: Path) -> tuple[str, int] | None:
    """The line of a package that made a coroutine, by the frames that were there."""
    for filename, number, _ in origin:
        path = Path(filename)
        if path.is_relative_to(package):
            return path.relative_to(package).as_posix(), number
    return None


def prove(root: Path, package: str) -> Iterator[dict[str, object]]:
    """What each entry of a case did."""
    try:
        module = importlib.import_module(f"{package}.main")
    except Exception as error:  # noqa: BLE001
        lines = failing_lines(error, root / package)
        yield {"package": package, "entry": "import", "error": repr(error), "lines": lines}
        return
    unawaited: list[tuple[tuple[str, int, str], ...]] = []
    listening(unawaited)
    functions = list(entries(module))
    if not functions and declares(module):
        yield {"package": package, "entry": "import", "error": None, "lines": []}
    for name, function in functions:
        unawaited.clear()
        raised = call(function)
        lines = failing_lines(raised, root / package) if raised else []
        said = repr(raised) if raised else None
        if raised is not None:
            let_go(raised)
        del raised
        yield {
            "package": package,
            "entry": name,
            "error": said,
            "lines": lines,
            "unawaited": [
                found for origin in unawaited if (found := made_at(origin, root / package))
            ],
        }


def main() -> None:
    root = Path(sys.argv[1]).resolve()
    sys.path[0] = str(root)  # in place of this script's own directory
    warnings.simplefilter("ignore")
    gc.disable()
    answer, sys.stdout = sys.stdout, sys.stderr  # what the cases print is no part of it
    for package in sys.argv[2:]:
        for outcome in prove(root, package):
            answer.write(json.dumps(outcome) + "\n")
        # What a case leaves behind may keep a table locked; what it imported is there to stay.
        gc.collect()
        gc.freeze()
    answer.flush()
    # At its end Python waits for every thread, and a connection that a case has lost has one.
    os._exit(0)


if __name__ == "__main__":
    main()
