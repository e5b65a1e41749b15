"""What was found in each module of a parsed program, kept from one run to the next.

A run in which some files have changed looks again at these, and at what may read what has changed
in them; of the rest it says what was found before. The state of a tree that this is of has a name,
which the report of the same run bears as well (``report_cache``): if that is another one, because
two runs were made at once or one was ended, nothing of this is used.
"""

from __future__ import annotations

import json
import zlib
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from mypy_asyncsession.findings import Span, decode

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from typing_extensions import Self

    from mypy_asyncsession.findings import Place

#: Whether this Python can keep anything: it may have been built without SQLite.
CAN_KEEP: Final = find_spec("_sqlite3") is not None
if TYPE_CHECKING or CAN_KEEP:
    import sqlite3

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS state (name TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS texts (module TEXT PRIMARY KEY, text BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS answers (module TEXT PRIMARY KEY, answer TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS imports (module TEXT PRIMARY KEY, names TEXT NOT NULL);
"""
_OF_MODULES: Final = ("texts", "answers", "imports")
#: How long to wait for another run, in seconds.
_PATIENCE: Final = 5.0


class Answer(NamedTuple):
    """What was found in a module.

    Attributes:
        path: Its file.
        messages: The findings, a JSON object each.
        leaned: The modules that were read for it.
        unsettled: The lines with uses that only mypy can decide. Where there are any, the findings
            are those of a run with mypy.
    """

    path: str
    messages: list[str]
    leaned: list[str]
    unsettled: Sequence[int] = ()

    def providers(self) -> Iterator[Place]:
        """The places of the providers that the findings are about."""
        for message in self.messages:
            with suppress(ValueError, TypeError, KeyError):
                found = decode(self.path, Span(0, 0, 0, 0), "", json.loads(message)["message"])
                if found.provider is not None:
                    yield found.provider


@dataclass(frozen=True, slots=True)
class Keeping:
    """What a run keeps, and what it may use of what is kept.

    Attributes:
        path: The file that it is kept in.
        state: A name for the state that the tree is in.
        before: The name of the one that it was in, if only *changed* has changed since.
        changed: The paths of the sources that have changed, come or gone.
    """

    path: str
    state: str
    before: str | None = None
    changed: list[str] = field(default_factory=list)

    def of(self, program: str, what: str) -> Self:
        """The same for one program, where that is *what* it was before.

        Args:
            program: Its name.
            what: How it is built.
        """
        name = f"{self.path}-{_digest(program)}.sqlite"
        end = f" {_digest(what)}"
        before = self.before + end if self.before is not None else None
        return replace(self, path=name, state=self.state + end, before=before)


class Imports(NamedTuple):
    """What a module imports: see ``semantic.imports.reachable``."""

    modules: list[str]
    objects: list[str]


@dataclass(slots=True)
class KeptAnswers:
    """What is known of the modules of one program.

    Attributes:
        path: The file that it is kept in.
        state: The name of the state that it is of.
        answers: By module, what was found.
        imports: By module, what it imports; those beside the sources that were read among them.
    """

    path: str
    state: str
    answers: dict[str, Answer] = field(default_factory=dict)
    imports: dict[str, Imports] = field(default_factory=dict)

    @classmethod
    def read(cls, keeping: Keeping) -> Self | None:
        """What is kept of the state before; ``None`` if there is nothing."""
        path, state = keeping.path, keeping.before
        if state is None:
            return None
        with suppress(sqlite3.Error, ValueError, TypeError), _opened(path) as store:
            if not _is_of(store, state):
                return None
            found = cls(path, state)
            for module, answer in store.execute("SELECT module, answer FROM answers"):
                found.answers[module] = Answer(*json.loads(answer))
            for module, names in store.execute("SELECT module, names FROM imports"):
                found.imports[module] = Imports(*json.loads(names))
            return found
        return None

    def texts(self, modules: Collection[str]) -> dict[str, bytes]:
        """What was in the files of modules, as far as that is known."""
        found: dict[str, bytes] = {}
        with suppress(sqlite3.Error, zlib.error), _opened(self.path) as store:
            if not _is_of(store, self.state):
                return found  # another run was quicker
            for module in modules:
                query = "SELECT text FROM texts WHERE module = ?"
                for (text,) in store.execute(query, (module,)):
                    found[module] = zlib.decompress(text)
        return found


def keep(
    keeping: Keeping,
    texts: Iterable[tuple[str, bytes]],
    answers: Mapping[str, Answer],
    imports: Mapping[str, Imports],
    *,
    anew: bool,
    gone: Iterable[str] = (),
) -> None:
    """Keep what a run has found; not being able to is no reason to stop.

    Args:
        keeping: Where, and of which state it is.
        texts: What was in the files that are new, or have changed.
        answers: What was found in the modules that were looked at.
        imports: What the modules import that were read.
        anew: Whether nothing holds of what was kept before.
        gone: The modules that are no more.
    """
    with _forgiving(keeping.path), _writing(keeping.path) as store:
        if anew:
            for table in _OF_MODULES:
                store.execute(f"DELETE FROM {table}")
        elif not _is_of(store, keeping.before):
            return  # another run was quicker
        for module in gone:
            for table in _OF_MODULES:
                store.execute(f"DELETE FROM {table} WHERE module = ?", (module,))
        store.execute("DELETE FROM state")
        store.execute("INSERT INTO state VALUES (?)", (keeping.state,))
        store.executemany(
            "INSERT OR REPLACE INTO texts VALUES (?, ?)",
            ((module, zlib.compress(text, 1)) for module, text in texts),
        )
        store.executemany(
            "INSERT OR REPLACE INTO answers VALUES (?, ?)",
            ((module, json.dumps(answer)) for module, answer in answers.items()),
        )
        store.executemany(
            "INSERT OR REPLACE INTO imports VALUES (?, ?)",
            ((module, json.dumps(names)) for module, names in imports.items()),
        )


def settle(keeping: Keeping, messages: Mapping[str, list[str]]) -> None:
    """Keep what mypy has found in some modules, in place of what was found without it.

    Args:
        keeping: Where, and of which state it is.
        messages: By the path of a module, what was found there.
    """
    with _forgiving(keeping.path), _writing(keeping.path) as store:
        if not _is_of(store, keeping.state):
            return  # another run was quicker
        for module, answer in store.execute("SELECT module, answer FROM answers").fetchall():
            known = Answer(*json.loads(answer))
            if known.path in messages:
                text = json.dumps(known._replace(messages=messages[known.path]))
                store.execute("UPDATE answers SET answer = ? WHERE module = ?", (text, module))


@contextmanager
def _forgiving(path: str) -> Iterator[None]:
    """That a store cannot be written to is no reason to stop; a damaged one is removed."""
    try:
        yield
    except sqlite3.OperationalError:
        pass  # another run is at it, or it cannot be written to
    except sqlite3.Error:
        with suppress(OSError):
            Path(path).unlink()


@contextmanager
def _writing(path: str) -> Iterator[sqlite3.Connection]:
    """A store to write to, all of it or nothing."""
    with closing(sqlite3.connect(path, timeout=_PATIENCE)) as store:
        store.isolation_level = None
        # What is kept can be found out again: that it reaches the disk at once is worth no time.
        store.execute("PRAGMA synchronous = OFF")
        store.execute("BEGIN IMMEDIATE")
        for statement in filter(str.strip, _TABLES.split(";")):
            store.execute(statement)
        yield store
        store.execute("COMMIT")


def _digest(text: str) -> str:
    return blake2b(text.encode(errors="surrogateescape"), digest_size=4).hexdigest()


def _opened(path: str) -> closing[sqlite3.Connection]:
    """A store to read from; there is an error if it is not there."""
    name = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    store = sqlite3.connect(f"file:{name}?mode=ro", uri=True)
    store.isolation_level = None
    store.execute("BEGIN")  # nobody writes to it between two questions
    return closing(store)


def _is_of(store: sqlite3.Connection, state: str | None) -> bool:
    return store.execute("SELECT name FROM state").fetchall() == [(state,)]
