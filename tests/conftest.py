"""What several test modules share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mypy_asyncsession.checking.place import KEY_VARIABLE
from tests.harness.postgres import postgres

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session", autouse=True)
def _cache_key() -> Iterator[None]:
    """A key of the tests' own: nothing is written into the user's cache directory."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv(KEY_VARIABLE, "the tests' own")
        # Where these tests run is not where what they start is to believe that it runs.
        patched.delenv("GITHUB_ACTIONS", raising=False)
        yield


@pytest.fixture(scope="module")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An empty PostgreSQL for the tests of a module: ``postgresql+asyncpg://...``."""
    with postgres(tmp_path_factory.mktemp("postgres")) as url:
        yield url
