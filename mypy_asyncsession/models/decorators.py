"""Decorators of libraries that await what they decorate, with what they are given."""

from __future__ import annotations

from typing import Final

#: Retries, traces and checks: the function runs where what they give is awaited.
AWAITING_DECORATORS: Final = frozenset(
    {
        "backoff.on_exception",
        "backoff.on_predicate",
        "beartype.beartype",
        "logfire.instrument",
        "prefect.flow",
        "prefect.flows.flow",
        "prefect.task",
        "prefect.tasks.task",
        "pydantic.validate_call",
        "sentry_sdk.trace",
        "sentry_sdk.tracing.trace",
        "stamina.retry",
        "tenacity.retry",
    }
)
