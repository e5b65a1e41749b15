"""What there is to say of a provider, in Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy_asyncsession.survey import WAYS

if TYPE_CHECKING:
    from mypy_asyncsession.audit.inventory import Row
    from mypy_asyncsession.survey import Provider


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
    name = bound or "session"
    call = f"{provider.name}()"
    shape = provider.shape
    if shape == "an async generator":
        return f"{name}: Annotated[{provider.holds or 'AsyncSession'}, Depends({provider.name})]"
    if shape == "an async context manager":
        return f"async with {call} as {name}:"
    if shape in {"a context manager", "a sync context manager"}:
        return f"with {call} as {name}:"
    if shape == "a coroutine":
        return f"{name} = await {call}"
    if shape == "a session":
        return f"async with {call} as {name}:"
    if shape == "a sync session":
        return f"with {call} as {name}:"
    if shape in {"a generator", "a sync generator"}:
        return f"{name}: Annotated[{provider.holds or 'Session'}, Depends({provider.name})]"
    return None
