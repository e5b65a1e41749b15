"""Random edits: after each, what is shown is what a check of the same texts finds that starts cold.

Each state is kept as a package of its own, and all are checked at the end, in one run.
"""

from __future__ import annotations

import asyncio
from random import Random
from typing import TYPE_CHECKING

import pytest

from mypy_asyncsession.checking.options import Options
from mypy_asyncsession.checking.run import check
from tests.server.editor import editor, without_packages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.server.editor import Editor

HEAD = {
    "db": "from contextlib import asynccontextmanager\n",
    "deps": "from .db import one as first, two\nfrom .db import *\n",
    "api": "from .deps import first, handed, two\n",
    "jobs": "from . import db\nfrom .deps import *\n",
}
PROVIDERS = (
    "async def {0}():\n    yield 1\n",
    "@asynccontextmanager\nasync def {0}():\n    yield 1\n",
    "async def {0}() -> int:\n    return 1\n",
    (
        "class {0}:\n    async def __aenter__(self):\n        return 1\n"
        "    async def __aexit__(self, *_):\n        pass\n"
    ),
)
USES = (
    "async def use{1}() -> None:\n    async with {0}() as s:\n        print(s)\n",
    "async def use{1}():\n    async for s in {0}():\n        print(s)\n",
    "async def use{1}() -> None:\n    print(await {0}())\n",
    (
        "async def use{1}() -> None:\n    s = {0}()\n"
        "    async with s:  # type: ignore[async-with]\n        print(s)\n"
    ),
)
NAMES = {"deps": ["first", "two"], "api": ["first", "two", "handed"], "jobs": ["db.one", "first"]}


class Texts:
    """Texts of a small package, edited at random."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._parts: dict[str, list[str]] = {name: [] for name in HEAD}
        self._number = 0
        self._broken: set[str] = set()
        self._good: dict[str, str] = {}
        self._parts["db"] = [PROVIDERS[0].format("one"), PROVIDERS[1].format("two")]
        self._parts["deps"] = ["def handed():\n    return first()\n"]
        for name in ("deps", "api", "jobs", "api"):
            self._parts[name].append(self._use(name))
        self.read()

    def _use(self, name: str) -> str:
        self._number += 1
        template = self._random.choice(USES)
        return template.format(self._random.choice(NAMES[name]), self._number)

    def edit(self) -> str:
        """Edit one of them; its name."""
        random = self._random
        name = random.choice([*HEAD, "api", "jobs"])
        parts = self._parts[name]
        if name in self._broken:
            self._broken.discard(name)
        elif random.random() < 0.15:
            self._broken.add(name)
        elif name == "db":
            at = random.randrange(2)
            parts[at] = random.choice(PROVIDERS).format(("one", "two")[at])
        elif len(parts) > 2 and random.random() < 0.3:
            del parts[random.randrange(1, len(parts))]
        elif random.random() < 0.3:
            parts.insert(0, "\n# moved\n")
        else:
            parts.append(self._use(name))
        return name

    def read(self) -> dict[str, str]:
        """They as they are."""
        found = {}
        for name, parts in self._parts.items():
            text = "\n".join([HEAD[name], *parts])
            if name in self._broken:
                text += "\ndef (:\n"
            else:
                self._good[name] = text
            found[name] = text
        return found

    def is_broken(self, name: str) -> bool:
        """Whether one of them cannot be parsed."""
        return name in self._broken

    def good(self) -> dict[str, str]:
        """They as they last were without what cannot be parsed."""
        return dict(self._good)


def differences(root: Path, random: Random, number: int) -> Iterator[str]:
    """Where what was shown is not what is found."""
    project, cold = root / "project", root / "cold"
    states: list[dict[str, str]] = []
    shown: list[list[tuple[str, int, str]]] = []
    (project / "p").mkdir(parents=True)
    without_packages(project)
    texts = Texts(random)
    for name, text in {"__init__": "", **texts.read()}.items():
        (project / "p" / f"{name}.py").write_text(text)

    async def run() -> None:
        async with editor(project) as found:
            for name in HEAD:
                found.open(f"p/{name}.py")
            for _ in range(number):
                name = texts.edit()
                path = f"p/{name}.py"
                found.change(path, texts.read()[name])
                if random.random() < 0.2:
                    found.save(path)
                if random.random() < 0.3:
                    # The next edit comes before anybody has looked, or while mypy does.
                    await asyncio.sleep(random.choice((0, 0, 0.2, 0.4, 0.6, 0.8)))
                    continue
                await found.settled()
                assert "could not run" not in found.status, found.messages
                states.append(texts.good())
                shown.append(sorted(_shown(found)))
                if random.random() < 0.1 and not texts.is_broken(name):
                    found.save(path)
                    found.close(path)
                    found.open(path)

    asyncio.run(run())
    cold.mkdir()
    without_packages(cold)
    for at, state in enumerate(states):
        (cold / f"s{at}").mkdir()
        for name, text in {"__init__": "", **state}.items():
            (cold / f"s{at}" / f"{name}.py").write_text(text)
    expected: list[list[tuple[str, int, str]]] = [[] for _ in states]
    for finding in check(["."], Options(), directory=str(cold)).findings:
        state_name, _, name = finding.path.partition("/")
        expected[int(state_name[1:])].append((name, finding.span.line, finding.code))
    assert sum(map(len, expected)) > len(states), "there is nothing to find"
    for at, (wanted, got) in enumerate(zip(expected, shown, strict=True)):
        if sorted(wanted) != got:
            missing, more = set(wanted) - set(got), set(got) - set(wanted)
            yield f"after {at}: without {missing}, with {more}:\n{states[at]}"


def _shown(editor: Editor) -> Iterator[tuple[str, int, str]]:
    for path in editor.shown:
        for line, code in editor.findings(str(path.relative_to(editor.root))):
            yield path.name, line, code


def test_twenty_edits(tmp_path: Path) -> None:
    found = list(differences(tmp_path, Random(5), 20))
    assert not found, "\n".join(found)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
def test_hundreds_of_edits(seed: int, tmp_path: Path) -> None:
    found = list(differences(tmp_path, Random(seed), 250))
    assert not found, "\n".join(found)
