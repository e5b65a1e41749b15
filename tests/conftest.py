"""What several test modules share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.harness.postgres import postgres

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An empty PostgreSQL for the tests of a module: ``postgresql+asyncpg://...``."""
    with postgres(tmp_path_factory.mktemp("postgres")) as url:
        yield url
