"""What there is to say of a provider, in Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.survey import WAYS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_asyncsession.audit.inventory import Row
    from mypy_asyncsession.survey import Provider


_DEPENDS: Final = "{name}: Annotated[{holds}, Depends({provider})]"
_ENTER: Final = "with {provider}() as {name}:"

#: How a provider of each shape is used, and what it holds where that is not known.
_RIGHT_USES: Final[Mapping[Shape, tuple[str, str]]] = {
    Shape.ASYNC_GENERATOR: (_DEPENDS, "AsyncSession"),
    Shape.GENERATOR: (_DEPENDS, "Session"),
    Shape.ASYNC_CONTEXT_MANAGER: (f"async {_ENTER}", ""),
    Shape.CONTEXT_MANAGER: (_ENTER, ""),
    Shape.SESSION: (f"async {_ENTER}", ""),
    Shape.SYNC_SESSION: (_ENTER, ""),
    Shape.COROUTINE: ("{name} = await {provider}()", ""),
}


def described(row: Row, bound: str | None = None) -> str:
    """A provider: what it is, how to use it, its annotation, what it uses, how it is used.

    Args:
        row: The provider and its uses.
        bound: The name that its session is bound to, where that is asked about.
    """
    provider = row.provider
    subject = f"`{bound}` comes from `{provider.name}`, " if bound else f"`{provider.name}` is "
    lines = [f"{subject}{provider.gives}.", ""]
    use = right_use(provider, bound)
    if use is not None:
        lines += ["```python", use, "```", ""]
    lines.append(f"Made in `{provider.module}`, {provider.place.path}:{provider.place.line}.")
    lines.append(_annotation(provider))
    if row.delegates:
        lines.append(f"It uses {', '.join(f'`{name}`' for name in row.delegates)}.")
    lines.append(counted(row))
    return "\n\n".join(filter(None, ["\n".join(lines[:-3]), *lines[-3:]])).replace("\n\n\n", "\n\n")


def counted(row: Row) -> str:
    """How often it is used in which way, and how often wrongly."""
    parts = [f"{way} {row.count(way)}" for way in WAYS if row.count(way)]
    wrong = sum(use.code is not None for use in row.uses)
    if wrong:
        parts.append(f"{wrong} wrong")
    return ", ".join(parts) if parts else "not used"


def _annotation(provider: Provider) -> str:
    if provider.annotated == "precise":
        return f"Annotated as `{provider.written}`."
    said = (
        "It has no return annotation"
        if provider.annotated == "missing"
        else f"Its annotation, `{provider.written}`, is {provider.annotated}"
    )
    return f"{said}; right is `{provider.right}`." if provider.right else f"{said}."


def right_use(provider: Provider, bound: str | None = None) -> str | None:
    """How to use it, in one line of code."""
    use = _RIGHT_USES.get(Shape(provider.shape))
    if use is None:
        return None
    pattern, holds = use
    name, held = bound or "session", provider.holds or holds
    return pattern.format(name=name, provider=provider.name, holds=held)
