"""Why some findings are left: they have more than one reasonable fix, or need judgement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mypy_asyncsession.findings import Finding

_REASONS: Final = {
    "depends-type": "either the annotation or the dependency is what was meant",
    "session-escape": "decide who closes the session",
    "session-mock": "decide what the double stands for",
    "session-override": "decide which of the two is right",
    "session-probe": "what the probe is for cannot be told",
}
_BY_RECORD: Final = {
    "DirectCall": "decide what to give it instead",
    "UnenteredUse": "whether the session or what holds it is meant cannot be told",
    "Use": "it is used in a way that has no simple fix",
}


def unmendable(finding: Finding) -> str:
    """Why there is no fix for a finding."""
    record = finding.misuse.record if finding.misuse else ""
    if finding.misuse and finding.misuse.how == "OBJECT":
        return "decide whether it is to be entered"
    return _REASONS.get(finding.code) or _BY_RECORD.get(record) or "there is no fix for it"
