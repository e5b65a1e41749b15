"""A file whose text is on standard input: as an editor has it, saved or not."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mypy_asyncsession.checking.report import shown

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def text_of(name: str) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """Read the text; it lies in a temporary file until the block ends.

    Args:
        name: The file that it is to be taken for, which need not be there.

    Yields:
        By the file's absolute path, the path of the temporary one; and by its path as it is shown,
        the text.
    """
    content = sys.stdin.buffer.read()
    full = os.path.abspath(name)
    with tempfile.TemporaryDirectory(prefix="mypy-asyncsession-") as folder:
        copy = Path(folder, os.path.basename(full))
        copy.write_bytes(content)
        text = content.decode(errors="replace")
        yield {full: str(copy)}, {shown(full, os.getcwd()): text}  # noqa: PTH109
