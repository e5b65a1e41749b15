"""What libraries do, a file each: the full names that must be known, and nothing else."""

from __future__ import annotations

from typing import Final

#: The packages some of whose functions are known by name.
READ_BY_NAME: Final = frozenset(
    {
        "abc",
        "async_generator",
        "asyncio",
        "attr",
        "attrs",
        "builtins",
        "contextlib",
        "dataclasses",
        "fastapi",
        "functools",
        "inspect",
        "mypy_asyncsession",
        "pydantic",
        "sqlalchemy",
        "typing",
        "typing_extensions",
    }
)
