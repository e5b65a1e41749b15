"""What a configuration names and is not there: a line for each, with the nearest right name.

A name that is right and means nothing to this run must not be called wrong: of a part of a project
most of its modules are not seen. So what is on disk, or could be installed, is passed over.
"""

# ruff: noqa: PTH112, PTH113
# Paths are strings, as they are to mypy; for thousands of files that is quicker, too.

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mypy_asyncsession.checking.module_names import prefixes
from mypy_asyncsession.checking.project import like_ours
from mypy_asyncsession.checking.report import Problem, shown
from mypy_asyncsession.config import TABLE, matches_module
from mypy_asyncsession.near import near, nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from mypy_asyncsession.checking.files import Files
    from mypy_asyncsession.checking.project import Project
    from mypy_asyncsession.checking.sources import Sources
    from mypy_asyncsession.config import Config

#: How like a name must be to one that is there, where nothing else says that it is wrong.
_ALIKE: Final = 0.75

_WILD: Final = re.compile(r"[*?\[]")


@dataclass(slots=True)
class Names:
    """What there is.

    Attributes:
        files: By the full name of a module that is checked, its file.
        folders: The directories in which imports are looked up, the project's own ones first.
        packages: Those of installed packages.
        parts: The names of the files and directories that are checked.
        whole: Whether all of the project is checked.
        inline: The codes that comments for mypy name, with the file of each.
    """

    files: dict[str, str] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)
    packages: list[str] = field(default_factory=list)
    parts: set[str] = field(default_factory=set)
    whole: bool = False
    inline: list[tuple[str, str]] = field(default_factory=list)

    @classmethod
    def of(
        cls, sources: Sources, packages: Iterable[str], config: Config, paths: Iterable[str]
    ) -> Names:
        """What there is in a run.

        Args:
            sources: What is checked.
            packages: Where installed packages are.
            config: The project's configuration.
            paths: The absolute paths that were named.
        """
        names = cls(packages=[*packages])
        for program in sources.programs:
            names.folders += program.search
            for source in program.sources:
                names.files.setdefault(source.module, source.path)
                names.files.setdefault(source.natural, source.path)
        names.folders += [config.folder, os.path.join(config.folder, "src")]
        prefix = f"{config.folder}{os.sep}"
        names.whole = any(prefix.startswith(f"{path}{os.sep}") for path in paths)
        for path in names.files.values():
            names.parts.update(Path(path.removeprefix(prefix)).parts)
        for folder, imports in sources.imports.items():
            names.inline += (
                (path, code)
                for code in sorted(imports.error_codes)
                for path in names.files.values()
                if os.path.dirname(path) == folder and code in _text(path)
            )
        return names

    def modules(self) -> set[str]:
        """The full names of the modules that are checked, and of the packages around them."""
        return {prefix for module in self.files for prefix in prefixes(module)}

    def file(self, module: str, folders: Iterable[str]) -> str | None:
        """The file or directory of a module, if it is there."""
        if module in self.files:
            return self.files[module]
        for folder in folders:
            path = os.path.join(folder, *module.split("."))
            for end in (".pyi", ".py"):
                if os.path.isfile(f"{path}{end}"):
                    return f"{path}{end}"
            if os.path.isdir(path):
                return path
        return None


def misspelt(
    sources: Sources,
    packages: Iterable[str],
    config: Config,
    project: Project,
    files: Files,
    directory: str,
) -> Iterator[Problem]:
    """A problem for each name that is wrong.

    Args:
        sources: What is checked.
        packages: Where installed packages are.
        config: The project's configuration.
        project: mypy's.
        files: The files to check, and which patterns excluded none.
        directory: The working directory, absolute.
    """
    names = Names.of(sources, packages, config, files.named)
    if project.misspelt:
        file = shown(os.path.abspath(project.config_file or ""), directory)
        for section, key, code, right in project.misspelt:
            said = f'[{section}]: {key}: there is no code "{code}" (did you mean "{right}"?)'
            yield Problem(file, 0, said)
    where = shown(config.file, directory)
    wrong = (
        *(("strict", message) for message in _patterns(config.strict, names)),
        *(("resources", message) for message in _classes(config.resources, names)),
        *(("per-file-ignores", message) for message in _paths(config, names)),
    )
    for key, message in wrong:
        yield Problem(where, 0, f"[tool.{TABLE}]: {key}: {message}")
    for path, code in names.inline:
        alike = like_ours(code)
        if alike is not None:
            said = f'there is no code "{code}" (did you mean "{alike}"?)'
            yield Problem(shown(path, directory), 0, said)
    for pattern in sorted(files.unmatched, key=lambda each: each.written):
        respelt = _respelt(pattern.written, names.parts)
        if names.whole and respelt is not None:
            said = f'exclude: there is no "{pattern.written}" (did you mean "{respelt}"?)'
            yield Problem(where or "--exclude", 0, said)


def _patterns(patterns: Iterable[str], names: Names) -> Iterator[str]:
    for pattern in patterns:
        literal = pattern.partition("*")[0].rstrip(".")
        if any(matches_module(pattern, module) for module in names.files):
            continue
        if literal and names.file(literal, names.folders) is not None:
            continue
        right = nearest(literal, names.modules(), cutoff=_ALIKE) if literal else None
        if right is not None:
            right += pattern[len(literal) :]
            yield f'there is no module "{pattern}" (did you mean "{right}"?)'
        elif names.whole:
            yield f'there is no module "{pattern}"'


def _classes(resources: Iterable[str], names: Names) -> Iterator[str]:
    folders = [*names.folders, *names.packages]
    for resource in resources:
        parts = resource.split(".")
        for length in range(len(parts) - 1, 0, -1):
            module = ".".join(parts[:length])
            found = names.file(module, folders)
            if found is not None:
                yield from _in_module(module, found, parts[length:])
                break
        else:
            # What is not installed may be right all the same.
            tops = {name.partition(".")[0] for name in names.files} | {"sqlalchemy", "sqlmodel"}
            right = nearest(parts[0], tops, cutoff=_ALIKE)
            if right is not None:
                yield f'there is no module "{parts[0]}" (did you mean "{right}"?)'


def _in_module(module: str, found: str, rest: list[str]) -> Iterator[str]:
    """What is wrong with the name of a class in a module that is there."""
    if os.path.basename(found).startswith("__init__."):
        found = os.path.dirname(found)
    if not os.path.isdir(found):
        if not _defines(found, rest[0]):
            yield f'there is no class "{rest[0]}" in "{module}"{near(rest[0], _defined(found))}'
        return
    init = os.path.join(found, "__init__.py")
    if _defines(init, rest[0]):
        return
    if len(rest) == 1:
        yield f'there is no class "{rest[0]}" in "{module}"{near(rest[0], _defined(init))}'
    else:
        right = nearest(rest[0], (Path(name).stem for name in os.listdir(found)))  # noqa: PTH208
        hint = f' (did you mean "{module}.{right}"?)' if right is not None else ""
        yield f'there is no module "{module}.{rest[0]}"{hint}'


def _defines(path: str, name: str) -> bool:
    """Whether a module may have a name; whatever it does at run time, it may."""
    pattern = rf"\b{name}\b|\bimport \*|\b__getattr__\b|\bglobals\("
    return re.search(pattern, _text(path)) is not None


def _defined(path: str) -> Collection[str]:
    return set(re.findall(r"^class (\w+)", _text(path), re.MULTILINE))


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _paths(config: Config, names: Names) -> Iterator[str]:
    if not names.whole:
        return
    for pattern, _ in config.selection().per_file_ignores:
        if not any(map(pattern.matches, names.files.values())):
            right = _respelt(pattern.written, names.parts)
            hint = f' (did you mean "{right}"?)' if right is not None else ""
            yield f'no file that is checked matches "{pattern.written}"{hint}'


def _respelt(written: str, parts: set[str]) -> str | None:
    """A pattern for paths with its names as they are on disk, if some are nearly that."""
    result = [
        part
        if part in parts or _WILD.search(part) or not part
        else nearest(part, parts, cutoff=_ALIKE) or part
        for part in written.split("/")
    ]
    right = "/".join(result)
    return right if right != written else None
