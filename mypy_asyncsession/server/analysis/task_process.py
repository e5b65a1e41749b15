"""A process for one task: ``python -m mypy_asyncsession.server.analysis.task_process``.

It is started before there is anything to do, so that what has to be imported is. The first line
that it reads says where it will be, the second what to do. It says ``["progress", done, all]``
meanwhile, and at last ``["done", {...}]`` or ``["failed", message]``.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from mypy_asyncsession.checking.report import CannotRun
from mypy_asyncsession.checking.report_cache import encoded
from mypy_asyncsession.checking.run import Started, check, is_warm
from mypy_asyncsession.config import ConfigError
from mypy_asyncsession.server.analysis.jobs import Settings, Task
from mypy_asyncsession.server.analysis.texts import copies
from mypy_asyncsession.server.analysis.worker import Channel, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_asyncsession.checking.report import Report

#: Between two words about progress, in seconds.
_PAUSE: Final = 0.1

#: By how much a task that is in no hurry gives way to others.
_GENTLY: Final = 5


def main(channel: Channel) -> None:
    """Wait for a task, and do it."""
    first = channel.receive()
    if first is None:
        return
    if first["gently"] and hasattr(os, "nice"):
        os.nice(_GENTLY)
    settings = Settings(**first["settings"])
    started: Started | None = None
    try:
        # That a check cannot be started is said when one is asked for.
        started = _start(first["directory"], settings)
        fields = channel.receive()
        if fields is None:
            return
        channel.interrupt_at_end()
        task = Task.decode(fields)
        os.chdir(task.directory)
        if task.settings.cache_dir != settings.cache_dir and started is not None:
            started.close()
            started = None
        result: dict[str, Any] | None
        if task.kind == "check":
            result = _check(task, started, _progress(channel))
        elif task.kind == "quick check":
            result = _check_quickly(task, _progress(channel))
        else:
            from mypy_asyncsession.server.analysis.fixing import fixed

            result = fixed(task, _progress(channel))
        channel.say("done", result)
    except (CannotRun, ConfigError) as error:
        channel.say("failed", str(error))
    except OSError as error:
        channel.say("failed", f"{error.filename or 'the system'}: {error.strerror or error}")
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # now that it cleans up
        if started is not None:
            started.close()


def _start(directory: str, settings: Settings) -> Started | None:
    try:
        return Started.start(directory, settings.options(survey=True))
    except (CannotRun, OSError):
        return None


def _progress(channel: Channel) -> Callable[[int, int], None]:
    last = 0.0

    def on_progress(done: int, number: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _PAUSE or done == number:
            last = now
            channel.say("progress", done, number)

    return on_progress


def _check(
    task: Task, started: Started | None, on_progress: Callable[[int, int], None]
) -> dict[str, Any]:
    """The report on a project, with its providers, as an object for JSON."""
    with TemporaryDirectory(prefix="mypy-asyncsession-") as folder:
        report = check(
            task.paths,
            task.settings.options(survey=True, instead=copies(task.texts, Path(folder))),
            directory=task.directory,
            on_progress=on_progress,
            started=started,
        )
    return _encoded(report, task)


def _check_quickly(task: Task, on_progress: Callable[[int, int], None]) -> dict[str, Any] | None:
    """The same without the providers; ``None`` where no ``check`` has made that quick."""
    options = task.settings.options()
    if not is_warm(task.directory, options):
        return None
    report = check(task.paths, options, directory=task.directory, on_progress=on_progress)
    return _encoded(report, task)


def _encoded(report: Report, task: Task) -> dict[str, Any]:
    if task.settings.baseline is not None:
        from mypy_asyncsession.checking.baseline import Baseline

        shown = {os.path.relpath(path, task.directory): text for path, text in task.texts.items()}
        baseline = Baseline.read(Path(task.settings.baseline))
        report = baseline.compare(replace(report, texts=shown)).report
    return encoded(replace(report, others=[]))


if __name__ == "__main__":
    if not getattr(sys.flags, "safe_path", False):
        del sys.path[0]  # the directory that it was started in
    run(main)
