"""What a module has to do with providers: those that it defines, and the uses that it makes.

The record that the plugin makes and that ``audit``, ``stubs`` and ``rollout`` read. Like a finding
it travels as the message of one of mypy's errors, so that mypy caches it with the module.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Final

from mypy_asyncsession.findings import Place

_KEY: Final = "survey"

#: The ways in which providers are used, in the order of the columns of a table.
ENTERED: Final = "entered"
ITERATED: Final = "iterated"
AWAITED: Final = "awaited"
DEPENDED: Final = "Depends"
DOUBLED: Final = "doubled"
RAW: Final = "raw"
WAYS: Final = (ENTERED, ITERATED, AWAITED, DEPENDED, DOUBLED, RAW)


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider at its definition.

    Attributes:
        name: The name inside its module: ``Database.session``.
        module: The module.
        place: Where it is defined.
        shape: What a call of it gives: ``an async generator``.
        holds: The class of what one gets in the end: ``AsyncSession``; ``None`` if not known.
        resource: Whether that is one of the configured resources.
        annotated: ``precise``, ``vague``, ``missing`` or ``wrong``.
        written: The annotation as written, or ``None``.
        right: The annotation that says it all, or ``None`` where that is not known.
        imports: What would have to be imported for it: modules, each with a name in it.
        managed: Whether a decorator of contextlib makes a context manager of it.
        is_async: Whether it is an ``async def``.
        kind: ``function``, ``method``, ``static method``, ``class method`` or ``property``.
        returns: The provider whose result it hands on, by its full name, or ``None``.
    """

    name: str
    module: str
    place: Place
    shape: str
    holds: str | None
    resource: bool
    annotated: str
    written: str | None
    right: str | None
    imports: tuple[tuple[str, str], ...]
    managed: bool
    is_async: bool
    kind: str
    returns: str | None

    @property
    def fullname(self) -> str:
        """The full name, module included."""
        return f"{self.module}.{self.name}"

    @property
    def gives(self) -> str:
        """What it gives, in words: ``an async generator of AsyncSession``."""
        same = self.holds is None or self.shape in ("a session", "a sync session")
        return self.shape if same else f"{self.shape} of {self.holds}"


@dataclass(frozen=True, slots=True)
class Used:
    """One use of a provider.

    Attributes:
        provider: Its full name.
        way: One of ``WAYS``.
        path: The file of the use.
        line: Its line, 1-based.
        function: The function around, by its full name; the module's name for none.
        code: The code of the rule that rejects it, or ``None``.
    """

    provider: str
    way: str
    path: str
    line: int
    function: str
    code: str | None


@dataclass(frozen=True, slots=True)
class Survey:
    """The providers and uses in one module.

    Attributes:
        module: The full name of the module.
        path: Its file.
        providers: Those that it defines.
        uses: Those that it makes.
    """

    module: str
    path: str
    providers: tuple[Provider, ...]
    uses: tuple[Used, ...]

    def encode(self) -> str:
        """One line of JSON; ``decode`` reads it again."""
        return json.dumps({_KEY: asdict(self)})


def is_survey(text: str) -> bool:
    """Whether a message is one that ``Survey.encode`` wrote."""
    return text.startswith(f'{{"{_KEY}":')


def decode(text: str) -> Survey:
    """The survey that a message holds.

    Raises:
        ValueError: It holds none.
    """
    fields = json.loads(text)
    if not isinstance(fields, dict) or _KEY not in fields:
        raise ValueError(f"not a survey: {text[:80]!r}")
    found: dict[str, Any] = fields[_KEY]
    return Survey(
        found["module"],
        found["path"],
        tuple(map(_provider, found["providers"])),
        tuple(Used(**each) for each in found["uses"]),
    )


def _provider(fields: dict[str, Any]) -> Provider:
    place = Place(**fields.pop("place"))
    imports = tuple((module, name) for module, name in fields.pop("imports"))
    return Provider(place=place, imports=imports, **fields)
