"""What may be given in the place of something that leads to a provider."""

from __future__ import annotations

from typing import Final

from mypy.nodes import CallExpr, ClassDef, Decorator, FuncDef, NameExpr

from mypy_asyncsession.semantic.call_sites import last_name
from mypy_asyncsession.semantic.leading_values import LeadingValues
from mypy_asyncsession.semantic.mentions import CATCHING, Unit, signature_of
from mypy_asyncsession.semantic.syntax import definition_of, returned

#: What may fail, and leave a session failed.
_FLUSHING: Final = ("commit", "flush")
#: What may end a transaction.
_COMMITTING: Final = ("begin", "commit")


class StandIns(LeadingValues):
    """What is known of calls and classes that take an object for another one."""

    def _concern_mixtures(self) -> None:
        """Look at classes that take members from several others, one of which has a provider."""
        owning = set().union(*self._owners.values())
        for module in self._modules.values():
            for unit in module.units:
                if not isinstance(unit.node, ClassDef) or len(unit.node.base_type_exprs) < 2:
                    continue
                if not owning.isdisjoint(self._family(unit.node.name)):
                    self._concern(unit)

    def _concern_wrapped(self) -> None:
        """Look at functions whose decorator may give them something that leads to a provider."""
        for name, functions in self._by_name.items():
            if not any(id(each) in self._nodes and _has_inner(each) for each in functions):
                continue
            for unit in self._mentions.get(name, ()):
                if isinstance(unit.node, Decorator):
                    self._concern(unit)

    def _concern_catching(self) -> None:
        """Look at coroutines that catch what others raise that flush.

        A session that such a one leaves failed need not be mentioned where that is swallowed.
        """
        flushing = {
            function.name
            for word in _FLUSHING
            for unit in self._mentions.get(word, ())
            if (function := definition_of(unit.node)) is not None and function.is_coroutine
        }
        for name in flushing:
            for unit in self._mentions.get(name, ()):
                function = definition_of(unit.node)
                if CATCHING in unit.words and function is not None and function.is_coroutine:
                    self._concern(unit)

    def _concern_given_expired(self) -> None:
        """Look at coroutines that call what returns something once it has committed.

        What is returned has expired then, be the session mentioned by the caller or not.
        """
        committing = {
            function.name
            for word in _COMMITTING
            for unit in self._mentions.get(word, ())
            if (function := definition_of(unit.node)) is not None
            and function.is_coroutine
            and any(isinstance(each, NameExpr) for each in returned(function))
        }
        for name in committing:
            for unit in self._mentions.get(name, ()):
                function = definition_of(unit.node)
                if function is not None and function.is_coroutine:
                    self._concern(unit)

    def _concern_stand_ins(self) -> None:
        """Look at calls that may give an object in the place of one that has a provider.

        What stands in for a protocol may be anything, and so may what a parameter without an
        annotation is given; for another class, it is of a third one.
        """
        self._concern_wrapped()
        classes = {
            unit.node.name
            for module in self._modules.values()
            for unit in module.units
            if isinstance(unit.node, ClassDef)
        }
        # The classes that have something under the name of a provider.
        holding = {
            klass
            for name in self._owners
            for klass in self._having.get(name, ())
            if klass in classes
        }
        for name, functions in self._by_name.items():
            expected = {
                klass
                for function in functions
                for signature in [signature_of(function)]
                if signature is not None
                for type_ in signature.arg_types
                for klass in holding.intersection(self._names_in(type_))
            }
            if not expected:
                if any(map(_takes_anything, functions)):
                    others = holding - {name}
                    for unit in self._mentions.get(name, ()):
                        if not others.isdisjoint(unit.words) and _calls(unit, name):
                            self._taking.add(name)
                            self._concern(unit)
                continue
            self._taking.add(name)
            others = holding - expected
            is_open = any("Protocol" in self._family(klass) for klass in expected)
            for unit in self._mentions.get(name, ()):
                if definition_of(unit.node) in functions:
                    continue
                if is_open or not others.isdisjoint(unit.words):
                    self._concern(unit)


def _has_inner(function: FuncDef) -> bool:
    """Whether a function defines one, as a decorator does."""
    return any(definition_of(each) is not None for each in function.body.body)


def _takes_anything(function: FuncDef) -> bool:
    """Whether a function has parameters, besides what it is bound to, and annotates none."""
    own = [each for each in function.arguments if each.variable.name not in ("cls", "self")]
    return bool(own) and signature_of(function) is None


def _calls(unit: Unit, name: str) -> bool:
    """Whether a unit gives something to what has a name."""
    return any(
        isinstance(node, CallExpr) and node.args and last_name(node.callee) == name
        for node in unit.flows
    )
