"""One mypy build, in a process of its own: ``python -m mypy_asyncsession.checking.build``.

mypy prints, exits and, on a sufficiently odd file, overflows the stack; its workers start in the
working directory and import what lies there. In its own process, in a directory of its own, none
of that reaches the user. And while mypy is being imported here, the files are being found there.

A job comes as JSON on standard input. What happens goes out as a line of JSON each: ``["errors",
path, [...]]`` for each module that is done, ``["unsettled", {...}]`` if some of it is for mypy to
decide, and at last ``["looked", {...}]``, what mypy looked at, and ``["done"]``, or ``["stopped",
{...}]``.
Anything else that is printed, here or in a worker, goes to standard error. A job that is a search
for the file that overflows the stack only parses, and says ``["at", path]`` before each.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import stat
import sys
import threading
import traceback
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO

from mypy_asyncsession.checking.file_times import state_of
from mypy_asyncsession.checking.snapshot import Looked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy.modulefinder import BuildSource
    from mypy.options import Options

    from mypy_asyncsession.checking.unsettled import Unsettled

#: The stack in which a search parses: mypy's checker, which is not run then, needs several times
#: as much as the parser, and has 8 MiB.
SEARCH_STACK: Final = 1024 * 1024

#: How many files to have open, where that is allowed.
_MOST_FILES: Final = 1024


@dataclass(frozen=True, slots=True)
class Job:
    """What to build.

    Attributes:
        sources: The path and the module of each file.
        aliases: By module, the name to which sections of mypy's configuration apply, where it is
            another one.
        search: Directories in which imports are looked up.
        options: mypy's options, by name.
        modules: The same for some modules, by mypy's pattern for their names.
        packages: Directories in which installed packages are looked up; ``None`` for those of
            the running Python.
        search_only: Whether to look for the file that mypy overflows the stack on.
        others: Whether mypy's own errors are wanted as well.
        parsed: Whether the modules are only parsed: mypy does not analyse them.
        only: If some are parsed alone: the paths of those to look at.
        keeping: If what is found in each module is kept: the fields of ``Keeping``.
    """

    sources: list[tuple[str, str]]
    aliases: dict[str, str] = field(default_factory=dict)
    search: list[str] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    modules: dict[str, dict[str, Any]] = field(default_factory=dict)
    packages: list[str] | tuple[str, ...] | None = None
    search_only: bool = False
    others: bool = False
    parsed: bool = False
    only: list[str] = field(default_factory=list)
    keeping: dict[str, Any] | None = None

    def dump(self) -> str:
        """As one line of JSON."""
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a build stopped.

    Attributes:
        messages: mypy's own; those that are about a place are JSON objects.
        path: The file that it stopped at, if it is one of the sources.
        unreadable: Files that cannot be parsed: path, line and message.
    """

    messages: list[str]
    path: str | None
    unreadable: list[tuple[str, int, str]]


def main() -> None:
    """Do the job that is on standard input."""
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    _allow_files()
    # While the job is still being put together. What is imported now is there to stay.
    gc.disable()
    import mypy.build

    from mypy_asyncsession.checking import parsed_build

    del mypy, parsed_build
    fields = json.loads(sys.stdin.readline() or "null")
    if fields is None:
        return  # nobody wants it any more
    job = Job(**fields)
    if not job.parsed:  # else what is read is kept to the end: little of it is ever garbage
        gc.enable()
    if job.search_only:
        threading.stack_size(SEARCH_STACK)
        thread = threading.Thread(target=_search, args=(job, out))
        thread.start()
        thread.join()
    else:
        run(job, out)
    out.flush()
    sys.stderr.flush()
    os._exit(0)  # as mypy does: to free all that it holds takes longer


def _allow_files() -> None:
    """Have as many files open as may be: mypy's cache alone takes several dozen."""
    try:
        import resource
    except ImportError:  # there is no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, _MOST_FILES)), hard))


def _sayer(out: TextIO) -> Callable[..., None]:
    def say(*what: object) -> None:
        out.write(json.dumps(what) + "\n")
        out.flush()

    return say


def run(job: Job, out: TextIO) -> None:
    """Do a job, and say on *out* what happens."""
    say = _sayer(out)
    try:
        stop = _build(job, say)
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
    else:
        if stop is None:
            say("done")
        else:
            say("stopped", asdict(stop))


def _search(job: Job, out: TextIO) -> None:
    from mypy.defaults import RECURSION_LIMIT

    say = _sayer(out)
    sys.setrecursionlimit(RECURSION_LIMIT)
    options = options_of(job)
    for path, module in job.sources:
        say("at", path)
        _trouble(path, module, options, eager=True)
    say("done")


def _build(job: Job, say: Callable[..., None]) -> Stop | None:
    refusal = _refusal()
    if refusal is not None:
        return Stop([f"mypy-asyncsession: error: {refusal}"], None, [])
    from mypy import build
    from mypy.defaults import RECURSION_LIMIT
    from mypy.errors import CompileError
    from mypy.fscache import FileSystemCache

    from mypy_asyncsession.checking.kept_answers import Keeping
    from mypy_asyncsession.checking.parsed_build import look
    from mypy_asyncsession.plugin.internals import look_for_packages_in, looked_at

    sys.setrecursionlimit(RECURSION_LIMIT)
    options = options_of(job)
    packages = packages_of(job)
    look_for_packages_in(packages)
    sources = sources_of(job, options, packages)
    disk = FileSystemCache()

    paths = {source.path for source in sources}
    stopped: list[str] = []

    def flush(path: str | None, messages: list[str], _serious: bool) -> None:
        if path is None:  # what stops a build comes without the name of a file (build.build)
            stopped.extend(messages)
        elif messages or path in paths:
            say("errors", path, messages)

    if job.parsed:

        def found(path: str, messages: list[str]) -> None:
            say("errors", path, messages)

        def ask(unsettled: Unsettled) -> None:
            say("unsettled", asdict(unsettled))

        keeping = Keeping(**job.keeping) if job.keeping is not None else None
        only = frozenset(job.only)
        looking = partial(look, sources, options, found, only, keeping=keeping, ask=ask)
        asked = looking()
        if isinstance(asked, list):
            unreadable = _unreadable(job, options)
            if unreadable:
                return Stop([], None, unreadable)
            # What mypy would not stop at either, or what nobody wants to have looked at.
            asked = looking(anyway=True)
        assert not isinstance(asked, list)
        _say_looked(say, asked, packages)
        return None
    try:
        result = build.build(sources, options, flush_errors=flush, fscache=disk)
    except CompileError as error:
        module = error.module_with_blocker
        path = next((source.path for source in sources if source.module == module), None)
        return Stop(stopped or error.messages, path, _unreadable(job, options))
    result.manager.metastore.close()
    _say_looked(say, looked_at(disk), packages)
    return None


def _say_looked(
    say: Callable[..., None], asked: Mapping[str, os.stat_result | None], packages: list[str]
) -> None:
    """Say what was looked at on disk."""
    looked = Looked(
        {
            path: state_of(found)
            for path, found in asked.items()
            if found is not None and not stat.S_ISDIR(found.st_mode)
        },
        [path for path, found in asked.items() if found is None],
        packages,
    )
    say("looked", looked.encode())


def _refusal() -> str | None:
    """Why this mypy cannot be used: asked before anything that only newer ones have."""
    from mypy.options import Options
    from mypy.version import __version__

    try:
        from mypy_asyncsession.plugin.internals import verify
    except ImportError as error:
        return f"mypy {__version__} cannot be used ({error}): install mypy 2.4 or newer"
    return verify(Options())


def options_of(job: Job) -> Options:
    """mypy's options for a job."""
    from mypy.errorcodes import error_codes
    from mypy.options import Options

    from mypy_asyncsession.plugin.codes import CODES, PARENT_CODE

    options = Options()
    for name, value in job.options.items():
        setattr(options, name, tuple(value) if name == "python_version" else value)
    # What others say is nothing to us, and need not be kept; ours are as their rules have them.
    ours = {PARENT_CODE.code, *CODES}
    if not job.others:
        options.disable_error_code += [code for code in error_codes if code not in ours]
    options.per_module_options = dict(job.modules)
    if job.modules and job.aliases:
        probe = Options().apply_changes({"per_module_options": dict(job.modules)})
        for module, natural in job.aliases.items():
            found = probe.clone_for_module(natural)
            if found is not probe:
                options.per_module_options[module] = {
                    "ignore_errors": found.ignore_errors,
                    "disable_error_code": sorted(code.code for code in found.disabled_error_codes),
                    "enable_error_code": sorted(code.code for code in found.enabled_error_codes),
                }
    return options


def packages_of(job: Job) -> list[str]:
    """Where installed packages are looked up. No Python is run for that."""
    from mypy.modulefinder import get_search_dirs

    if job.packages is None:
        return [*chain.from_iterable(get_search_dirs(sys.executable))]
    named = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    return [*named, *job.packages]


def sources_of(job: Job, options: Options, packages: list[str]) -> list[BuildSource]:
    """The sources; how imports are looked up goes into *options*."""
    from mypy.modulefinder import BuildSource

    # mypy refuses to look up imports in site-packages by this path (compute_search_paths).
    inside = [
        folder
        for folder in job.search
        if any(folder == site or folder.startswith(site + os.sep) for site in packages)
    ]
    options.mypy_path = [folder for folder in job.search if folder not in inside]
    return [
        BuildSource(
            path,
            module,
            base_dir=next((folder for folder in inside if path.startswith(folder + os.sep)), None),
        )
        for path, module in job.sources
    ]


def _unreadable(job: Job, options: Options) -> list[tuple[str, int, str]]:
    """All files that cannot be parsed: mypy itself stops at the first one."""
    return [
        (path, *trouble)
        for path, module in job.sources
        if (not job.only or path in job.only)
        and (trouble := _trouble(path, module, options)) is not None
    ]


def _trouble(
    path: str, module: str, options: Options, *, eager: bool = False
) -> tuple[int, str] | None:
    from mypy.errors import Errors
    from mypy.parse import parse

    try:
        source = None if options.native_parser else Path(path).read_bytes()
        tree = parse(source, path, module, Errors(options), options, eager)
    except OSError as error:
        return 0, f"Cannot read file: {error.strerror}"
    except ValueError as error:
        return 0, f"Cannot decode file: {error}"
    if tree.raw_data is not None:
        for found in tree.raw_data.raw_errors:
            if found.get("blocker", True):
                return found["line"], found["message"]
    return None


if __name__ == "__main__":
    main()
