"""What is taken from the project's own mypy configuration.

Only what decides which files are which modules, whose packages are read, and what is silenced.
How strictly the project checks its types, and with which plugins, is nothing of ours: hence this
reads the file itself, and does not mind what else is in it.
"""

from __future__ import annotations

import configparser
import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mypy_asyncsession.codes import OURS
from mypy_asyncsession.config import ConfigError, upwards
from mypy_asyncsession.near import nearest
from mypy_asyncsession.reading import read_text

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

#: The oldest version of Python that mypy 2.4 knows; it takes older ones for this.
OLDEST_PYTHON: Final = (3, 10)

#: How like a code must be to one of ours to be taken for it: others have codes as well.
_ALIKE: Final = 0.85

_OWN_FILES: Final = ("mypy.ini", ".mypy.ini")
_SHARED_FILES: Final = ("pyproject.toml", "setup.cfg")


@dataclass(frozen=True, slots=True)
class Silenced:
    """What one section turns on and off.

    Attributes:
        disable: Our codes that it disables.
        enable: Our codes that it enables.
        ignore_errors: Whether it ignores all errors; ``None`` if it does not say.
    """

    disable: tuple[str, ...] = ()
    enable: tuple[str, ...] = ()
    ignore_errors: bool | None = None


@dataclass(frozen=True, slots=True)
class Project:
    """The settings of a project that matter here, named as in mypy's configuration.

    Attributes:
        silenced: What the section of mypy itself turns on and off.
        modules: The same of the sections of modules, by mypy's pattern for their names.
        python_as_written: The Python as the file names it, without the values of variables.
        misspelt: The codes in the file that are none, but nearly one of ours: the section, the
            key, the code, and the one that it is like.
    """

    config_file: str | None = None
    mypy_path: tuple[str, ...] = ()
    namespace_packages: bool = True
    explicit_package_bases: bool = False
    exclude: tuple[str, ...] = ()
    exclude_gitignore: bool = False
    python_executable: str | None = None
    python_version: tuple[int, int] | None = None
    platform: str | None = None
    silenced: Silenced = Silenced()
    modules: Mapping[str, Silenced] = field(default_factory=dict)
    python_as_written: str | None = None
    misspelt: tuple[tuple[str, str, str, str], ...] = ()


def project(directory: str | Path) -> Project:
    """The settings of the project that *directory*, the working directory, belongs to.

    Raises:
        ConfigError: mypy's configuration cannot be read, or one of these settings in it.
    """
    search = [path for path in os.environ.get("MYPYPATH", "").split(os.pathsep) if path]
    found = _find(Path(directory))
    if found is None:
        return Project(mypy_path=tuple(search))
    path, sections = found
    # mypy lets the values speak of this directory.
    os.environ["MYPY_CONFIG_FILE_DIR"] = str(path.absolute().parent)
    values = _read(path, "mypy", sections.get("mypy", {}), _SETTINGS)
    values["mypy_path"] = (*search, *values.get("mypy_path", ()))
    return Project(
        config_file=str(path),
        silenced=_silenced(path, "mypy", sections.get("mypy", {})),
        modules=dict(_modules(path, sections)),
        python_as_written=sections.get("mypy", {}).get("python_executable"),
        misspelt=tuple(_misspelt(path, sections)),
        **values,
    )


def config_file(directory: str | Path) -> Path | None:
    """The configuration file that mypy would use in *directory*, the user's own included.

    Raises:
        ConfigError: A file on the way cannot be read.
    """
    found = _find(Path(directory))
    return found[0] if found is not None else None


def _find(directory: Path) -> tuple[Path, Mapping[str, Mapping[str, Any]]] | None:
    """The configuration file that mypy would use, and its sections."""
    for folder in upwards(directory):
        for name in (*_OWN_FILES, *_SHARED_FILES):
            sections = _sections(folder / name)
            if sections is not None:
                return folder / name, sections
    home = [_expanded("~/.config/mypy/config"), _expanded("~/.mypy.ini")]
    if os.environ.get("XDG_CONFIG_HOME"):
        home.insert(0, os.path.join(os.environ["XDG_CONFIG_HOME"], "mypy/config"))
    for path in map(Path, home):
        sections = _sections(path)
        if sections is not None:
            return path, sections
    return None


def _sections(path: Path) -> Mapping[str, Mapping[str, Any]] | None:
    """The sections of a file, under the names of the ini format; ``None`` if none is mypy's."""
    if not path.is_file():
        return None
    tables: dict[str, Any] = {}
    parser = configparser.RawConfigParser()
    try:
        text = read_text(path)
        if path.suffix == ".toml":
            tables = tomllib.loads(text)
        else:
            parser.read_string(text)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: cannot be read: not UTF-8") from None
    except RecursionError:
        raise ConfigError(f"{path}: cannot be read: it is nested too deeply") from None
    except ValueError as error:  # it stops at numbers that are too long, too
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
    except configparser.Error as error:
        line = " ".join(str(error).split())
        raise ConfigError(f"{path}: cannot be read: {line}") from None
    if path.suffix == ".toml":
        return _destructured(path, tables)
    if path.name in _SHARED_FILES and not parser.has_section("mypy"):
        return None
    return {name: dict(parser.items(name)) for name in parser.sections()}


def _destructured(path: Path, tables: dict[str, Any]) -> Mapping[str, Mapping[str, Any]] | None:
    tools = tables.get("tool")
    if not isinstance(tools, dict) or "mypy" not in tools:
        return None
    own = tools["mypy"]
    overrides = own.get("overrides", []) if isinstance(own, dict) else None
    if not isinstance(overrides, list):
        raise ConfigError(f"{path}: [tool.mypy] is not as mypy expects it")
    sections: dict[str, dict[str, Any]] = {
        "mypy": {key: value for key, value in own.items() if key != "overrides"}
    }
    for override in overrides:
        modules = override.get("module", []) if isinstance(override, dict) else []
        for module in [modules] if isinstance(modules, str) else modules:
            sections.setdefault(f"mypy-{module}", {}).update(override)
    return sections


def _modules(
    path: Path, sections: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, Silenced]]:
    for name, section in sections.items():
        if not name.startswith("mypy-"):
            continue
        silenced = _silenced(path, name, section)
        if silenced == Silenced():
            continue
        for pattern in name.removeprefix("mypy-").split(","):
            module = pattern.strip().replace(os.sep, ".")
            # What else mypy refuses, with a message of its own.
            if not re.search(r"[?\[\]!]", module) and all(
                part == "*" or "*" not in part for part in module.split(".")
            ):
                yield module, silenced


def _silenced(path: Path, name: str, section: Mapping[str, Any]) -> Silenced:
    values = _read(path, name, section, _SILENCING)
    return Silenced(
        disable=_ours(values.get("disable_error_code", ())),
        enable=_ours(values.get("enable_error_code", ())),
        ignore_errors=values.get("ignore_errors"),
    )


def _misspelt(
    path: Path, sections: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, str, str, str]]:
    for name, section in sections.items():
        values = _read(path, name, section, _SILENCING) if name.startswith("mypy") else {}
        for key in ("disable_error_code", "enable_error_code"):
            for code in values.get(key, ()):
                right = like_ours(code)
                if right is not None:
                    yield name, key, code, right


def like_ours(code: str) -> str | None:
    """The code of ours that one was likely meant to be, which is none: of mypy's are many more."""
    return nearest(code, OURS, cutoff=_ALIKE) if code not in OURS else None


def _ours(codes: Iterable[str]) -> tuple[str, ...]:
    if not codes:
        return ()
    return tuple(code for code in codes if code in OURS)


def _read(
    path: Path,
    name: str,
    section: Mapping[str, Any],
    readers: Mapping[str, Callable[[Any], Any]],
) -> dict[str, Any]:
    """Those settings of a section that *readers* can read.

    Raises:
        ConfigError: One of them has a value that makes no sense.
    """
    result: dict[str, Any] = {}
    for key, value in section.items():
        positive = key.removeprefix("no_")
        reader = readers.get(positive)
        inverted = key != positive
        if reader is None or (inverted and reader is not _boolean):
            continue
        try:
            read = reader(value)
        except ValueError as error:
            raise ConfigError(f"{path}: [{name}]: {key}: {error}") from None
        result[positive] = not read if inverted else read
    return result


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    try:
        return configparser.RawConfigParser.BOOLEAN_STATES[str(value).lower()]
    except KeyError:
        raise ValueError(f'"{value}" is not a boolean') from None


def _split(value: object, separators: str = ",") -> tuple[str, ...]:
    parts = re.split(f"[{separators}]", value) if isinstance(value, str) else value
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise ValueError("expected a list of strings")
    return tuple(part.strip() for part in parts if part.strip())


def _paths(value: object) -> tuple[str, ...]:
    # A colon after one letter is a drive of Windows', which mypy itself does not see.
    return tuple(_expanded(part) for part in _split(value, ",:" if os.sep == "/" else ","))


def _patterns(value: object) -> tuple[str, ...]:
    patterns = (value.strip(),) if isinstance(value, str) else _split(value)
    try:
        return tuple(re.compile(pattern).pattern for pattern in patterns if pattern)
    except re.error as error:
        raise ValueError(f'"{error.pattern!s}" is not a regular expression: {error.msg}') from None


def _version(value: object) -> tuple[int, int] | None:
    match = re.fullmatch(r"(\d)\.(\d+)", str(value))
    if match is None:
        raise ValueError(f'"{value}" is not a version of Python, such as 3.12')
    return max((int(match[1]), int(match[2])), OLDEST_PYTHON)


def _expanded(value: object) -> str:
    return os.path.expandvars(os.path.expanduser(str(value)))  # noqa: PTH111


_SETTINGS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "mypy_path": _paths,
    "namespace_packages": _boolean,
    "explicit_package_bases": _boolean,
    "exclude": _patterns,
    "exclude_gitignore": _boolean,
    "python_executable": _expanded,
    "python_version": _version,
    "platform": str,
}

_SILENCING: Final[Mapping[str, Callable[[Any], Any]]] = {
    "disable_error_code": _split,
    "enable_error_code": _split,
    "ignore_errors": _boolean,
}
