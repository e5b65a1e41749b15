"""Dependencies in every shape, as ``test-data/fastapi/dependencies.toml`` has them."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tests.harness.workspace import APP, TEST_DATA

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

Version = tuple[int, ...]

FOLDER: Final = TEST_DATA / "fastapi"
#: The package that the applications are written to, one module each.
PACKAGE: Final = "applications"

_SESSION: Final = "AsyncSession"
_HANDLER: Final = """
@app.get("/")
async def read(injected: Annotated[{wanted}, {depends}]) -> None:
    await use(injected)
"""
_GUARD: Final = """{decorator}
async def guard():
    await use(Entered())
    yield

"""


@dataclass(frozen=True, slots=True)
class Dependency:
    """A dependency in an application of its own, and what is to be seen of it.

    Attributes:
        name: A name for it.
        source: The application, without what all have in common.
        fits: What is injected if all is right.
        injects: What is injected, by the first release of FastAPI that does so.
        code: The code of the finding in releases that inject something else.
        silent: Why there is no finding in these releases, if there is none.
        silent_before: The release from which on there is one all the same.
        python: The oldest Python that it can be executed by.
    """

    name: str
    source: str
    fits: str
    injects: Mapping[str, str]
    code: str = "session-depends"
    silent: str = ""
    silent_before: str = ""
    python: str = "3.10"

    def outcome(self, release: str) -> str:
        """What a release of FastAPI makes of it."""
        since = [first for first in self.injects if version(first) <= version(release)]
        return self.injects[max(since, key=version)]

    def codes(self, release: str) -> set[str]:
        """The codes that are reported for it if a project runs on a release of FastAPI."""
        is_silent = self.silent and (
            not self.silent_before or version(release) < version(self.silent_before)
        )
        return set() if is_silent or self.outcome(release) == self.fits else {self.code}

    @property
    def can_run(self) -> bool:
        """Whether this Python can execute it."""
        return sys.version_info >= version(self.python)


def version(text: str) -> Version:
    """``"0.123.5"`` as numbers."""
    return tuple(int(part) for part in text.split("."))


def read_dependencies() -> list[Dependency]:
    """All that the data file has."""
    tables = tomllib.loads((FOLDER / "dependencies.toml").read_text(encoding="utf-8"))
    return list(_read(tables))


def write_applications(root: Path, dependencies: list[Dependency]) -> None:
    """Writes an application for each dependency, and what they import."""
    prelude = (FOLDER / "prelude.py").read_text(encoding="utf-8")
    package = root / PACKAGE
    package.mkdir()
    (package / "__init__.py").touch()
    for dependency in dependencies:
        text = f"{prelude}\n{dependency.source}"
        (package / f"{dependency.name}.py").write_text(text, encoding="utf-8")
    (root / "app").mkdir()
    for source in APP.glob("*.py"):
        (root / "app" / source.name).write_bytes(source.read_bytes())
    for name in ("probe.py", "providers.py"):
        (root / name).write_bytes((FOLDER / name).read_bytes())


def _read(tables: dict[str, Any]) -> Iterator[Dependency]:
    outcomes: dict[str, dict[str, str]] = tables.pop("outcome")
    for name, fields in tables.pop("dependency").items():
        injects = fields.pop("injects")
        wanted = fields.pop("wanted", _SESSION)
        depends = fields.pop("depends", None)
        fields.setdefault("fits", wanted)
        if depends is not None:
            fields["source"] = _HANDLER.format(wanted=wanted, depends=depends)
        if isinstance(injects, str):
            injects = outcomes.get(injects, {"0": injects})
        yield Dependency(name=name, injects=injects, **fields)
    for name, source in tables.pop("place").items():
        for provider, injects in (("get_db", {"0": _SESSION}), ("db_manager", outcomes["manager"])):
            text = source.replace("PROVIDER", provider)
            yield Dependency(f"in_{name}_{provider}", text, _SESSION, injects)
    unguarded = {**outcomes["manager"], "0": "nothing"}
    for name, source in tables.pop("guard").items():
        generator = _GUARD.format(decorator="")
        manager = _GUARD.format(decorator="@asynccontextmanager")
        yield Dependency(f"{name}_guarded", generator + source, "Entered", {"0": "Entered"})
        yield Dependency(f"{name}_unguarded", manager + source, "Entered", unguarded)
    assert not tables, f"unknown: {', '.join(tables)}"
