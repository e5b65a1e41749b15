"""A program whose modules are found and parsed by mypy's finder and parser, without a build.

Like ``internals``, from which it has what it needs, it touches what mypy does not promise.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import mypy.build
from mypy.config_parser import parse_mypy_comments
from mypy.error_formatter import OUTPUT_CHOICES
from mypy.errors import CompileError, Errors
from mypy.fscache import FileSystemCache
from mypy.modulefinder import FindModuleCache, compute_search_paths
from mypy.parse import parse
from mypy.util import decode_python_encoding, get_mypy_comments

from mypy_asyncsession.plugin.internals import ErrorList, looked_at, parsed
from mypy_asyncsession.semantic.package_folders import PackageFolders

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from mypy.modulefinder import BuildSource
    from mypy.nodes import Expression, MypyFile
    from mypy.options import Options
    from mypy.types import Type


class ParsedBuild(ErrorList):
    """A program whose modules are only parsed: what mypy has for a build, made on demand."""

    def __init__(
        self,
        sources: list[BuildSource],
        options: Options,
        texts: Mapping[str, bytes] | None = None,
    ) -> None:
        """Begin with nothing parsed.

        Args:
            sources: The modules to look at.
            options: mypy's options.
            texts: By path, what is read in place of what is in a file; it may change.
        """
        self._texts = texts if texts is not None else {}
        self._errors = Errors(options)
        self._options = options
        self._named = {source.module: source.path for source in sources if source.path}
        self._disk = FileSystemCache()
        self._folders = PackageFolders(self._disk.listdir, self._named)
        paths = compute_search_paths(sources, options, str(Path(mypy.build.__file__).parent))
        self._finder = FindModuleCache(paths, self._disk, options)

    @property
    def errors(self) -> Errors:
        """mypy's own error list."""
        return self._errors

    def types(self) -> Mapping[Expression, Type]:
        """Nothing: no expression has a type."""
        return {}

    def find(self, module: str) -> str | None:
        """The file of a module, or ``None`` if there is none."""
        named = self._named.get(module)
        if named is not None:
            return named
        if not self._folders.may_hold(module):
            return None
        found = self._finder.find_module(module)
        if not isinstance(found, str) or self._disk.isdir(found):
            return None
        return self._folders.take(module, found)

    def parse(self, path: str, module: str, text: str | None) -> MypyFile | None:
        """Parse a file, or a text; ``None`` if that fails."""
        instead = self._texts.get(path) if text is None else text
        return parsed(path, module, instead, self._options)

    def trouble(self, path: str, module: str) -> tuple[int, str] | None:
        """The line of a file at which it cannot be parsed, and why; ``None`` if it can."""
        errors = Errors(self._options)
        source = self._texts.get(path)
        try:
            if source is None:
                source = self._disk.read(path)
            parse(source, path, module, errors, self._options, eager=True)
        except CompileError:
            pass
        except (OSError, ValueError) as error:
            return 0, str(error)
        if not errors.is_blockers():
            return None
        found = min(
            (each for each in errors.error_info_map[path] if each.blocker),
            key=lambda each: each.line,
        )
        return max(found.line, 0), found.message

    def begin(self) -> None:
        """Begin to report anew."""
        self._errors = Errors(self._options)

    def forget_contents(self) -> None:
        """Read files again: they may have changed. None has appeared or gone."""
        self._disk.flush()

    def turn_to(self, tree: MypyFile) -> None:
        """Make *tree* the module that is reported on, under its own configuration."""
        options = self._options.clone_for_module(tree.fullname)
        instead = self._texts.get(tree.path)
        content = self._disk.read(tree.path) if instead is None else instead
        source = decode_python_encoding(content)
        comments = get_mypy_comments(source)
        if comments:
            changes, _ = parse_mypy_comments(comments, options)
            options = options.apply_changes(changes)
            options.process_error_codes(error_callback=lambda _message: None)
        self._errors.set_file(tree.path, tree.fullname, options)
        self._errors.set_file_ignored_lines(tree.path, tree.ignored_lines, options.ignore_errors)

    def messages(self, path: str) -> list[str]:
        """What was reported in a file, a JSON object each."""
        formatter = OUTPUT_CHOICES["json"]
        tuples = self._errors.file_messages(path)
        return self._errors.format_messages(path, tuples, formatter) if tuples else []

    def looked_at(self) -> Mapping[str, os.stat_result | None]:
        """What was asked about on disk; ``None`` for what was not there."""
        return looked_at(self._disk)
