"""The return annotation of a getter, written into a text together with its imports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy_asyncsession.findings import Finding, Misuse, Span
from mypy_asyncsession.fixes.cannot_fix import CannotFix
from mypy_asyncsession.fixes.editing.draft import applied
from mypy_asyncsession.fixes.editing.long_lines import longest
from mypy_asyncsession.fixes.editing.source_tree import Tree
from mypy_asyncsession.fixes.fix import Site
from mypy_asyncsession.fixes.rewrites import getter
from mypy_asyncsession.server.analysis.texts import decoded, encoded

if TYPE_CHECKING:
    from mypy_asyncsession.survey import Provider


def annotated(text: str, provider: Provider, line: int, directory: str) -> str:
    """A text in which a provider has its annotation.

    Args:
        text: The text.
        provider: The provider; its right annotation is known.
        line: The line of its definition in the text, 1-based.
        directory: The project's directory.

    Raises:
        CannotFix: It cannot be written; the message says why.
    """
    path = provider.place.path
    content = encoded(text)
    tree = Tree(lambda _path: content, {path: provider.module})
    misuse = Misuse("Getter", annotation=provider.right, imports=provider.imports)
    finding = Finding(path, Span(line, 0, line, 1), "session-getter", "", None, None, misuse)
    draft = getter.FIX.draft(Site(finding, misuse, tree.file(path), tree))
    try:
        new = applied([draft], longest(directory))
    except Exception:  # noqa: BLE001
        raise CannotFix("the code is written in a way that this does not cover") from None
    return decoded(next(iter(new.values()), content))
