"""mypy's table of modules, whose trees say where their files are in this build.

A tree that mypy has cached says where its file was when it was built. Where the same text is found
elsewhere mypy takes it as it is: a draft that was checked in place of a file, and is the file now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy.nodes import MypyFile


class LoadedModules:
    """The modules that mypy has loaded."""

    def __init__(self, modules: Mapping[str, MypyFile], paths: Mapping[str, str | None]) -> None:
        """Begin with what is loaded by now.

        Args:
            modules: mypy's table, which it goes on filling.
            paths: Where the modules are that are built, by their names.
        """
        self._modules = modules
        self._paths = paths

    def get(self, module: str) -> MypyFile | None:
        """The tree of a module, or ``None``."""
        tree = self._modules.get(module)
        if tree is not None:
            path = self._paths.get(module)
            if path and tree.path != path:
                tree.path = path
        return tree

    def __contains__(self, module: object) -> bool:
        return module in self._modules

    def __getitem__(self, module: str) -> MypyFile:
        tree = self.get(module)
        if tree is None:
            raise KeyError(module)
        return tree
