"""What is to be done to set a project up."""

from __future__ import annotations

import configparser
import sys
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final

from mypy_asyncsession.adoption.edit import NotUnderstood, read, shown
from mypy_asyncsession.adoption.mypy_config import (
    PLUGIN,
    loads_plugin,
    plugins,
    stray_codes,
    with_plugin,
)
from mypy_asyncsession.adoption.pre_commit import CONFIG, snippet, with_hook
from mypy_asyncsession.checking.project import config_file
from mypy_asyncsession.codes import OURS
from mypy_asyncsession.config import upwards

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mypy_asyncsession.adoption.edit import Edit

#: SQLAlchemy's own plugin, which 2.1 has no longer.
_GONE: Final = "sqlalchemy.ext.mypy.plugin"

_FILES: Final = ("mypy.ini", ".mypy.ini", "pyproject.toml", "setup.cfg")


@dataclass(frozen=True, slots=True)
class Setup:
    """What is to be done.

    Attributes:
        config: mypy's configuration file, as it is shown.
        edits: What files are to hold; some of them may do so already.
        notes: What else there is to know, each in one line or more.
        next_steps: What to do afterwards, in lines.
    """

    config: str
    edits: list[Edit] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    next_steps: list[str] = field(default_factory=list)


def plan(directory: Path, *, pre_commit: bool | None = None) -> Setup:
    """What is to be done to set a project up.

    Args:
        directory: The working directory of the project, where mypy is run.
        pre_commit: Whether to add the hook; where pre-commit is used, if ``None``.

    Raises:
        ConfigError: mypy's configuration cannot be read.
        NotUnderstood: It is not clear how to edit it.
    """
    folders = list(upwards(directory))
    used = config_file(directory)
    notes: list[str] = []
    if used is not None and used.absolute().parent not in folders:
        notes.append(
            f"mypy has used {used} so far, and uses the project's own configuration from now on"
        )
        used = None
    path = used or _new_config(directory)
    setup = Setup(shown(path), [with_plugin(path)], notes)
    setup.notes.extend(_notes(path, folders))
    # pre-commit reads it where the repository begins.
    hooks = (folders[-1] if _is_repository(folders[-1]) else directory) / CONFIG
    if pre_commit or (pre_commit is None and hooks.exists()):
        hook = with_hook(hooks)
        if hook is not None:
            setup.edits.append(hook)
        else:
            added = "\n".join(snippet("  "))
            setup.notes.append(
                f"{CONFIG} is laid out in a way of its own: add this to its repos:\n{added}"
            )
    setup.next_steps.extend(_next_steps(folders, pre_commit=hooks.exists() or bool(pre_commit)))
    return setup


def _new_config(directory: Path) -> Path:
    pyproject = directory / "pyproject.toml"
    return pyproject if pyproject.exists() else directory / "mypy.ini"


def _is_repository(folder: Path) -> bool:
    return any((folder / name).exists() for name in (".git", ".hg"))


def _notes(path: Path, folders: list[Path]) -> Iterator[str]:
    sections = _sections(path)
    if _GONE in plugins(sections.get("mypy", {})):
        yield _about_sqlalchemy(path)
    for folder in folders:
        for name in _FILES:
            other = folder / name
            if other != path and other.exists():
                yield from _about_strays(other)


def _about_sqlalchemy(path: Path) -> str:
    try:
        installed = f" ({version('sqlalchemy')} is installed here)"
    except PackageNotFoundError:
        installed = ""
    return (
        f"{shown(path)} loads {_GONE}, which SQLAlchemy 2.1 has no longer{installed}: "
        "mypy stops there until it is removed"
    )


def _about_strays(path: Path) -> Iterator[str]:
    sections = _sections(path)
    own = sections.get("mypy", {})
    try:
        if not isinstance(own, dict) or loads_plugin(own):
            return
    except ValueError:
        return
    for section, code in stray_codes(sections, OURS):
        yield (
            f'{shown(path)}: [{section}] names "{code}", and mypy does not load the plugin there: '
            f'with that file it stops; add "{PLUGIN}" to its plugins, or take the code out'
        )
        return


def _sections(path: Path) -> dict[str, Any]:
    """The sections of a file that may configure mypy, under the names of the ini format."""
    if not path.exists():
        return {}
    try:
        text = read(path)
        if path.suffix == ".toml":
            own = tomllib.loads(text).get("tool", {}).get("mypy", {})
            overrides = own.get("overrides", [])
            return {"mypy": own, **{f"mypy-{o.get('module')}": o for o in overrides}}
        parser = configparser.RawConfigParser()
        parser.read_string(text)
    except (NotUnderstood, ValueError, AttributeError, TypeError, configparser.Error):
        return {}
    return {name: dict(parser.items(name)) for name in parser.sections()}


def _next_steps(folders: list[Path], *, pre_commit: bool) -> Iterator[str]:
    yield ""
    yield "Next:"
    yield "  mypy-asyncsession check          what is found, whether or not mypy passes"
    yield "  mypy-asyncsession fix --diff     what of it can be fixed; without --diff, fix it"
    yield "  mypy-asyncsession check --baseline baseline.json --update-baseline"
    yield "                                   accept the rest, so that only new findings fail"
    if pre_commit:
        yield f"                                   (in {CONFIG}, the hook then needs"
        yield "                                   args: [--baseline, baseline.json])"
    else:
        yield "  mypy-asyncsession init --pre-commit"
        yield "                                   have commits checked"
    yield "In CI, beside mypy:"
    if any((folder / ".gitlab-ci.yml").exists() for folder in folders):
        yield "  script: mypy-asyncsession check --output gitlab > gl-code-quality-report.json"
    else:
        yield "  - run: mypy-asyncsession check --output github"
