"""Which definitions of a program may have to do with a provider, told by names alone.

A provider cannot be got at without its name being written, or the name of something that leads to
it: an import, a variable, an attribute, a function that returns it. So what leads to one is found
first, from the names of libraries and from what yields, decorates and returns; and what mentions
none of it holds nothing to report, and need not be interpreted.

Names of modules are resolved through imports. Attributes are told apart by the class that sets
them where ``self`` has them; of other objects, what most classes have under a name counts, and
else what a class near by has.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    AssignmentExpr,
    AssignmentStmt,
    CallExpr,
    ClassDef,
    Decorator,
    DictionaryComprehension,
    ForStmt,
    FuncDef,
    GeneratorExpr,
    IndexExpr,
    ListExpr,
    MemberExpr,
    MypyFile,
    NameExpr,
    StarExpr,
    TupleExpr,
    TypeAliasStmt,
    WithStmt,
)

from mypy_asyncsession.semantic.call_sites import last_name
from mypy_asyncsession.semantic.leading_answers import LeadingAnswers
from mypy_asyncsession.semantic.leading_modules import ReadModule, hands_on, relationships
from mypy_asyncsession.semantic.leading_names import (
    ACTING,
    HOLDERS,
    PLAIN_MANAGERS,
    SPECIAL_METHODS,
)
from mypy_asyncsession.semantic.leading_values import by_string
from mypy_asyncsession.semantic.mentions import (
    ASYNC_BLOCK,
    ENTERED,
    GLOBAL,
    METADATA,
    OVER,
    YIELDING,
    Unit,
    is_open,
    signature_of,
)
from mypy_asyncsession.semantic.syntax import (
    definition_of,
    returned,
    walk,
    yields,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from mypy.nodes import Expression, Node

#: The methods that a call of a class, or of an object, is a call of.
_CALLED: Final = frozenset({"__call__", "__init__"})
_ME: Final = frozenset({"cls", "self"})


class Leads(LeadingAnswers):
    """What leads to a provider in a program, and what mentions it."""

    def add(self, tree: MypyFile) -> None:
        """Read a module."""
        self._modules[tree.fullname] = ReadModule(tree)

    def may_lead(self, expression: Expression, unit: Unit) -> bool:
        """Whether the value of an expression of a unit may be a provider, or hold one."""
        return self._leads(expression, unit)

    def may_matter(self, call: CallExpr, unit: Unit) -> bool:
        """Whether a call in a unit may give a provider, be given one, or what stands in for one."""
        return (
            last_name(call.callee) in self._taking
            or self._leads(call.callee, unit)
            or any(self._leads(each, unit) for each in call.args)
        )

    def follow(
        self,
        declared: Mapping[str, Iterable[str]] | None = None,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> None:
        """Find what leads to a provider, once all modules are read.

        Args:
            declared: By module, the names of functions in it that are declared to give something
                by a stub: ``Database.session``.
            meanwhile: Called now and then.
        """
        for module in self._modules.values():
            for name, origins in module.imports.items():
                for base, original in origins:
                    if original is not None:
                        self._importing[base, original].append((module.name, name))
            for star in module.stars:
                self._importing_all[star].append(module.name)
            for unit in module.units:
                for node in unit.definitions():
                    self._by_node[id(node)] = unit
                for word in unit.words:
                    self._mentions[word].append(unit)
                self._define_all(unit)
        for module in self._modules.values():
            meanwhile()
            for unit in module.units:
                self._begin(unit)
        self._lead_declared(declared or {})
        marks = {ASYNC_BLOCK, METADATA, *self._seeds, *ACTING}
        for word, mentioning in self._mentions.items():
            if word in marks or (
                (word.startswith(OVER) and word[len(OVER) :] in self._coroutines)
                or (word.startswith(ENTERED) and self._is_odd(word[len(ENTERED) :]))
            ):
                for unit in mentioning:
                    self._concern(unit)
                    self._push(unit)
        for name in relationships(self._modules.values()):
            for unit in self._mentions.get(name, ()):
                # What a function has loaded may be read by one that mentions no session.
                function = definition_of(unit.node)
                if function is not None and function.is_coroutine:
                    self._concern(unit)
        for (base, original), importing in list(self._importing.items()):
            if original in self._seeds and base not in self._modules:
                for home, name in importing:
                    self._lead(home, name)
        while (following := self._next()) is not None:
            self._flow(following)
            meanwhile()
        self._concern_mixtures()
        self._concern_catching()
        self._concern_given_expired()
        self._concern_stand_ins()

    def _is_odd(self, name: str) -> bool:
        """Whether entering what a call gives may be wrong, by the name of what is called."""
        own = name.removeprefix(".")
        return own in self._coroutines or not (own in self._own or name in PLAIN_MANAGERS)

    def _define_all(self, unit: Unit) -> None:
        if isinstance(unit.node, ClassDef):
            self._own.add(unit.node.name)
            for base in unit.node.base_type_exprs:
                expression = base.base if isinstance(base, IndexExpr) else base
                name = last_name(expression)
                if name is not None:
                    self._bases[unit.node.name].add(name)
        for node in unit.flows:
            if isinstance(node, FuncDef):
                self._own.add(node.name)
                self._defined[unit.module, node.name].append((node, unit))
                self._by_name[node.name].append(node)
                if node.name == "__init__" and unit.klass is not None:
                    self._by_name[unit.klass].append(node)
                if unit.defines(node):
                    self._having[node.name].add(unit.klass or unit.module)
                if node.is_coroutine:
                    self._coroutines.add(node.name)
                if hands_on(node, unit):
                    self._handing.add(node.name)
            elif isinstance(node, AssignmentStmt) and unit.klass is not None:
                for target in node.lvalues:
                    if isinstance(target, MemberExpr) or (
                        isinstance(target, NameExpr) and isinstance(unit.node, ClassDef)
                    ):
                        self._having[target.name].add(unit.klass)

    def _begin(self, unit: Unit) -> None:
        """Begin with the providers that are such by what they are."""
        asks = not unit.words.isdisjoint(self._dependencies)
        for node in unit.flows:
            if isinstance(node, FuncDef):
                signature = signature_of(node)
                if (YIELDING in unit.words and yields(node)) or (
                    signature is not None
                    and not HOLDERS.isdisjoint(self._names_in(signature.ret_type))
                ):
                    self._lead_function(node, unit)
                if asks and self._has_dependency(node):
                    self._inject(node, unit)
        if isinstance(unit.node, ClassDef):
            for method in filter(None, map(definition_of, unit.node.defs.body)):
                if method.name in SPECIAL_METHODS:
                    self._lead(unit.module, unit.node.name)

    def _inject(self, function: FuncDef, unit: Unit) -> None:
        """Take in that FastAPI is to fill in a parameter of a function, or of one inside it."""
        outermost = definition_of(unit.node) or function
        if outermost.name in _CALLED and unit.klass is not None:
            self._lead(unit.module, unit.klass)
        self._lead_function(function, unit)
        self._lead_function(outermost, unit)

    def _depend(self, name: str, unit: Unit) -> None:
        if name not in self._dependencies:
            self._dependencies.add(name)
            self._leading += 1
            for each in self._mentions.get(name, ()):
                self._push(each)
        self._lead(unit.module, name)

    def _flow(self, unit: Unit) -> None:
        """Follow values through a unit that mentions what may lead to a provider."""
        if id(unit.node) not in self._nodes:
            if not unit.local and not self._mentions_one(unit):
                return
            self._concern(unit)
        size = -1
        while len(unit.local) + self._leading > size:
            size = len(unit.local) + self._leading
            for node in unit.flows:
                self._step(node, unit)

    def _mentions_one(self, unit: Unit) -> bool:
        if unit.named is None:
            unit.named = defaultdict(list)
            for node in walk(unit.node) if not isinstance(unit.node, (ClassDef, MypyFile)) else ():
                if isinstance(node, (MemberExpr, NameExpr)):
                    unit.named[node.name].append(node)
                elif isinstance(node, (CallExpr, IndexExpr)):
                    named = by_string(node)
                    if named is not None:
                        unit.named[named.name].append(named)
        leads = self._modules[unit.module].leads
        for word in unit.words:
            if word in leads:
                return True
            if word in self._owners:
                found = unit.named.get(word)
                function = definition_of(unit.node)
                if function is not None and function.name == word:
                    # It may take the place of one that leads to a provider, or the reverse.
                    if not self._owners[word].isdisjoint(self._family(unit.klass or unit.module)):
                        return True
                elif found is None and (
                    # In an annotation, in a string, or in the body of a class.
                    isinstance(unit.node, (ClassDef, MypyFile)) or self._is_near(word, unit)
                ):
                    return True
                if found is not None and any(self._leads(each, unit) for each in found):
                    return True
        return False

    def _step(self, node: Node, unit: Unit) -> None:
        if isinstance(node, AssignmentStmt):
            self._assign(node, unit)
        elif isinstance(node, CallExpr):
            self._give(node, unit)
        elif isinstance(node, FuncDef):
            self._of_function(node, unit)
        elif isinstance(node, WithStmt):
            for entered, bound in zip(node.expr, node.target, strict=False):
                if bound is not None and self._leads(entered, unit):
                    self._bind(bound, unit)
        elif isinstance(node, ForStmt):
            if self._leads(node.expr, unit):
                self._bind(node.index, unit)
        elif isinstance(node, AssignmentExpr):
            if self._leads(node.value, unit):
                self._bind(node.target, unit)
        elif isinstance(node, (GeneratorExpr, DictionaryComprehension)):
            for index, sequence in zip(node.indices, node.sequences, strict=False):
                if self._leads(sequence, unit):
                    self._bind(index, unit)
        elif isinstance(node, ClassDef):
            methods = filter(None, map(definition_of, node.defs.body))
            if any(self._leads(each, unit) for each in node.base_type_exprs) or any(
                method.name in _CALLED and self._has_dependency(method) for method in methods
            ):
                self._lead(unit.module, node.name)
        elif isinstance(node, TypeAliasStmt):
            self._bind(node.name, unit)

    def _assign(self, node: AssignmentStmt, unit: Unit) -> None:
        if isinstance(unit.node, (ClassDef, MypyFile)) and self._is_dependency(node.rvalue):
            if isinstance(unit.node, ClassDef) and isinstance(node.rvalue, CallExpr):
                # A field of a dataclass.
                self._lead(unit.module, unit.node.name)
            for target in node.lvalues:
                if isinstance(target, NameExpr):
                    self._depend(target.name, unit)
            if isinstance(unit.node, ClassDef):
                self._lead(unit.module, unit.node.name)  # it may be a field of a dataclass
        written = node.unanalyzed_type
        if written is not None and not self._is_open(written):
            leading = self._are_leading(written, unit)
        else:
            leading = self._leads(node.rvalue, unit)
        if leading:
            for target in node.lvalues:
                self._bind(target, unit)

    def _bind(self, target: Node, unit: Unit) -> None:
        if isinstance(target, NameExpr):
            if isinstance(unit.node, MypyFile):
                self._lead(unit.module, target.name)
            elif isinstance(unit.node, ClassDef):
                self._lead_member(target.name, unit.node.name, unit.module)
            else:
                unit.local.add(target.name)
                # It may be ``global``.
                if GLOBAL in unit.words:
                    self._lead(unit.module, target.name)
        elif isinstance(target, MemberExpr):
            me = isinstance(target.expr, NameExpr) and target.expr.name in _ME
            if unit.klass is not None and me:
                self._lead_member(target.name, unit.klass, unit.module)
            else:
                self._lead_member(target.name, f"{unit.module}:", unit.module)
        elif isinstance(target, IndexExpr):
            self._bind(target.base, unit)
        elif isinstance(target, StarExpr):
            self._bind(target.expr, unit)
        elif isinstance(target, (TupleExpr, ListExpr)):
            for item in target.items:
                self._bind(item, unit)

    def _of_function(self, function: FuncDef, unit: Unit) -> None:
        """Take in what a function is given by its annotations and defaults, and what it gives."""
        signature = signature_of(function)
        for position, argument in enumerate(function.arguments):
            if (
                signature is not None and self._are_leading(signature.arg_types[position], unit)
            ) or (argument.initializer is not None and self._leads(argument.initializer, unit)):
                unit.local.add(argument.variable.name)
        if self._has_dependency(function):
            self._inject(function, unit)
        if (
            (signature is not None and self._are_leading(signature.ret_type, unit))
            or (
                (signature is None or is_open(signature.ret_type))
                and any(self._leads(each, unit) for each in returned(function))
            )
            or (
                isinstance(unit.node, Decorator)
                and unit.node.func is function
                and any(self._leads(each, unit) for each in unit.node.original_decorators)
            )
        ):
            self._lead_function(function, unit)

    def _give(self, call: CallExpr, unit: Unit) -> None:
        """Take in what a function of the same module is given."""
        for function, inside in self._defined.get((unit.module, last_name(call.callee) or ""), ()):
            signature = signature_of(function)
            names = [each.variable.name for each in function.arguments]
            for position, (argument, keyword) in enumerate(
                zip(call.args, call.arg_names, strict=False)
            ):
                given = {keyword} if keyword in names else set(names[position : position + 2])
                if signature is not None:
                    given = {
                        each.variable.name
                        for each, type_ in zip(function.arguments, signature.arg_types, strict=True)
                        if each.variable.name in given and is_open(type_)
                    }
                if not inside.local.issuperset(given) and self._leads(argument, unit):
                    inside.local.update(filter(None, given))
                    if inside is not unit:
                        self._push(inside)
