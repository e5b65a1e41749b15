"""What is not fixed stays as it is, byte for byte."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import libcst as cst
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mypy_asyncsession.checking.options import Options as CheckOptions
from mypy_asyncsession.fixes.cannot_fix import CannotFix
from mypy_asyncsession.fixes.editing.draft import Draft, applied, faithful
from mypy_asyncsession.fixes.editing.imports import Import
from mypy_asyncsession.fixes.editing.source_file import SourceFile
from mypy_asyncsession.fixes.engine.driver import Options, fix
from mypy_asyncsession.fixes.engine.guard import Guard

if TYPE_CHECKING:
    from pathlib import Path

PROVIDER: Final = "async def get_db():\n    yield 1\n"
IMPORT: Final = "from contextlib import asynccontextmanager"
COMMENTS: Final = ("", "  # why", "# x", "\t#: ü", "  # noqa: X  # fmt: skip")
FOLDERS = itertools.count()


@dataclass(frozen=True)
class Layout:
    """How a file is written that has one finding.

    Attributes:
        newlines: Those of its lines, in turn.
        indent: One level of indentation.
        bom: Whether it begins with a byte order mark.
        latin: Whether it is encoded in Latin-1, and says so.
        feed: Whether its functions begin after a form feed.
        comment: What stands at the end of lines.
        blank: What stands on lines with nothing on them.
        ends: Whether the last line ends.
    """

    newlines: tuple[str, ...]
    indent: str
    bom: bool
    latin: bool
    feed: bool
    comment: str
    blank: str
    ends: bool

    def content(self, *, fixed: bool) -> bytes:
        """The file, before or after."""
        made = "asynccontextmanager(get_db)()" if fixed else "get_db()"
        tab, comment, feed = self.indent, self.comment, "\x0c" if self.feed else ""
        lines = ["# coding: latin-1"] if self.latin else []
        # A new import takes the newline that the file begins with.
        added = [(IMPORT, self.newlines[0]), ("", self.newlines[0])] if fixed else []
        head = len(lines)
        lines += [
            f"from .db import get_db{comment}",
            self.blank,
            f"{feed}async def use(a: int, b={{  1:2 }} ):{comment}",
            f'{tab}"""It is ü."""',
            f"{tab}x  =  [ 1,2 ,3,]{comment}",
            f"{tab}async with {made} as session:{comment}",
            f"{tab}{tab}print( session,'''",
            " not indented",
            f"'''){comment}",
            self.blank,
            f"{tab}{tab}# the end",
            f"{tab}return x;",
        ]
        ended = [(line, end) for line, end in zip(lines, itertools.cycle(self.newlines))]
        ended[head:head] = added
        text = "".join(line + end for line, end in ended)
        if not self.ends:
            text = text.rstrip("\r\n")
        encoded = text.encode("latin-1" if self.latin else "utf-8")
        return (b"\xef\xbb\xbf" if self.bom and not self.latin else b"") + encoded


LAYOUTS = st.builds(
    Layout,
    newlines=st.lists(st.sampled_from(["\n", "\r\n"]), min_size=1, max_size=5).map(tuple),
    indent=st.sampled_from(["    ", "  ", "\t", " " * 7]),
    bom=st.booleans(),
    latin=st.booleans(),
    feed=st.booleans(),
    comment=st.sampled_from(COMMENTS),
    blank=st.sampled_from(["", "  ", "\t"]),
    ends=st.booleans(),
)


@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@given(layouts=st.lists(LAYOUTS, min_size=25, max_size=25))
def test_layout_survives(layouts: list[Layout], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("layouts")
    for number, layout in enumerate(layouts):
        package = folder / f"package_{number}"
        package.mkdir()
        (package / "__init__.py").touch()
        (package / "db.py").write_text(PROVIDER)
        (package / "main.py").write_bytes(layout.content(fixed=False))
    result = fix_in(folder)
    assert not result
    found = {
        number: (folder / f"package_{number}" / "main.py").read_bytes()
        for number in range(len(layouts))
    }
    assert found == {n: layout.content(fixed=True) for n, layout in enumerate(layouts)}


def fix_in(folder: Path) -> list[str]:
    """Fix a folder; the reasons for what is left."""
    check = CheckOptions(cache_dir=str(folder / "cache"), workers=0)
    result = fix(["."], Guard(str(folder)), Options(check, unsafe=True))
    for edited in result.edited:
        (folder / edited.path).write_bytes(edited.new)
    return [outcome.reason or "" for outcome in result.left]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(layout=LAYOUTS)
def test_a_file_that_is_read_and_written_is_the_same(layout: Layout) -> None:
    content = layout.content(fixed=False)
    source = SourceFile("main.py", content)
    draft = Draft()
    draft.change(source, source.module.body[0], lambda old: old)
    assert applied([draft]) == {source: content}


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    layout=LAYOUTS, wanted=st.sampled_from([("abc", "x"), ("zip", "y"), (".db", "a"), ("re", None)])
)
def test_an_import_is_added_and_nothing_else(
    layout: Layout, wanted: tuple[str, str | None]
) -> None:
    content = layout.content(fixed=False)
    source = SourceFile("main.py", content)
    draft = Draft()
    draft.need(source, Import(*wanted))
    new = applied([draft])[source]
    cst.parse_module(new)
    kept = [line for line in content.split(b"\n") if b"import get_db" not in line]
    written = new.split(b"\n")
    position = 0
    for line in kept:
        position = written.index(line, position) + 1


def test_what_libcst_cannot_write_is_left() -> None:
    with pytest.raises(CannotFix, match="reproduce"):
        SourceFile("main.py", b"x = 1\ry = 2\r")
    with pytest.raises(CannotFix, match="parse"):
        SourceFile("main.py", b"x = = 1\n")


def test_lines_that_were_not_edited_are_taken_from_the_file() -> None:
    assert faithful(b"\x0ca\nb\nc\n", b"a\nb\nc\n", b"a\nx\nc\n") == b"\x0ca\nx\nc\n"
    assert faithful(b"a\n", b"a\n", b"b\n") == b"b\n"
