"""What may be in the folder of a package, without a look for each name that is no module."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class PackageFolders:
    """The folders of packages, each listed once."""

    def __init__(self, listdir: Callable[[str], list[str]], paths: Mapping[str, str]) -> None:
        """Begin with nothing listed.

        Args:
            listdir: Lists a folder.
            paths: The paths of the modules that are known.
        """
        self._listdir = listdir
        self._paths = dict(paths)
        self._listed: dict[str, set[str]] = {}

    def take(self, module: str, path: str) -> str:
        """Take in where a module is; its path."""
        self._paths[module] = path
        return path

    def may_hold(self, module: str) -> bool:
        """Whether a module may be in the package around it, so that it pays to look for it."""
        parent, _, name = module.rpartition(".")
        package = self._paths.get(parent)
        if package is None:
            return True
        folder, file = os.path.split(package)
        if file not in ("__init__.py", "__init__.pyi"):
            return False
        if "-stubs" in folder:  # what it leaves out is in the package itself
            return True
        names = self._listed.get(folder)
        if names is None:
            found = self._listdir(folder)
            names = self._listed[folder] = {each.partition(".")[0] for each in found}
        return name in names
