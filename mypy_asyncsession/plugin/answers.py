"""What is said of a module that was gone through in its sources."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from mypy.nodes import Decorator

if TYPE_CHECKING:
    from mypy.nodes import FuncDef

    from mypy_asyncsession.plugin.ignore_comments import IgnoreComment
    from mypy_asyncsession.plugin.report import Report


class Facts(NamedTuple):
    """What others may read in the bodies of a module.

    Attributes:
        module: The module.
        facts: It, as ``ModulePass.facts`` says it; ``None`` where the source is not known.
        silent: Those of its functions that give no session, by their names in the module; of the
            others it is not known.
    """

    module: str
    facts: str | None
    silent: frozenset[str]


class Found(NamedTuple):
    """What is wrong in a module.

    Attributes:
        module: The module.
        reports: What was found; ``None`` where it is for mypy to decide.
        leaned: The modules that the answer leaned on.
        comments: Those of our own in it; ``None`` if its source is not known.
    """

    module: str
    reports: list[Report] | None
    leaned: set[str]
    comments: list[IgnoreComment] | None


class Leading(NamedTuple):
    """What may have to do with a provider.

    Attributes:
        read: The modules that were read to find out.
        modules: Those among them that may.
        functions: The names of functions that may give one, each with its module. Functions that
            mypy has from its cache have no line.
    """

    read: frozenset[str]
    modules: frozenset[str]
    functions: frozenset[tuple[str, str]]

    def may_give(self, node: Decorator | FuncDef) -> bool:
        """Whether a function may give a provider; true of one of a module that was not read."""
        function = node.func if isinstance(node, Decorator) else node
        module = function.fullname
        while module and module not in self.read:
            module = module.rpartition(".")[0]
        return not module or (module, function.name) in self.functions


class Answers(Protocol):
    """Says what is found in the sources of modules, by whichever process goes through them."""

    def may_give(self, node: Decorator | FuncDef) -> bool:
        """Whether a function may give a provider, as far as is known by now."""

    def facts(self, module: str) -> Facts:
        """What others may read in the bodies of a module."""

    def found(self, module: str) -> Found | None:
        """What is wrong in a module; ``None`` if its source is not known."""
