"""Many requests on a small pool: nothing is left checked out, and each commit is there.

``MYPY_ASYNCSESSION_REQUESTS`` says how many there are; ``tests.bench.runtime`` sends 10,000
and measures.
"""

from __future__ import annotations

import asyncio
import os

import pytest

from tests.harness.load import WAYS, load

REQUESTS = int(os.environ.get("MYPY_ASYNCSESSION_REQUESTS", "600"))


@pytest.mark.filterwarnings("ignore:The garbage collector")
@pytest.mark.parametrize("way", WAYS)
def test_each_commit_is_there_and_nothing_is_left(way: str, postgres_url: str) -> None:
    outcome = asyncio.run(load(postgres_url, way, requests=REQUESTS))
    assert outcome.checked_out == 0
    assert len(outcome.done) + len(outcome.failed) + len(outcome.cancelled) == REQUESTS
    # Those that were answered are kept, and nothing of those that failed. One that is cancelled may
    # have committed before.
    assert outcome.done <= outcome.kept
    assert not outcome.kept & outcome.failed
    assert outcome.kept <= outcome.done | outcome.cancelled
    assert len(outcome.failed) > REQUESTS // 20
    assert outcome.cancelled
