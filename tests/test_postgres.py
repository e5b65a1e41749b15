"""The PostgreSQL of the tests is a real one, and what fails on SQLite fails on it, too."""

from __future__ import annotations

import asyncio
import sys
from importlib.metadata import version
from typing import Final

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.harness import prove_on_postgres
from tests.harness.environments import NoEnvironmentError, environment
from tests.harness.workspace import Workspace
from tests.test_sqlalchemy_releases import CASES, differing, failing

#: Functions that do not fail on both, each with the reason.
_OTHERWISE: Final = {
    ("session_transaction__after_a_failure", "right_query_that_fails"): (
        "after a query that fails, PostgreSQL refuses whatever follows in the transaction"
    )
}


def test_postgres_answers(postgres_url: str) -> None:
    async def ask() -> str:
        engine = create_async_engine(postgres_url)
        async with engine.connect() as connection:
            version = (await connection.execute(text("show server_version_num"))).scalar_one()
        await engine.dispose()
        return str(version)

    assert int(asyncio.run(ask())) >= 180000


@pytest.mark.long
@pytest.mark.parametrize("sqlalchemy", ["sqlalchemy>=2.0,<2.1", "sqlalchemy>=2.1"])
def test_what_fails_on_sqlite_fails_on_it(
    sqlalchemy: str,
    postgres_url: str,
    tmp_path_factory: pytest.TempPathFactory,
    pytestconfig: pytest.Config,
) -> None:
    folder = pytestconfig.cache.mkdir("environments")
    beside = ("asyncpg>=0.30", "psycopg[binary]>=3.2", "pytest")
    try:
        python = environment(folder, version("fastapi"), sqlalchemy, *beside)
    except NoEnvironmentError as error:
        pytest.skip(str(error))
    workspace = Workspace(tmp_path_factory.mktemp("postgres-cases"), CASES)
    workspace.write(1)
    here = failing(sys.executable, workspace)
    there = failing(str(python), workspace, prove_on_postgres.__file__, postgres_url)
    assert sum(error is not None for error in there.values()) > 100
    found = differing(here, there)
    assert {name: found[name] for name in found.keys() - _OTHERWISE.keys()} == {}
    assert _OTHERWISE.keys() <= found.keys()
