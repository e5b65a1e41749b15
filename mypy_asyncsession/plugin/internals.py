"""The only place that touches what mypy does not promise to plugins.

Each touch names the reason and where in mypy it holds. ``verify`` fails at start-up on a mypy
where one of them does not.
"""

from __future__ import annotations

import difflib
import gc
import importlib
import os
import sys
from abc import abstractmethod
from contextlib import contextmanager, suppress
from itertools import accumulate
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Protocol

import mypy.build
import mypy.errorcodes
import mypy.errors
import mypy.modulefinder
import mypy.nodes
import mypy.options
import mypy.plugin
from mypy.cache import ReadBuffer, read_json
from mypy.checker import TypeChecker
from mypy.checker_shared import CheckerScope
from mypy.errors import CompileError, Errors
from mypy.fscache import FileSystemCache
from mypy.metastore import MetadataStore
from mypy.modulefinder import BuildSource, BuildSourceSet
from mypy.options import Options
from mypy.parse import parse
from mypy.semanal_pass1 import SemanticAnalyzerPreAnalysis
from mypy.version import __version__ as mypy_version

from mypy_asyncsession.plugin.codes import CODES, PARENT_CODE
from mypy_asyncsession.plugin.same_mistakes import means_the_same
from mypy_asyncsession.selection import Selection
from mypy_asyncsession.semantic.foreign_files import is_foreign
from mypy_asyncsession.semantic.syntax import mark_generators, walk

if TYPE_CHECKING:
    from _collections_abc import dict_values
    from collections.abc import Iterable, Iterator, Mapping

    from mypy.build import BuildManager
    from mypy.errorcodes import ErrorCode
    from mypy.errors import ErrorInfo
    from mypy.nodes import Expression, MypyFile
    from mypy.types import Type

    from mypy_asyncsession.findings import Finding, Span
    from mypy_asyncsession.semantic.program import Modules

#: The oldest mypy whose plugins get ``get_additional_indirect_deps``.
OLDEST = (2, 4)

_NEEDED: dict[type, tuple[str, ...]] = {
    mypy.build.BuildManager: (
        "all_types",
        "error_formatter",
        "errors",
        "find_module_cache",
        "flush_errors",
        "metastore",
        "modules",
        "options",
        "parallel_worker",
        "scc_by_id",
        "search_paths",
        "source_set",
        "top_order",
        "workers",
    ),
    FileSystemCache: ("stat_or_none_cache",),
    Errors: (
        "error_info_map",
        "flushed_files",
        "format_messages",
        "ignored_files",
        "ignored_lines",
        "is_error_code_enabled",
        "options",
        "report",
        "report_simple_error",
        "set_file",
        "set_file_ignored_lines",
        "simplify_path",
        "target_module",
        "used_ignored_lines",
    ),
    Options: (
        "apply_changes",
        "disabled_error_codes",
        "enabled_error_codes",
        "export_types",
        "fixed_format_cache",
        "to_bytes",
        "use_fine_grained_cache",
    ),
    CheckerScope: ("top_level_function",),
    TypeChecker: ("scope",),
    MetadataStore: ("remove",),
    mypy.modulefinder.SearchPaths: ("package_path",),
    mypy.plugin.Plugin: ("get_additional_indirect_deps", "report_config_data", "set_modules"),
    mypy.nodes.MypyFile: ("ignored_lines", "is_stub", "path"),
}

#: No cache of a run is smaller, in bytes.
_EMPTY = 500_000
_OUR_CODES = frozenset(CODES) | {PARENT_CODE.code}
#: What stands for a code of ours on a line whose comment names none.
_EXPECTED = PARENT_CODE.code


def verify(options: Options, version: str = mypy_version) -> str | None:
    """Why we cannot work with this mypy and its settings, in one line, or ``None``."""
    numbers = tuple(int(part) for part in version.split("+", maxsplit=1)[0].split(".")[:2])
    if numbers < OLDEST:
        return (
            f"mypy {version} is too old: mypy-asyncsession needs mypy 2.4 or newer "
            '(pip install "mypy>=2.4")'
        )
    missing = [
        f"{cls.__name__}.{name}"
        for cls, names in _NEEDED.items()
        for name in names
        if not hasattr(cls, name)
    ]
    if missing:
        return (
            f"mypy {version} has changed inside ({', '.join(missing)}): "
            "update mypy-asyncsession, or use an older mypy"
        )
    if "sqlalchemy.ext.mypy.plugin" in options.plugins:
        try:
            importlib.import_module("sqlalchemy.ext.mypy.plugin")
        except ImportError:
            return (
                'SQLAlchemy 2.1 has no mypy plugin any more: remove "sqlalchemy.ext.mypy.plugin" '
                "from the plugins in mypy's configuration"
            )
    return None


def stop(message: str) -> CompileError:
    """The exception with which mypy stops: it prints *message* and exits with status 2.

    Raised from ``Plugin.set_modules`` and not from the plugin's constructor, because mypy prints
    a traceback of what a constructor raises (``build.load_plugins_from_config``).
    """
    return CompileError([f"mypy-asyncsession: error: {message}"])


def prepare(options: Options) -> None:
    """Switch on what the module pass needs, before the build begins.

    ``export_types`` makes mypy put the types of a module's expressions into
    ``BuildManager.all_types`` just before the module pass (``State.finish_passes``).
    ``fixed_format_cache`` (the default) keeps the data of ``report_config_data`` as it is;
    the old format sends it through JSON first, and then ``Recorded`` could not compare itself.
    """
    options.export_types = True
    options.fixed_format_cache = True


def spare_suggestions() -> None:
    """Have mypy look for no similar names: nobody is shown what it would suggest.

    On a tree where many names are not known this takes a thirtieth of a run. Nobody but
    ``messages.best_matches`` makes a matcher of these two arguments by their names.
    """

    def matcher(*args: Any, **kwargs: Any) -> object:
        unlike = SimpleNamespace(ratio=lambda: 0.0)
        return unlike if kwargs.keys() == {"a", "b"} else real(*args, **kwargs)

    real = difflib.SequenceMatcher
    if isinstance(real, type):
        difflib.SequenceMatcher = matcher  # type: ignore[assignment, misc]


def announce(module: str, configuration: str, options: Options) -> None:
    """Under dmypy, have the server start anew once the configuration has changed.

    Before it checks, the server compares what it knows of its plugins with what they are by now
    (``Server.cmd_run``): the text of the plugin's *module* and its ``__version__``. A cache is
    compared by the same, and ``Recorded`` does that better, so one that is shared is left alone.
    """
    if "mypy.dmypy_server" in sys.modules and not options.use_fine_grained_cache:
        vars(sys.modules[module])["__version__"] = configuration


class Recorded:
    """What ``report_config_data`` gives while a cache is validated.

    mypy compares it with what the cache holds (``build.find_cache_meta``). The configuration must
    be the same. What was recorded of the module's own providers holds as long as its file and
    its dependencies do, and those mypy checks itself.
    """

    def __init__(self, *configuration: str) -> None:
        self.configuration = configuration

    def __eq__(self, other: object) -> bool:
        wanted = self.configuration
        return isinstance(other, list) and tuple(other[: len(wanted)]) == wanted

    __hash__ = None  # type: ignore[assignment]


class Serve(Protocol):
    """Called when mypy looks at its errors."""

    def __call__(self, *, final: bool) -> None:
        """mypy looks at its errors; *final* when it does so for the messages."""


class _Watched(dict[str, "list[ErrorInfo]"]):
    """A table of errors that tells when its keys or values are gone through."""

    def __init__(self, table: dict[str, list[ErrorInfo]], serve: Serve) -> None:
        super().__init__(table)
        self._serve = serve
        self._serving = False

    def __iter__(self) -> Iterator[str]:
        # Compiled code goes through the keys of a dict that is no plain one in this way.
        self._tell(final=True)
        return super().__iter__()

    def values(self) -> dict_values[str, list[ErrorInfo]]:
        self._tell(final=False)
        return super().values()

    def _tell(self, *, final: bool) -> None:
        if not self._serving:
            self._serving = True
            try:
                self._serve(final=final)
            finally:
                self._serving = False


def _manager_of(modules: dict[str, MypyFile]) -> BuildManager | None:
    # No generator expression: it would be in the list that it goes through, and the two of them
    # would keep all that is in it alive.
    for age in range(3):
        for found in gc.get_objects(age):
            if type(found) is mypy.build.BuildManager and found.modules is modules:
                return found
    return None


class ErrorList:
    """mypy's list of errors, as far as findings are put into it.

    Attributes:
        modules: mypy's table of modules.
        in_daemon: Whether the build belongs to dmypy, which keeps trees and types in memory.
        selection: The codes and paths that findings are wanted of.
    """

    modules: Modules
    in_daemon: bool = False
    selection: Selection = Selection()

    @property
    @abstractmethod
    def errors(self) -> Errors:
        """mypy's own error list."""

    @abstractmethod
    def types(self) -> Mapping[Expression, Type]:
        """The types of the expressions of the module that was just checked."""

    def forget_types(self) -> None:
        """Let go of those types: mypy frees the tree that they belong to."""

    @property
    def options(self) -> Options:
        """The options of the module that mypy has just checked, inline comments included."""
        return self.errors.options

    def is_silent(self, tree: MypyFile) -> bool:
        """Whether nothing that is reported in *tree* would be shown."""
        return tree.path in self.errors.ignored_files

    def enabled(self, code: ErrorCode) -> bool:
        """Whether a code is on, and wanted, in the module that mypy has just checked."""
        return self.is_on(code) and self.wanted(code.code, self.errors.file)

    def is_on(self, code: ErrorCode) -> bool:
        """Whether a code is on there, be findings with it wanted or not.

        The options that mypy has set on the error list are that module's, inline comments
        included; the plugin's own know nothing of either.
        """
        return self.errors.is_error_code_enabled(code)

    def wanted(self, code: str, path: str) -> bool:
        """Whether the configuration wants findings with a code in a file."""
        if self.selection == Selection():
            return True
        path = os.path.abspath(path)
        return self.selection.reports(code, path) and not self.selection.excludes(path)

    @contextmanager
    def also_enabled(self, codes: frozenset[ErrorCode]) -> Iterator[None]:
        """Meanwhile, have *codes* on, but for what the module's options turn off.

        A section for the module in mypy's configuration would be the other way, but sections
        replace each other's lists of codes (``Options.apply_changes``).
        """
        options = self.errors.options
        before = options.enabled_error_codes
        if PARENT_CODE not in options.disabled_error_codes:
            options.enabled_error_codes = before | (codes - options.disabled_error_codes)
        try:
            yield
        finally:
            options.enabled_error_codes = before

    def report(
        self,
        span: Span,
        message: str,
        hint: str | None,
        code: ErrorCode,
        lines: tuple[int, ...],
        function: str,
    ) -> None:
        """Add an error, and a note below it, to mypy's own list.

        Args:
            span: Where it is.
            message: What is wrong.
            hint: The text of the note, or ``None``.
            code: The error code.
            lines: The lines on which an ignore comment counts.
            function: The function around, by its name in the module; empty for the module's body.
                dmypy checks this one again in the next update.
        """
        module = self.errors.target_module
        if self.in_daemon and function:
            self.errors.target_module = f"{module}.{function}"
        found = self.errors.report(
            span.line,
            span.column,
            message,
            code,
            origin_span=list(lines) or [span.line],
            end_line=span.end_line,
            end_column=span.end_column,
        )
        if hint is not None:
            self.errors.report(
                span.line,
                span.column,
                hint,
                code,
                severity="note",
                origin_span=list(lines) or [span.line],
                end_line=span.end_line,
                end_column=span.end_column,
                parent_error=found,
            )
        self.errors.target_module = module

    def supersede(self, path: str, span: Span, lines: tuple[int, ...], code: ErrorCode) -> None:
        """Take back what mypy says of the same mistake: one mistake is one error.

        mypy's own errors name the special method that is missing. They are in
        ``Errors.error_info_map`` until the module's errors are formatted, after the module pass.
        """
        listed = self.errors.error_info_map.get(path)
        if not listed:
            return
        gone = [
            info
            for info in listed
            if info.line in lines
            and info.severity == "error"
            and means_the_same(info, code.code, span)
        ]
        if gone:
            # With the notes to it, those without a code say which comment does not cover it.
            codes = {info.code for info in gone} | {None}
            places = {(info.line, info.column) for info in gone}
            listed[:] = [
                info
                for info in listed
                if info not in gone
                and not (
                    info.severity == "note"
                    and info.code in codes
                    and (info.line, info.column) in places
                )
            ]


class Build(ErrorList):
    """One build of mypy's, as far as the plugin takes part in it."""

    def __init__(self, modules: dict[str, MypyFile]) -> None:
        """Find the build manager through *modules*, the table that mypy gives to every plugin.

        Nothing else leads from a plugin to the error list and to the types. It is looked up at
        once, because workers freeze their heap right after (``build_worker.worker.serve``), and
        frozen objects are not listed any more.

        Raises:
            CompileError: There is no such manager: this is not a mypy that we know.
        """
        manager = _manager_of(modules)
        if manager is None:
            raise stop(
                f"mypy {mypy_version} has changed inside (no build manager): "
                "update mypy-asyncsession, or use an older mypy"
            )
        self._manager: BuildManager = manager
        self._expected: dict[str, dict[int, list[str]]] = {}
        self._elsewhere: set[str] = set()
        self.modules: dict[str, MypyFile] = modules
        #: Where the modules are that are built.
        self.paths: Mapping[str, str | None] = manager.source_set.source_modules
        self.in_daemon = bool(manager.options.fine_grained_incremental)

    def look_for_packages_in(self, folders: tuple[str, ...]) -> None:
        """Look installed packages up in these directories alone, in a worker as well.

        The paths belong to the module finder, too (``BuildManager.__init__``).
        """
        self._manager.search_paths.package_path = folders

    @property
    def errors(self) -> Errors:
        """mypy's own error list."""
        return self._manager.errors

    def types(self) -> Mapping[Expression, Type]:
        """The types of the expressions of the module that was just checked."""
        return self._manager.all_types

    def forget_types(self) -> None:
        """Let go of those types: mypy frees the tree that they belong to."""
        self._manager.all_types.clear()

    def keep_types(self) -> None:
        """Under dmypy, have mypy go on to keep types: the server resets the option."""
        self._manager.options.export_types = True

    def forget_types_of(self, tree: MypyFile) -> None:
        """Under dmypy, let go of the types that belong to a tree that is no longer used."""
        types = self._manager.all_types
        for node in walk(tree):
            types.pop(node, None)  # type: ignore[call-overload]

    def turn_to(self, tree: MypyFile, options: Options) -> None:
        """Under dmypy, make *tree* the module that is reported on.

        An update has emptied what the error list knew of the ignore comments of other modules.
        """
        self.errors.set_file(tree.path, tree.fullname, options)
        self.errors.set_file_ignored_lines(tree.path, tree.ignored_lines, options.ignore_errors)

    def take_back(self, tree: MypyFile) -> None:
        """Under dmypy, take back what was reported of *tree* before."""
        listed = self.errors.error_info_map.get(tree.path, [])
        listed[:] = [info for info in listed if not info.code or info.code.code not in _OUR_CODES]

    def when_looked_at(self, serve: Serve) -> None:
        """Under dmypy, call *serve* whenever mypy, in this update, looks at its errors.

        No hook of a plugin's tells the end of an update. ``Errors.targets`` goes through the
        values of this table and ``Errors.new_messages`` through its keys, so the table tells it.
        ``Errors.reset``, at the beginning of the next step, puts a plain one in its place.
        """
        table = self.errors.error_info_map
        if not isinstance(table, _Watched) and not self.errors.flushed_files:
            # Files are flushed by the first build alone, which is served as it goes along.
            def unless_flushed(*, final: bool) -> None:
                if not self.errors.flushed_files:
                    serve(final=final)

            self.errors.error_info_map = _Watched(table, unless_flushed)

    def expect_ignores(self, tree: MypyFile) -> None:
        """Under dmypy, count ignore comments of our codes as used for now.

        An update calls comments unused before the module pass (``update_module_isolated``).
        """
        used = self.errors.used_ignored_lines[tree.path]
        for line, codes in tree.ignored_lines.items():
            ours = [code for code in codes if code in _OUR_CODES] if codes else [_EXPECTED]
            if ours:
                used[line].extend(ours)
                self._expected.setdefault(tree.path, {})[line] = ours

    def settle_ignores(self, tree: MypyFile) -> None:
        """Call those of them unused that are, now that everything is reported."""
        expected = self._expected.pop(tree.path, {})
        if not expected or not self.errors.options.warn_unused_ignores:
            return
        used = self.errors.used_ignored_lines[tree.path]
        for line, ours in expected.items():
            for code in ours:
                used[line].remove(code)
        for line, ours in expected.items():
            codes = tree.ignored_lines[line]
            unused = [code for code in ours if code not in used[line]]
            if not unused or (not codes and used[line]):
                continue
            detail = f"[{', '.join(unused)}]" if len(codes) > 1 else ""
            self.errors.report_simple_error(
                tree.path,
                line,
                f'Unused "type: ignore{detail}" comment',
                mypy.errorcodes.UNUSED_IGNORE,
            )

    @property
    def in_worker(self) -> bool:
        """Whether this process is one of mypy's workers, whose errors another one prints."""
        return self._manager.parallel_worker

    @property
    def is_shared(self) -> bool:
        """Whether several processes check the modules: none of them parses all of the bodies."""
        return self._manager.parallel_worker or bool(self._manager.workers)

    @property
    def all_options(self) -> Options:
        """The options of the build, which no module has changed."""
        return self._manager.options

    def sources(self, paths: Mapping[str, str | None]) -> list[BuildSource]:
        """The project's modules that have a source: those that were loaded, and those of *paths*.

        Args:
            paths: By module, where it is.
        """
        loaded = {module: tree.path for module, tree in self.modules.items()}
        return _own({**paths, **loaded})

    def order(self) -> Iterator[list[str]]:
        """The modules in the order in which they are checked, each with those in its circle.

        What is ready is queued, and makes others ready (``build.process_graph``); a cold run takes
        all from that queue in turn.
        """
        groups = self._manager.scc_by_id
        left = {group.id: len(group.deps) for group in groups.values()}
        queue = [groups[each] for each in self._manager.top_order if not left[each]]
        for group in queue:
            for each in group.direct_dependents:
                left[each] -= 1
                if not left[each]:
                    queue.append(groups[each])
        return (sorted(group.mod_ids) for group in queue)

    def circle(self, module: str) -> frozenset[str]:
        """The strongly connected component (SCC) of imports that a module belongs to."""
        found = self._manager.scc_by_mod_id.get(module)
        return frozenset(found.mod_ids if found is not None else ())

    def find(self, module: str) -> str | None:
        """The file of a module, loaded or not; ``None`` if there is none."""
        loaded = self.modules.get(module)
        if loaded is not None and loaded.path:
            return loaded.path
        named = self._manager.source_set.source_modules.get(module)
        if named and self._manager.fscache.isfile(named):
            return named
        found = self._manager.find_module_cache.find_module(module)
        return found if isinstance(found, str) else None

    def show(self, finding: Finding, *, record: bool) -> None:
        """Print an error in a file that is no module of the build, and is in no cache.

        mypy keeps errors by module (``State.error_lines``); its own errors in configuration files
        are printed in this way too (``build.warn_unused_configs``).
        """
        errors, manager, span = self.errors, self._manager, finding.span
        texts = [("error", finding.encode() if record else finding.message)]
        if finding.hint is not None and not record:
            texts.append(("note", finding.hint))
        path = errors.simplify_path(finding.path)
        tuples: list[tuple[str | None, int, int, int, int, str, str, str | None]] = [
            (
                path,
                span.line,
                span.column,
                span.end_line,
                span.end_column,
                severity,
                text,
                finding.code,
            )
            for severity, text in texts
        ]
        messages = errors.format_messages(path, tuples, manager.error_formatter)
        manager.flush_errors(path, messages, False)

    def report_elsewhere(self, findings: Iterable[Finding]) -> None:
        """Under dmypy, put errors in files that are no modules into the error list of an update."""
        errors, options = self.errors, self._manager.options
        findings = list(findings)
        self._elsewhere.update(finding.path for finding in findings)
        for path in self._elsewhere:
            errors.error_info_map.pop(path, None)
        for finding in findings:
            errors.set_file(finding.path, None, options)
            code = CODES.get(finding.code, PARENT_CODE)
            self.report(finding.span, finding.message, finding.hint, code, (), "")

    def forget_cached_errors(self, module: str, path: str) -> None:
        """Have a cache lose the errors of a module that is about to be written to it anew.

        mypy writes what it is, and that it is fresh, before it checks the bodies of its functions,
        and its errors afterwards (``build.process_stale_scc_implementation``). A run that is ended
        in between would leave the errors of the text before, and they would be believed: without
        any the module is checked again (``build.find_cache_meta``). What was forgotten is committed
        together with what is written: all of a module is in one shard (``util.hash_path_stem``).
        """
        meta_file, _, _ = mypy.build.get_cache_names(module, path, self._manager.options)
        # There may be none yet; or SQLite's lock is another run's, and nothing is written either.
        with suppress(Exception):
            self._manager.metastore.remove(mypy.build.get_meta_ex_name(meta_file))

    def parse(self, path: str, module: str, text: str | None) -> MypyFile | None:
        """Parse a file again, whose tree mypy has freed, or a text; ``None`` if that fails."""
        return parsed(path, module, text, self._manager.options)


def parsed(path: str, module: str, text: str | bytes | None, options: Options) -> MypyFile | None:
    """The tree of a file, or of a text in its place; ``None`` if that fails."""
    # Of an installed package, mypy's parser leaves out the bodies that neither yield nor set an
    # attribute of "self": nobody reads them, and to parse it takes 40 % less.
    whole = not is_foreign(path)
    options = options.apply_changes({"ignore_errors": not whole, "preserve_asts": whole})
    errors = Errors(options)
    try:
        content = Path(path).read_bytes() if text is None else text
        # mypy's own parser reads files itself.
        source = None if text is None and options.native_parser else content
        tree = parse(source, path, module, errors, options, eager=True)
        if errors.is_blockers():
            return None
        SemanticAnalyzerPreAnalysis().visit_file(tree, path, module, options)
        mark_generators(tree, content.encode() if isinstance(content, str) else content)
    except (CompileError, OSError, UnicodeDecodeError):
        return None
    return tree


def look_for_packages_in(folders: list[str]) -> None:
    """Have builds in this process look installed packages up in these directories alone.

    mypy asks the Python that it is given where its packages are, by running it
    (``modulefinder.get_search_dirs``). The function is decorated, so mypy looks it up by its name
    even where it is compiled.
    """

    def get_search_dirs(_python: str | None) -> tuple[list[str], list[str]]:
        return folders, []

    mypy.modulefinder.get_search_dirs = get_search_dirs  # type: ignore[assignment]


def sources_of_cold_run(options: Options) -> list[BuildSource] | None:
    """What is named to mypy, if its cache is still empty; known before the build has begun.

    The set of sources is made before plugins are loaded (``build.build_inner``), and so is the
    database of the cache: without anything in it, it is smaller than what is kept of builtins.
    """
    prefix = Path(options.cache_dir, "{}.{}".format(*options.python_version))
    kept = (file.stat().st_size for file in prefix.rglob("*") if file.suffix in (".db", ".ff"))
    if options.incremental and any(size > _EMPTY for size in accumulate(kept)):
        return None
    found = [each for each in gc.get_objects() if type(each) is BuildSourceSet]
    if len(found) != 1:
        return None  # an earlier run in the same process has left its own
    return _own(found[0].source_modules)


def _own(paths: Mapping[str, str | None]) -> list[BuildSource]:
    return [
        BuildSource(path, module)
        for module, path in paths.items()
        if path is not None and path.endswith(".py") and not is_foreign(path)
    ]


def packed(options: Options) -> bytes:
    """Options for another process, as mypy sends them to its workers."""
    return options.to_bytes()


def unpacked(data: bytes) -> Options:
    """The options that another process has packed (``build_worker.worker.main``)."""
    fields = read_json(ReadBuffer(data))
    disabled, enabled = fields.pop("disable_error_code"), fields.pop("enable_error_code")
    options = Options().apply_changes(fields)
    options.disable_error_code, options.enable_error_code = disabled, enabled
    options.process_error_codes(error_callback=lambda _message: None)
    return options


def looked_at(disk: FileSystemCache) -> Mapping[str, os.stat_result | None]:
    """What a build asked about on disk; ``None`` for what was not there.

    All that mypy asks to find modules, and whether they are as they were, goes through this cache
    (``fscache.FileSystemCache.stat_or_none``).
    """
    return disk.stat_or_none_cache
