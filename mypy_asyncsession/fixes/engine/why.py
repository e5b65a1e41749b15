"""Why some findings are left: they have more than one reasonable fix, or need judgement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mypy_asyncsession.findings import Finding

_REASONS: Final = {
    "depends-type": "either the annotation or the dependency is what was meant",
    "session-escape": "who is to close the session is for you to say",
    "session-mock": "what the double is to stand for is for you to say",
    "session-override": "which of the two is right is for you to say",
    "session-probe": "what the probe is for cannot be told",
}
_BY_RECORD: Final = {
    "DirectCall": "what to give it instead is for you to say",
    "UnenteredUse": "whether the session or what holds it is meant cannot be told",
    "Use": "it is used in a way that has no simple fix",
}


def unmendable(finding: Finding) -> str:
    """Why there is no fix for a finding."""
    record = finding.misuse.record if finding.misuse else ""
    return _REASONS.get(finding.code) or _BY_RECORD.get(record) or "there is no fix for it"
