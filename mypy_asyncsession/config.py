"""The configuration: the table ``[tool.mypy-asyncsession]`` of a TOML file.

Read by the plugin and by the command line in the same way. Nothing of mypy is imported here.
"""

from __future__ import annotations

import configparser
import json
import re
import sys
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mypy_asyncsession.codes import OURS
from mypy_asyncsession.near import near
from mypy_asyncsession.reading import read_text
from mypy_asyncsession.selection import PathPattern, Selection

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: The name of our table in a TOML file, below ``tool``.
TABLE: Final = "mypy-asyncsession"

#: The table in which ``check`` tells the plugin how to report, beside the one above.
RUN_TABLE: Final = "mypy-asyncsession-run"


class ConfigError(ValueError):
    """The configuration cannot be used; the message is one line that names the file and the key."""


def _class_names(value: object) -> tuple[str, ...]:
    names = _strings(value)
    for name in names:
        parts = name.split(".")
        if len(parts) < 2 or not all(part.isidentifier() for part in parts):
            raise ValueError(
                f'"{name}" is not the full name of a class, such as "sqlalchemy.orm.Session"'
            )
    return names


def _module_patterns(value: object) -> tuple[str, ...]:
    patterns = _strings(value)
    for pattern in patterns:
        if not all(part == "*" or part.isidentifier() for part in pattern.split(".")):
            raise ValueError(f'"{pattern}" is neither a module nor a pattern such as "shop.api.*"')
    return patterns


def _strings(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"expected a list of strings, got {_shown(value)}")
    return tuple(value)


def _codes(value: object) -> tuple[str, ...]:
    codes = _strings(value)
    if codes:
        for code in codes:
            if code not in OURS:
                raise ValueError(f'there is no code "{code}"{near(code, OURS)}')
    return codes


def _codes_by_path(value: object) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if not isinstance(value, dict):
        raise ValueError(  # noqa: TRY004
            f'expected a table such as {{ "tests/*" = ["session-mock"] }}, got {_shown(value)}'
        )
    return tuple((pattern, _codes(codes)) for pattern, codes in value.items())


def _allowance(value: object) -> bool | tuple[str, ...]:
    return value if isinstance(value, bool) else _strings(value)


def _version(value: object) -> str | None:
    if not isinstance(value, str) or not re.fullmatch(r"\d+(\.\d+)*\w*", value):
        raise ValueError(f'expected a version such as "0.115.0", got {_shown(value)}')
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"expected true or false, got {_shown(value)}")  # noqa: TRY004
    return value


def _shown(value: object) -> str:
    """A value as TOML writes it, near enough."""
    return json.dumps(value, default=str)


def _read_by(reader: Callable[[object], object]) -> dict[str, Any]:
    return {"reader": reader}


@dataclass(frozen=True, slots=True)
class Config:
    """What a project configures: the fields are the legal keys, written in kebab-case.

    Attributes:
        resources: Full names of classes that count as sessions, besides SQLAlchemy's own.
        fastapi_version: The FastAPI that the project runs on, if not the one installed.
        overlays: Directories of stubs whose return types are applied to the functions of the
            project: in the file relative to it, and absolute here.
        infer_types: Whether calls of unannotated providers get the type that these give.
        strict: The modules in which the rules are on that are off by default, as mypy's
            configuration names modules: ``shop.api.*`` is ``shop.api`` and all that is in it.
        select: The only codes that are reported; all that are on if empty.
        ignore: The codes that are not reported.
        exclude: Patterns for the paths of files and directories that are not looked at.
        per_file_ignores: Patterns for paths, each with the codes that are not reported there.
        allow_unchecked: Whether a check succeeds though files were not checked or imports were not
            resolved; or patterns for the paths of these files.
    """

    resources: tuple[str, ...] = field(default=(), metadata=_read_by(_class_names))
    fastapi_version: str | None = field(default=None, metadata=_read_by(_version))
    overlays: tuple[str, ...] = field(default=(), metadata=_read_by(_strings))
    infer_types: bool = field(default=True, metadata=_read_by(_flag))
    strict: tuple[str, ...] = field(default=(), metadata=_read_by(_module_patterns))
    select: tuple[str, ...] = field(default=(), metadata=_read_by(_codes))
    ignore: tuple[str, ...] = field(default=(), metadata=_read_by(_codes))
    exclude: tuple[str, ...] = field(default=(), metadata=_read_by(_strings))
    per_file_ignores: tuple[tuple[str, tuple[str, ...]], ...] = field(
        default=(), metadata=_read_by(_codes_by_path)
    )
    allow_unchecked: bool | tuple[str, ...] = field(default=False, metadata=_read_by(_allowance))
    #: The file that it is from, absolute; empty if there is none.
    file: str = field(default="", compare=False, repr=False)

    @property
    def folder(self) -> str:
        """The directory that patterns for paths are relative to."""
        return str(Path(self.file).parent)

    def is_strict(self, module: str) -> bool:
        """Whether the rules that are off by default are on in *module*."""
        return any(matches_module(pattern, module) for pattern in self.strict)

    def selection(self) -> Selection:
        """The codes and paths that findings are wanted of."""
        return Selection(
            self.select,
            self.ignore,
            tuple(PathPattern(each, self.folder) for each in self.exclude),
            tuple((PathPattern(each, self.folder), codes) for each, codes in self.per_file_ignores),
        )

    def unselected(self) -> Config:
        """The same with all codes and paths wanted: who asks for all of them selects later."""
        return replace(
            self, select=(), ignore=(), exclude=(), per_file_ignores=(), allow_unchecked=False
        )


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What ``check`` tells the plugin, in the file that it generates.

    Attributes:
        records: Whether a finding is reported as one error that holds its whole record.
        survey: Whether each module's providers and uses are reported, too.
        error_codes: Codes of other plugins that the sources name in inline comments.
        strict: Modules that are strict, and are built under another name than their own.
        packages: The directories in which installed packages are looked up, where it is not the
            running Python that says so.
    """

    records: bool = field(default=False, metadata=_read_by(_flag))
    survey: bool = field(default=False, metadata=_read_by(_flag))
    error_codes: tuple[str, ...] = field(default=(), metadata=_read_by(_strings))
    strict: tuple[str, ...] = field(default=(), metadata=_read_by(_strings))
    packages: tuple[str, ...] | None = field(default=None, metadata=_read_by(_strings))


def load(path: str | Path) -> Config:
    """The configuration in a TOML file.

    Raises:
        ConfigError: The file cannot be read, has no ``[tool.mypy-asyncsession]``, or its table
            has an unknown key or a value of the wrong type.
    """
    tools = _tools(Path(path))
    if TABLE not in tools:
        raise ConfigError(f"{path}: there is no table [tool.{TABLE}]{near(TABLE, tools)}")
    config = Config(**_read(Config, path, TABLE, tools[TABLE]))
    beside = Path(path).absolute().parent
    came = {folder.name: folder for folder in bundled_stubs()}
    folders = []
    for name in config.overlays:
        folder = beside / name if (beside / name).is_dir() else came.get(name)
        if folder is None:
            names = [*came, *(each.name for each in (beside / name).parent.glob("*"))]
            raise ConfigError(
                f"{path}: [tool.{TABLE}]: overlays: {beside / name} is not a directory, and no "
                f"stubs of that name come with this package{near(Path(name).name, names)}"
            )
        folders.append(str(folder))
    return replace(config, overlays=tuple(folders), file=str(Path(path).absolute()))


def run_options(path: str | Path | None) -> RunOptions:
    """What ``check`` says to the plugin in mypy's configuration file, if it was written by it.

    Raises:
        ConfigError: It cannot be read.
    """
    if path is None or not _is_toml(path):
        return RunOptions()
    return RunOptions(**_read(RunOptions, path, RUN_TABLE, _tools(Path(path)).get(RUN_TABLE, {})))


def discover(config_file: str | None, directory: str | Path) -> Path | None:
    """The file that holds our table.

    It is mypy's own configuration file, or the pyproject.toml beside it, or one in *directory* or
    above, as far up as the repository goes.

    Args:
        config_file: mypy's configuration file, or ``None`` if it has none.
        directory: The working directory.

    Raises:
        ConfigError: A file on the way cannot be read, or the section is in a file where mypy
            reads it as the options of a module called "asyncsession".
    """
    if config_file is not None:
        mistake = misplaced(config_file)
        if mistake is not None:
            raise ConfigError(mistake)
        for path in (Path(config_file), Path(config_file).parent / "pyproject.toml"):
            if _holds_table(path):
                return path
    for folder in upwards(directory):
        if _holds_table(folder / "pyproject.toml"):
            return folder / "pyproject.toml"
    return None


def bundled_stubs() -> list[Path]:
    """The stub packages that came with this package, which ``overlays`` can name."""
    package = Path(__file__).resolve().parent
    # In a wheel they are in the package, in a clone in a directory beside it.
    folders = (package / "stubs", package.parent / "stubs")
    return next((sorted(folder.glob("*-stubs")) for folder in folders if folder.is_dir()), [])


def upwards(directory: str | Path) -> Iterator[Path]:
    """*directory* and those above it, as far up as the repository goes."""
    here = Path(directory).absolute()
    for folder in (here, *here.parents):
        yield folder
        if is_root(folder):
            return


def is_root(folder: Path) -> bool:
    """Whether a directory is the top of a repository."""
    return any((folder / name).exists() for name in (".git", ".hg"))


def misplaced(path: str | Path) -> str | None:
    """What to say if our section stands in an ini file, where mypy takes it for a module's."""
    if _is_toml(path):
        return None
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(read_text(path))
    except (OSError, UnicodeDecodeError, configparser.Error):
        return None  # mypy's to complain about
    for section in parser.sections():
        if section.replace("_", "-") in (TABLE, f"tool:{TABLE}", f"tool.{TABLE}"):
            return (
                f"{path}: mypy reads [{section}] as the options of a module: "
                f"move it to [tool.{TABLE}] in pyproject.toml"
            )
    return None


@lru_cache(maxsize=256)
def _pattern(pattern: str) -> re.Pattern[str]:
    """What mypy makes of a pattern: a star is any number of components, at the end also none."""
    first, *rest = pattern.split(".")
    text = ".*" if first == "*" else first
    for part in rest:
        text += r"(?:\..*)?" if part == "*" else rf"\.{part}"
    return re.compile(text)


def matches_module(pattern: str, module: str) -> bool:
    """Whether a pattern for modules, as mypy's configuration has them, is for *module*."""
    return _pattern(pattern).fullmatch(module) is not None


def _is_toml(path: str | Path) -> bool:
    return str(path).lower().endswith(".toml")  # as mypy decides it


def _holds_table(path: Path) -> bool:
    if not _is_toml(path) or not path.is_file():
        return False
    # One that is misspelt counts: `load` says so.
    return any(name.replace("_", "-") == TABLE for name in _tools(path))


def _tools(path: Path) -> dict[str, Any]:
    """The tables below ``tool`` in a TOML file."""
    if not _is_toml(path):
        raise ConfigError(f"{path}: not a TOML file: write [tool.{TABLE}] in pyproject.toml")
    try:
        tables = tomllib.loads(read_text(path))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: cannot be read: not UTF-8") from None
    except (ValueError, RecursionError) as error:  # it stops at numbers that are too long, too
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
    tools = tables.get("tool", {})
    return tools if isinstance(tools, dict) else {}


def _read(
    record: type[Config | RunOptions], path: str | Path, table: str, values: object
) -> dict[str, Any]:
    """The fields of *record* that a table sets.

    Raises:
        ConfigError: A key is unknown, or a value is of the wrong type.
    """
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: [tool.{table}] is not a table")
    known = {item.name.replace("_", "-"): item for item in fields(record) if item.metadata}
    result: dict[str, Any] = {}
    for key, value in values.items():
        if key not in known:
            raise ConfigError(f'{path}: [tool.{table}]: unknown key "{key}"{near(key, known)}')
        item = known[key]
        try:
            result[item.name] = item.metadata["reader"](value)
        except ValueError as error:
            raise ConfigError(f"{path}: [tool.{table}]: {key}: {error}") from None
    return result
