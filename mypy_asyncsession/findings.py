"""The record of one finding, as every part of the project passes it on."""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of source: lines are 1-based, columns 0-based, the end column exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a provider is defined.

    Attributes:
        fullname: The full name, module included: ``app.db.get_db``.
        path: The file, as mypy names it.
        line: The line of the definition, 1-based.
    """

    fullname: str
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One misuse: where it is, what is wrong, what to write instead, which provider it is about.

    Attributes:
        path: The file, as mypy names it.
        span: The expression or statement to point at.
        code: The name of the rule, such as ``session-with``.
        message: One sentence in mypy's voice, without a full stop.
        hint: What to write instead, or ``None``.
        provider: Where the provider is defined, if it is defined in source that was read.
    """

    path: str
    span: Span
    code: str
    message: str
    hint: str | None
    provider: Place | None

    def encode(self) -> str:
        """The parts that mypy's error list has no field for, as one line of JSON.

        mypy keeps this line in its cache in place of the message; ``decode`` reads it again.
        """
        place = self.provider
        return json.dumps(
            {
                "message": self.message,
                "hint": self.hint,
                "provider": [place.fullname, place.path, place.line] if place else None,
            }
        )


def decode(path: str, span: Span, code: str, text: str) -> Finding:
    """The finding behind an error of mypy's whose message ``Finding.encode`` wrote.

    Raises:
        ValueError: *text* is not such a message.
    """
    fields = json.loads(text)
    if not isinstance(fields, dict) or "message" not in fields:
        raise ValueError(f"not the record of a finding: {text!r}")
    provider = fields.get("provider")
    return Finding(
        path,
        span,
        code,
        fields["message"],
        fields.get("hint"),
        Place(*provider) if provider else None,
    )
