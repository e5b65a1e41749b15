"""The process that builds, as seen from outside."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import mypy_asyncsession
from mypy_asyncsession.checking.build import Job, Stop
from mypy_asyncsession.checking.snapshot import Looked
from mypy_asyncsession.checking.unsettled import Unsettled

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Self

_CRASH: Final = re.compile(
    r"^(?P<path>.+?)(?::(?P<line>\d+))?: error: INTERNAL ERROR --", re.MULTILINE
)


@dataclass(slots=True)
class Outcome:
    """What became of a build.

    Attributes:
        errors: mypy's errors, as its JSON formatter has them.
        stop: Why it stopped, if it did.
        crash: What was printed if it neither ended nor stopped.
        killed: Whether it was ended by a signal, as by an overflow of the stack.
        at: The file that a search was at.
        looked: What mypy looked at, if it came to its end.
        unsettled: What is for mypy to decide, if the modules were only parsed.
    """

    errors: list[dict[str, Any]] = field(default_factory=list)
    stop: Stop | None = None
    crash: str | None = None
    killed: bool = False
    at: str | None = None
    looked: Looked = field(default_factory=Looked)
    unsettled: Unsettled = field(default_factory=Unsettled)

    def crashed_at(self) -> tuple[str, int] | None:
        """The file and line that mypy was at, if it said so."""
        match = _CRASH.search(self.crash or "")
        return (match["path"], int(match["line"] or 0)) if match else None


class Builder:
    """A process that waits for its job; it is started early, because it first imports mypy."""

    def __init__(self, work: Path) -> None:
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-m", "mypy_asyncsession.checking.build"],
            cwd=work,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            encoding="utf-8",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave no process behind, whatever happened."""
        self.close()

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # of what was never sent
                    pipe.close()
        self._log.close()

    def build(
        self,
        job: Job,
        on_module: Callable[[], None],
        meanwhile: Callable[[], None] = lambda: None,
    ) -> Outcome:
        """Do a job; a builder does one only.

        Args:
            job: What to build.
            on_module: Called for each module that is done.
            meanwhile: Called once it has begun: what else is to be done in this process.
        """
        outcome = Outcome()
        ended = False
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(OSError):  # if it is dead, its reasons are in the log
            self._process.stdin.write(job.dump() + "\n")
            self._process.stdin.close()
        meanwhile()
        for line in self._process.stdout:
            try:
                what, *rest = json.loads(line)
            except ValueError:
                continue  # somebody's print: what counts is how the build ends
            if what == "errors":
                # What is cached names the file by the path that it had then.
                outcome.errors += [{**json.loads(error), "file": rest[0]} for error in rest[1]]
                on_module()
            elif what == "looked":
                outcome.looked = Looked(**rest[0])
            elif what == "unsettled":
                outcome.unsettled = Unsettled(**rest[0])
            elif what == "at":
                outcome.at = rest[0]
            else:
                ended = True
                if what == "stopped":
                    outcome.stop = Stop(**rest[0])
        status = self._process.wait()
        if not ended:
            outcome.killed = status != 0
            self._log.seek(0)
            printed = self._log.read().decode(errors="replace")
            outcome.crash = printed or (
                f"exit status {status}"
                if status >= 0
                else f"ended by signal {-status}: there may not be enough memory"
            )
        return outcome


def environment() -> dict[str, str]:
    """The environment of the process, and of the workers that it starts.

    It runs in another directory, so paths that are relative to this one would lead astray; and
    MYPYPATH is part of the job already. From its own directory it imports nothing; before Python
    3.11 that cannot be said, hence that directory is a new one.
    """
    environment = dict(os.environ)
    environment.pop("MYPYPATH", None)
    environment["PYTHONSAFEPATH"] = "1"
    paths = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
    home = Path(mypy_asyncsession.__file__).parent.parent
    if home.name not in ("site-packages", "dist-packages"):
        paths.append(str(home))  # it may be found by the working directory alone
    if paths:
        environment["PYTHONPATH"] = os.pathsep.join(os.path.abspath(path) for path in paths)
    return environment
