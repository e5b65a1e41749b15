"""A process that stays, and looks at single files without mypy's analysis.

``python -m mypy_asyncsession.server.analysis.parsed_process``. The first line that it reads says
which project it is for. Each further one has the texts that differ from the files, and the files
to look at; for each of these it says ``["looked", {...}]``, and at last ``["done"]``.

It reads what is asked for and what that imports, and keeps it: trees, names, types, and the answers
themselves. With each request it finds out which modules have changed, in the editor or on disk,
and lets go of these and of what imports them alone. So a key pressed in a module that nobody else
has read costs a look at that module, whatever the size of the project.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import astuple, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from mypy.defaults import RECURSION_LIMIT

from mypy_asyncsession.checking.build import options_of, packages_of, sources_of
from mypy_asyncsession.checking.cache import Cache
from mypy_asyncsession.checking.files import find_files
from mypy_asyncsession.checking.mypy_check import MypyCheck
from mypy_asyncsession.checking.options import Engine
from mypy_asyncsession.checking.parsed_modules import ParsedModules
from mypy_asyncsession.checking.place import place
from mypy_asyncsession.checking.project import project
from mypy_asyncsession.checking.python_environment import interpreter
from mypy_asyncsession.checking.report import CannotRun, shown
from mypy_asyncsession.checking.run import configuration
from mypy_asyncsession.checking.siblings import siblings
from mypy_asyncsession.codes import OURS
from mypy_asyncsession.config import ConfigError
from mypy_asyncsession.findings import Finding, Span, decode
from mypy_asyncsession.plugin.internals import look_for_packages_in
from mypy_asyncsession.server.analysis.jobs import Settings
from mypy_asyncsession.server.analysis.texts import copies, encoded
from mypy_asyncsession.server.analysis.worker import Channel, run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_asyncsession.checking.build import Job
    from mypy_asyncsession.selection import Selection


@dataclass(frozen=True, slots=True)
class _Program:
    """A program that is looked at.

    Attributes:
        modules: Its modules.
        names: By path, the name of each.
        answers: By module, what was said of it, and the modules that this leaned on.
    """

    modules: ParsedModules
    names: dict[str, str]
    answers: dict[str, tuple[dict[str, Any], set[str]]] = field(default_factory=dict)

    def forget_changed(self) -> None:
        """Let go of what does not hold any more."""
        stale = self.modules.forget_changed()
        for module, (_, leaned) in list(self.answers.items()):
            if module in stale or not stale.isdisjoint(leaned):
                del self.answers[module]


class View:
    """A project, looked at file by file."""

    def __init__(
        self,
        directory: str,
        paths: list[str],
        settings: Settings,
        new: Mapping[str, str] | None = None,
    ) -> None:
        """Begin with nothing read.

        Args:
            directory: The project's directory.
            paths: What of it is checked, relative to that.
            settings: How it is checked.
            new: By absolute path, the texts of files that are still to be saved.

        Raises:
            CannotRun: There is nothing to look at; the message is one line.
            ConfigError: The configuration cannot be used; the message is one line.
        """
        self._directory = directory
        self._texts: dict[str, bytes] = {}
        with TemporaryDirectory(prefix="mypy-asyncsession-") as folder:
            instead = copies(new or {}, Path(folder))
            jobs, self._selection = _jobs(directory, [*paths, *instead], settings, instead)
        self._programs = [_program(job, self._texts) for job in jobs]

    def look(self, texts: dict[str, str], paths: list[str]) -> Iterator[dict[str, Any]]:
        """What there is in files, for each that is one of the project's.

        Args:
            texts: By absolute path, what counts in place of what is in a file.
            paths: The files.
        """
        self._texts.clear()
        self._texts.update({path: encoded(text) for path, text in texts.items()})
        for program in self._programs:
            program.forget_changed()
        for path in paths:
            for program in self._programs:
                if path in program.names:
                    yield _look(program, path, self._directory, self._selection)

    def settle(self) -> None:
        """Tidy up, once there is nothing else to do."""
        for program in self._programs:
            program.modules.settle()


def main(channel: Channel) -> None:
    """Look at files for as long as somebody asks."""
    sys.setrecursionlimit(RECURSION_LIMIT)
    first = channel.receive()
    if first is None:
        return
    try:
        view = View(first["directory"], first["paths"], Settings(**first["settings"]), first["new"])
    except (CannotRun, ConfigError, OSError) as error:
        channel.say("failed", str(error))
        return
    channel.say("ready")
    while (request := channel.receive()) is not None:
        for answer in view.look(request["texts"], request["paths"]):
            channel.say("looked", answer)
        channel.say("done")
        view.settle()


def _jobs(
    directory: str, paths: list[str], settings: Settings, instead: Mapping[str, str]
) -> tuple[list[Job], Selection]:
    """The programs of a project, and the codes that are wanted of its files."""
    options = settings.options(engine=Engine.PARSED, instead=instead)
    config, _ = configuration(options.config_file, directory)
    of_mypy = project(directory)
    python = interpreter(of_mypy, directory)
    selection = options.selection(config, directory)
    files = find_files(paths, of_mypy, directory, selection, instead)
    cache = Cache.open(place(directory, options.cache_dir), options.cache_dir)
    try:
        beside = [each for each in siblings(directory)[0] if each != directory]
        check = MypyCheck(
            cache, directory, options, config, of_mypy, python, files, [], selection, beside
        )
        return list(check.jobs()), selection
    finally:
        cache.close()


def _program(job: Job, texts: dict[str, bytes]) -> _Program:
    options = options_of(job)
    packages = packages_of(job)
    look_for_packages_in(packages)
    sources = sources_of(job, options, packages)
    return _Program(ParsedModules(sources, options, texts), dict(job.sources))


def _look(program: _Program, path: str, directory: str, selection: Selection) -> dict[str, Any]:
    """What was found in a file, or why it cannot be parsed."""
    module = program.names[path]
    known = program.answers.get(module)
    if known is not None:
        return known[0]
    trouble = program.modules.trouble(path, module)
    found = program.modules.look(module) if trouble is None else None
    findings = _findings(found.messages, path, directory) if found is not None else ()
    answer = {
        "path": path,
        "trouble": trouble,
        "findings": [
            (each.path, astuple(each.span), each.code, each.encode())
            for each in findings
            if selection.reports(each.code, path)
        ],
    }
    if found is not None:
        program.answers[module] = (answer, set(found.leaned))
    return answer


def _findings(messages: list[str], path: str, directory: str) -> Iterator[Finding]:
    for message in messages:
        error = json.loads(message)
        if error["severity"] == "error" and error["code"] in OURS:
            span = Span(error["line"], error["column"], error["end_line"], error["end_column"])
            yield decode(shown(path, directory), span, error["code"], error["message"])


if __name__ == "__main__":
    if not getattr(sys.flags, "safe_path", False):
        del sys.path[0]  # the directory that it was started in
    os.chdir(os.path.dirname(sys.executable))
    run(main)
