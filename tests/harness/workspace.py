"""A directory that many cases share, so that one run of mypy serves them all."""

from __future__ import annotations

import ast
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tests.harness.case import Case

TEST_DATA: Final = Path(__file__).parents[2] / "test-data"
APP: Final = TEST_DATA / "app"

_CONFIG: Final[dict[str, Any]] = {
    "tool": {"mypy": {"plugins": ["mypy_asyncsession.plugin"], "check_untyped_defs": True}}
}
#: mypy takes a file for unchanged if neither its size nor its time in whole seconds differs.
_FIRST_TIME: Final = 1_700_000_000
_SECONDS_BETWEEN_STEPS: Final = 10


def batches(cases: Iterable[Case]) -> list[list[Case]]:
    """The cases in groups that can share a configuration: they may differ per module only."""
    groups: dict[str, list[Case]] = {}
    for case in cases:
        globally, _ = _split_config(case.config)
        groups.setdefault(json.dumps(globally, sort_keys=True), []).append(case)
    return list(groups.values())


class Workspace:
    """The cases of a batch on disk, each in a package of its own.

    Attributes:
        root: The directory.
        cases: The cases.
        steps: The number of steps of the longest case.
        repeat: Whether to run mypy at each step once more, with nothing edited.
    """

    def __init__(
        self, root: Path, cases: Sequence[Case], *, app: bool = True, repeat: bool = True
    ) -> None:
        """Writes nothing yet.

        Args:
            root: The directory.
            cases: The cases.
            app: Whether the cases use ``test-data/app``.
            repeat: Whether to run mypy at each step once more, with nothing edited.
        """
        self.root = root
        self.cases = cases
        self.steps = max(len(case.trees) for case in cases)
        self.repeat = repeat
        self._app = {path.name: path.read_text(encoding="utf-8") for path in APP.glob("*.py")}
        if not app:
            self._app.clear()

    def write(self, step: int) -> None:
        """Brings the files to the state of a step, and touches no other file."""
        if step == 1:
            for name, text in self._app.items():
                self._write_file(self.root / "app" / name, text, step)
            settings: Mapping[str, Any] = _CONFIG
            for case in self.cases:
                settings = _merge(settings, case.config)
            write_toml(self.root / "pyproject.toml", settings)
        for case in self.cases:
            package = self.root / case.package
            old = case.tree(step - 1) if step > 1 else {}
            new = case.tree(step)
            for path in old.keys() - new.keys():
                (package / path).unlink()
            for path, text in new.items():
                if old.get(path) != text:
                    self._write_file(package / path, text, step)
            if step == 1:
                self._complete_package(package, new)

    def imports(self) -> list[str]:
        """The modules from outside that the files name in an import statement."""
        own = {"app", *(case.package for case in self.cases)}
        texts = {text for case in self.cases for tree in case.trees for text in tree.values()}
        texts.update(self._app.values())
        names = {name for text in texts for name in _imported(text)}
        return sorted(name for name in names if name.partition(".")[0] not in own)

    def _write_file(self, path: Path, text: str, step: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        time = _FIRST_TIME + step * _SECONDS_BETWEEN_STEPS
        os.utime(path, (time, time))

    def _complete_package(self, package: Path, tree: Mapping[str, str]) -> None:
        for directory in {package, *((package / path).parent for path in tree)}:
            if not (directory / "__init__.py").exists():
                self._write_file(directory / "__init__.py", "", step=1)


def write_toml(path: Path, settings: Mapping[str, Any]) -> None:
    """Writes nested tables as TOML; what stands in a list is written in one line."""
    path.write_text("\n".join(_toml_tables("", settings)) + "\n", encoding="utf-8")


def _toml_tables(name: str, table: Mapping[str, Any]) -> Iterator[str]:
    values = {key: value for key, value in table.items() if not isinstance(value, dict)}
    if values:
        yield f"[{name}]" if name else ""
        yield from (f"{json.dumps(key)} = {_toml_value(value)}" for key, value in values.items())
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _toml_tables(f"{name}.{json.dumps(key)}".lstrip("."), value)


def _toml_value(value: object) -> str:
    if isinstance(value, dict):
        pairs = (f"{json.dumps(key)} = {_toml_value(item)}" for key, item in value.items())
        return "{ " + ", ".join(pairs) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml_value, value)) + "]"
    return json.dumps(value)


def _split_config(config: Mapping[str, Any]) -> tuple[dict[str, Any], list[Any]]:
    """The configuration without its per-module part, and that part."""
    rest = _merge({}, config)
    overrides = rest.get("tool", {}).get("mypy", {}).pop("overrides", [])
    if not rest.get("tool", {}).get("mypy", True):
        del rest["tool"]["mypy"]
    if not rest.get("tool", True):
        del rest["tool"]
    return rest, overrides


def _merge(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Both tables in one: ``overrides`` are joined, any other value of the second one wins."""
    merged = dict(old)
    for key, value in new.items():
        if isinstance(value, dict):
            merged[key] = _merge(merged.get(key, {}), value)
        elif key == "overrides":
            merged[key] = [*merged.get(key, []), *value]
        else:
            merged[key] = value
    return merged


def _imported(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
