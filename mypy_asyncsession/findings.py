"""The record of one finding, as every part of the project passes it on."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Any


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
class Yields:
    """How a generator function yields, as far as it matters to who makes a context manager of it.

    Attributes:
        once: Whether it yields once at most, whichever way it takes.
        code: Whether code follows the yield that runs only if the generator is run to its end.
        catches: Whether an ``except`` around the yield sees the exceptions of who uses it.
        swallows: Whether one of these may end without raising again.
        always: Whether it yields on every way that does not end in an exception.
    """

    once: bool
    code: bool = False
    catches: bool = False
    swallows: bool = False
    always: bool = True


@dataclass(frozen=True, slots=True)
class Held:
    """An object, and what it holds: what entering, iterating, awaiting or calling it gives.

    Attributes:
        shape: The name of its ``Shape``.
        can: The value of its ``Can``.
        resource: Whether it is a session, or another configured resource.
        takes: Whether it is called with arguments, where it is called at all.
    """

    shape: str
    can: int
    resource: bool = False
    takes: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """What happened before, in the same file, without which nothing would be wrong.

    Attributes:
        line: The line, 1-based.
        text: What happens there, in a few words.
    """

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Misuse:
    """What a fix has to know of a misuse, beside where it is: no message is ever parsed.

    Attributes:
        record: The name of the class of the record that the rule was given.
        how: How the provider is used, by the name of a member: of ``Pairing``, ``Situation``,
            ``Exit`` or ``Drive``.
        text: The expression as written, shortened.
        callee: What the expression calls, as written, or ``None`` where it is no call.
        holds: What the expression is, what that holds, and so on; empty where it is not known.
        several: Whether the expression may be one of several things.
        yields: How the function yields that made the generator, where its source was read.
        name: The provider, as a reader knows it: ``Database.session``.
        via: The function that uses the expression, where it is given to one.
        part: Whether it uses something of it: an attribute, an element.
        parameter: The parameter that a dependency is injected into.
        role: Where a dependency is named, by the name of a member of ``Role``.
        calls: Whether a dependency is a class whose instances are to be called.
        annotation: The annotation to write, of a provider that has no precise one.
        imports: What the annotation needs: pairs of a module and a name in it.
        made: Where the query is made that loads too little.
        steps: What happened before, in its order.
    """

    record: str
    how: str = ""
    text: str = ""
    callee: str | None = None
    holds: tuple[Held, ...] = ()
    several: bool = False
    yields: Yields | None = None
    name: str | None = None
    via: str | None = None
    part: bool = False
    parameter: str | None = None
    role: str | None = None
    calls: bool = False
    annotation: str | None = None
    imports: tuple[tuple[str, str], ...] = ()
    made: Span | None = None
    steps: tuple[Step, ...] = ()

    def encode(self) -> dict[str, Any]:
        """As an object for JSON, without what is as usual."""
        values = asdict(self)
        return {
            item.name: values[item.name]
            for item in fields(self)
            if values[item.name] != item.default
        }

    @classmethod
    def decode(cls, values: dict[str, Any]) -> Misuse:
        """What ``encode`` made an object of."""
        values = dict(values)
        values["holds"] = tuple(Held(**held) for held in values.get("holds", ()))
        values["imports"] = tuple((module, name) for module, name in values.get("imports", ()))
        if values.get("yields"):
            values["yields"] = Yields(**values["yields"])
        if values.get("made"):
            values["made"] = Span(**values["made"])
        values["steps"] = tuple(Step(**each) for each in values.get("steps", ()))
        return cls(**values)


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
        misuse: What a fix has to know, where the finding is one that a fix may be for.
        fixable: Whether ``fix`` would fix it; ``None`` where it was not asked.
    """

    path: str
    span: Span
    code: str
    message: str
    hint: str | None
    provider: Place | None
    misuse: Misuse | None = None
    fixable: bool | None = None

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
                "misuse": self.misuse.encode() if self.misuse else None,
            }
        )


def decode(path: str, span: Span, code: str, text: str) -> Finding:
    """The finding behind an error of mypy's whose message ``Finding.encode`` wrote.

    Raises:
        ValueError: *text* is not such a message.
    """
    values = json.loads(text)
    if not isinstance(values, dict) or "message" not in values:
        raise ValueError(f"not the record of a finding: {text!r}")
    provider = values.get("provider")
    misuse = values.get("misuse")
    return Finding(
        path,
        span,
        code,
        values["message"],
        values.get("hint"),
        Place(*provider) if provider else None,
        Misuse.decode(misuse) if misuse else None,
    )
