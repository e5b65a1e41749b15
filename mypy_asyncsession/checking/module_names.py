"""Names of modules, and of the files that they are in."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from mypy_asyncsession.checking.files import EXTENSIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def prefixes(name: str) -> Iterator[str]:
    """A full name, and those of the packages around it, from the outside."""
    at = name.find(".")
    while at >= 0:
        yield name[:at]
        at = name.find(".", at + 1)
    yield name


def stem(path: str) -> str:
    """The last part of the name of the module in a file."""
    name = os.path.basename(path)
    for extension in EXTENSIONS:
        name = name.removesuffix(extension)
    return name.replace(".", "-")  # a dot would make a package of what is before it


def joined(package: str, name: str) -> str:
    """The full name of a module in a package."""
    if name == "__init__" and package:
        return package
    return f"{package}.{name}" if package else name


def is_init(path: str) -> bool:
    """Whether a file is that of a package itself."""
    return os.path.basename(path).startswith("__init__.")


def precedence(path: str) -> tuple[bool, bool, str]:
    """By what files of one name are ordered: the first of them keeps it."""
    return not is_init(path), not path.endswith(".pyi"), path


def depth(folder: str, base: str) -> int:
    """How many directories *folder* is below *base*."""
    return 0 if folder == base else os.path.relpath(folder, base).count(os.sep) + 1


def unused(name: str, taken: Iterable[str]) -> str:
    """A name like *name* that no import statement can name."""
    taken = set(taken)
    number = 2
    while f"{name}-{number}" in taken:
        number += 1
    return f"{name}-{number}"
