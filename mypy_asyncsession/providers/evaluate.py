"""What an expression may be: an abstract evaluation over mypy's trees.

The evaluator follows names to their definitions and reads what these do, so that an unannotated
getter is as clear as an annotated one. Where mypy knows a type, the two are put together: the
type settles what flow and generics decide, the definition wins over an annotation that it
contradicts.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from mypy.nodes import (
    ArgKind,
    AssignmentExpr,
    AwaitExpr,
    Block,
    CallExpr,
    CastExpr,
    ClassDef,
    ConditionalExpr,
    Decorator,
    DictExpr,
    Expression,
    FuncDef,
    GeneratorExpr,
    IndexExpr,
    IntExpr,
    LambdaExpr,
    ListExpr,
    MemberExpr,
    MypyFile,
    NameExpr,
    OpExpr,
    OverloadedFuncDef,
    RefExpr,
    ReturnStmt,
    SetExpr,
    StrExpr,
    SuperExpr,
    TupleExpr,
    TypeInfo,
    Var,
    YieldExpr,
)
from mypy.types import (
    CallableType,
    Instance,
    Overloaded,
    ProperType,
    Type,
    TypeVarType,
    UnionType,
    get_proper_type,
)
from mypy.typevars import fill_typevars

from mypy_asyncsession.providers import by_name, known
from mypy_asyncsession.providers.combine import (
    UNMISTAKABLE,
    combine,
    combine_result,
    is_none,
    is_opaque,
)
from mypy_asyncsession.providers.from_types import Types, informative
from mypy_asyncsession.providers.identity import identity, is_general, relevant
from mypy_asyncsession.providers.memo import Frame, Known
from mypy_asyncsession.providers.scopes import Scope, reaching
from mypy_asyncsession.providers.shapes import Can, Shape
from mypy_asyncsession.providers.syntax import (
    always_raises,
    children,
    definition_of,
    is_stub_body,
    returned,
    statements,
    walk,
    yields,
)
from mypy_asyncsession.providers.values import (
    RECURSIVE,
    UNKNOWN,
    UNSURE,
    Alias,
    BoundMethod,
    Class,
    Container,
    Function,
    Literal,
    Managed,
    Module,
    Named,
    Origin,
    Returns,
    Thing,
    TypedCallable,
    Value,
    Wraps,
    either,
    enterable,
    fullname,
    mapped,
    members,
    thing,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mypy.nodes import FuncItem, Node, SymbolNode

    from mypy_asyncsession.providers.declared import Declared
    from mypy_asyncsession.providers.memo import Lasting
    from mypy_asyncsession.providers.names import Binding
    from mypy_asyncsession.providers.program import Program, Source

Where = tuple[tuple[int, int], ...] | None

#: How many calls deep the evaluation goes before it says that it does not know.
CALLS = 10
#: How many arguments of a call are looked at.
ARGUMENTS = 6
#: How many expressions deep it goes.
NESTING = 60
#: How many expressions it looks at to find out about one.
STEPS = 4000
#: The methods of generators and managers that are read by name, whatever class has them.
PROTOCOL_METHODS = frozenset(
    {"__aenter__", "__enter__", "__anext__", "__next__", "__aiter__", "__iter__", "asend", "send"}
)


class Evaluator:
    """Evaluates expressions of one program.

    Attributes:
        program: Where definitions are looked up.
        types: Reads mypy's types.
        declared: Reads overlays, which count as annotations of the functions that they name.
        inferred: mypy's types of the expressions of the module at hand.
        recovered: Expressions whose type in ``inferred`` is what we told mypy, not what it found.
        definitions_first: Whether what a definition says goes before a type. dmypy re-checks a
            function before the import that it depends on, and leaves it a type of the past.
        frame: What the evaluation at hand has come across.
        thorough: Whether nothing is taken for settled that could also be read, and nothing is
            known for good: slower, and to the same end.
    """

    thorough: ClassVar[bool] = False

    def __init__(
        self,
        program: Program,
        types: Types,
        declared: Declared | None = None,
        lasting: Lasting | None = None,
    ) -> None:
        """Begin with nothing evaluated.

        Args:
            program: Where definitions are looked up.
            types: Reads mypy's types.
            declared: Reads overlays.
            lasting: What is known whichever module is at hand, for as long as no definition
                changes; ``None`` where definitions do.
        """
        self.program = program
        self.types = types
        self.declared = declared
        self.inferred: Mapping[Expression, Type] = {}
        self.recovered: Mapping[Expression, Type] = {}
        self.definitions_first = False
        self._busy: set[tuple[object, ...]] = set()
        self._memo: dict[tuple[object, ...], Known] = {}
        self._lasting = None if self.thorough else lasting
        self.frame = Frame()
        self._ask = False
        self._calls = 0
        self._depth = 0
        self._steps = 0

    def reset(
        self, inferred: Mapping[Expression, Type], recovered: Mapping[Expression, Type]
    ) -> None:
        """Begin with another module.

        Args:
            inferred: mypy's types of its expressions.
            recovered: What mypy found where a hook gave it another type.
        """
        self.inferred = inferred
        self.recovered = recovered
        self._memo.clear()
        self.frame = Frame()
        if self._lasting is None:
            self.types.forget()

    @contextmanager
    def past_probes(self) -> Iterator[None]:
        """Evaluate what the code asks about at run time too, which else counts as not known."""
        if self._ask:
            yield
            return
        memo, self._memo, self._ask = self._memo, {}, True
        try:
            yield
        finally:
            self._memo, self._ask = memo, False

    # Expressions

    def value(self, expr: Expression, scope: Scope, where: Where) -> Value:
        """What *expr* may be.

        Args:
            expr: The expression.
            scope: The scope that it stands in.
            where: The blocks around it, as ``Names.places`` has them, or ``None``.
        """
        evident = self._evident(expr, scope)
        if evident is not None:
            return evident
        if self._depth == 0:
            self._steps = 0
        self._steps += 1
        frame = self.frame
        if self._depth > NESTING or self._steps > STEPS:
            frame.lasts = False
            return UNKNOWN
        self._depth += 1
        frame.depth = max(frame.depth, self._depth)
        try:
            structural = self._structural(expr, scope, where)
        finally:
            self._depth -= 1
        found = self.type_of(expr, scope.module)
        if found is None or not informative(found):
            return structural
        if structural is UNSURE:
            return UNSURE
        if self.definitions_first and isinstance(structural, (Thing, Named)):
            return structural
        return combine(structural, self.types.value(found))

    def _evident(self, expr: Expression, scope: Scope) -> Value | None:
        """What a call gives, or awaiting it, that is no provider by the word of its function.

        That word stands: see ``combine_result``. Most calls are of this kind.
        """
        if self.thorough or self.definitions_first or scope.module != self._current():
            return None
        if not isinstance(expr, (AwaitExpr, CallExpr)):
            return None
        call = expr.expr if isinstance(expr, AwaitExpr) else expr
        function = self._callee(call, scope) if isinstance(call, CallExpr) else None
        if (
            function is None
            or function.is_generator
            or function.is_coroutine is isinstance(expr, CallExpr)
            or not isinstance(function.type, CallableType)
        ):
            return None
        declared = get_proper_type(function.type.ret_type)
        if isinstance(expr, AwaitExpr) and isinstance(declared, Instance) and declared.args:
            declared = get_proper_type(declared.args[-1])
        found = get_proper_type(self.type_of(expr, scope.module)) or declared
        if isinstance(declared, Instance) and isinstance(found, Instance):
            plain = frozenset({Shape.OTHER}) if declared.type is found.type else frozenset()
        elif isinstance(declared, UnionType) and declared == found:
            plain = frozenset({Shape.OTHER, Shape.NONE})
        else:
            return None
        value = self.types.value(found)
        is_plain = all(isinstance(m, Thing) and m.shape in plain for m in members(value))
        return value if is_plain else None

    def _callee(self, call: CallExpr, scope: Scope) -> FuncDef | None:
        """The function or method that a call in the module at hand is of, if mypy knows."""
        callee = call.callee
        node: SymbolNode | None = None
        if isinstance(callee, RefExpr) and callee.node is not None:
            node = callee.node
        elif isinstance(callee, MemberExpr):
            owner = get_proper_type(self.type_of(callee.expr, scope.module))
            if isinstance(owner, Instance):
                entry = owner.type.get(callee.name)
                node = entry.node if entry is not None else None
        if not isinstance(node, FuncDef) or _is_read_by_name(node.fullname):
            return None
        if self.declared is not None and self.declared.names(node.fullname):
            return None
        return node

    def type_of(self, expr: Expression, module: str) -> Type | None:
        """mypy's own type of an expression of the module at hand."""
        if self.program.current is None or module != self.program.current.module:
            return None
        if expr in self.recovered:
            return self.recovered[expr]
        return self.inferred.get(expr)

    def _structural(self, expr: Expression, scope: Scope, where: Where) -> Value:
        if isinstance(expr, NameExpr):
            return self.name(expr.name, scope, where)
        if isinstance(expr, MemberExpr):
            return self._member(expr, scope, where)
        if isinstance(expr, CallExpr):
            return self._call(expr, scope, where)
        if isinstance(expr, AwaitExpr):
            coroutine = self.value(expr.expr, scope, where)
            return UNSURE if _stands_for_others(coroutine) else self.awaited(coroutine)
        if isinstance(expr, ConditionalExpr):
            return either(
                [
                    self.value(expr.if_expr, scope, where),
                    self.value(expr.else_expr, scope, where),
                ]
            )
        if isinstance(expr, OpExpr) and expr.op in ("or", "and"):
            left = self.value(expr.left, scope, where)
            right = self.value(expr.right, scope, where)
            if expr.op == "or":
                left = either([m for m in members(left) if not is_none(m)] or [right])
            return either([left, right])
        if isinstance(expr, AssignmentExpr):
            return self.value(expr.value, scope, where)
        if isinstance(expr, LambdaExpr):
            source = self.program.source(scope.module)
            path = source.path if source else ""
            return Function(expr, scope, "lambda", f"{scope.module}.<lambda>", path, expr.line)
        if isinstance(expr, DictExpr):
            pairs = [
                (key.value if isinstance(key, (StrExpr, IntExpr)) else None, value)
                for key, value in expr.items
            ]
            return Container(tuple(pairs), scope, where, is_sequence=False)
        if isinstance(expr, (ListExpr, TupleExpr, SetExpr)):
            return Container(tuple(enumerate(expr.items)), scope, where, is_sequence=True)
        if isinstance(expr, IndexExpr):
            return self._index(expr, scope, where)
        if isinstance(expr, (StrExpr, IntExpr)):
            return Literal(expr.value, expr)
        if isinstance(expr, SuperExpr):
            return self._super(expr, scope)
        if isinstance(expr, GeneratorExpr):
            return UNSURE  # mypy takes some asynchronous ones for generators
        if isinstance(expr, CastExpr):
            proper = get_proper_type(expr.type)
            return self.types.value(proper)
        return UNKNOWN

    def _index(self, expr: IndexExpr, scope: Scope, where: Where) -> Value:
        base = self.value(expr.base, scope, where)
        if fullname(base) in known.ANNOTATED:
            return Alias(expr, scope)
        if not isinstance(base, Container):
            return UNKNOWN
        if isinstance(expr.index, (StrExpr, IntExpr)):
            return self.element(base, expr.index.value)
        return either(
            [self.value(element, base.scope, base.where) for _, element in base.entries],
            exact=False,
        )

    def element(self, container: Container, key: object) -> Value:
        """What a literal holds under a key or at a position."""
        found = container.element(key)
        return UNKNOWN if found is None else self.value(found, container.scope, container.where)

    # Names

    def name(self, name: str, scope: Scope, where: Where) -> Value:
        """What a name stands for in a scope."""
        current: Scope | None = scope
        place = where
        while current is not None:
            if isinstance(current.node, ClassDef) and current is not scope:
                current = current.parent
                place = None
                continue
            if name in current.values:
                return current.values[name]
            if name not in current.names.outer:
                if current.node is not None and not isinstance(current.node, ClassDef):
                    if name in current.names.probed and not self._ask:
                        self.frame.passed_over = True
                        return UNKNOWN
                    bindings = current.names.bindings.get(name)
                    argument = _argument(current.node, name)
                    if argument is not None and not bindings:
                        return self._parameter(name, current)
                    if bindings:
                        if argument is not None:
                            live = reaching(bindings, place)
                            if place is None or live is bindings or len(live) == len(bindings):
                                return UNKNOWN if len(live) != 1 else self._bound(live, current)
                            return self._bound(live, current)
                        return self._bound(reaching(bindings, place), current)
                elif current.node is None:
                    return self.module_attribute(current.module, name, place)
                elif name in current.names.bindings:
                    return self._bound(reaching(current.names.bindings[name], place), current)
            current = current.parent
            place = None
        return UNKNOWN

    def _bound(self, bindings: list[Binding], scope: Scope) -> Value:
        values = [self.bound(binding, scope) for binding in bindings]
        if len(values) > 1:
            if all(b.kind in ("from", "import", "def", "class") for b in bindings):
                # ``try: from a import f`` / ``except ImportError: from b import f``: the first
                # that there is.
                found = [
                    (value, binding)
                    for value, binding in zip(values, bindings, strict=True)
                    if value is not UNKNOWN and not isinstance(value, Named)
                ]
                firm = [value for value, binding in found if not binding.fallback]
                values = firm or [value for value, _ in found] or values[:1]
            values = [value for value in values if not is_none(value)] or values[:1]
        return either(values, exact=False)

    def bound(self, binding: Binding, scope: Scope) -> Value:
        """What one binding gives to its name."""
        key = ("binding", id(binding), self._circumstances(scope))
        general = not key[-1]
        return self._once(key, scope.module, general, lambda: self._bind(binding, scope))

    def _once(
        self,
        key: tuple[object, ...],
        module: str,
        general: bool,
        evaluate: Callable[[], Value],
    ) -> Value:
        """Evaluate under a key: once for a module at hand, and not at all inside itself.

        Args:
            key: What is evaluated.
            module: The module that it stands in.
            general: Whether the key names all that it depends on, in whichever module that is.
            evaluate: How.
        """
        outer = self.frame
        known = self._known(key)
        if known is not None:
            outer.add(known.frame, self._calls, self._depth)
            self.program.leaned_on |= known.frame.leaned
            return known.value
        if key in self._busy:
            outer.lasts = False
            return RECURSIVE
        self._busy.add(key)
        calls, depth = self._calls, self._depth
        inner = self.frame = Frame(lasts=module != self._current(), calls=calls, depth=depth)
        leaned, self.program.leaned_on = self.program.leaned_on, inner.leaned
        try:
            value = evaluate()
        finally:
            self._busy.discard(key)
            self.frame = outer
            inner.calls -= calls
            inner.depth -= depth
            outer.add(inner, calls, depth)
            leaned |= inner.leaned
            self.program.leaned_on = leaned
        self._memo[key] = Known(value, inner)
        if general and inner.lasts and self._lasting is not None and self._settled(inner.leaned):
            self._lasting[self._ask, key] = self._memo[key]
        return value

    def _known(self, key: tuple[object, ...]) -> Known | None:
        known = self._memo.get(key)
        if known is not None or self._lasting is None:
            return known
        known = self._lasting.get((self._ask, key))
        if known is None:
            return None
        # What would be cut short here was not, where it was found.
        if self._calls + known.frame.calls > CALLS or self._depth + known.frame.depth > NESTING:
            return None
        return known

    def _settled(self, modules: set[str]) -> bool:
        """Whether mypy is done with these modules: it has let go of their trees."""
        return not any(self.program.modules[module].defs for module in modules)

    def _circumstances(self, scope: Scope) -> tuple[object, ...]:
        """What is known of the parameters around, as a key."""
        return tuple(
            (id(inner.node), name, identity(value))
            for inner in scope.chain()
            for name, value in inner.values.items()
        )

    def _bind(self, binding: Binding, scope: Scope) -> Value:
        node = binding.node
        if binding.kind == "from":
            module, name = binding.target
            assert name is not None
            return self.module_attribute(module, name, None)
        if binding.kind == "import":
            return Module(binding.target[0])
        if binding.kind == "def":
            assert node is not None
            return self.defined(node, scope)
        if binding.kind == "class":
            assert isinstance(node, ClassDef)
            return self.class_of(node, scope)
        if binding.kind == "other" or not isinstance(node, Expression):
            return UNKNOWN
        value = self.value(node, scope, binding.blocks)
        if binding.kind == "assign":
            if binding.element is None:
                return value
            if isinstance(value, Container):
                return self.element(value, binding.element)
            return UNKNOWN
        if binding.element is not None:
            return UNKNOWN
        if binding.kind in ("with", "async with"):
            return self.entered(value)
        return self.iterated(value)

    def class_of(self, node: ClassDef, scope: Scope) -> Class:
        """The class that a statement in a scope defines."""
        qualname = _qualname(scope, node.name)
        fullname = f"{scope.module}.{qualname}"
        if scope.module == self._current():
            info: SymbolNode | None = node.info
        else:
            # The tree was only parsed: its classes have no information of their own.
            info = self.program.symbol(fullname)
        if type(info) is not TypeInfo or not info.mro:
            info = None
        return Class(fullname, info, node)

    def module_attribute(self, module: str, name: str, where: Where) -> Value:
        """What *name* stands for in a module: at its end, or at *where* in its body."""
        key = ("global", module, name, where)
        return self._once(key, module, True, lambda: self._module_attribute(module, name, where))

    def _module_attribute(self, module: str, name: str, where: Where) -> Value:
        if where is None and module != self._current():
            # A class is what mypy says that it is: its module need not be read for that.
            tree = self.program.modules.get(module)
            entry = tree.names.get(name) if tree is not None else None
            if entry is not None and isinstance(entry.node, TypeInfo):
                return Class(entry.node.fullname, entry.node)
        source = self.program.source(module)
        if source is not None:
            bindings = source.scope.names.bindings.get(name)
            if bindings:
                live = reaching(bindings, where) if where is not None else _last(bindings)
                value = self._bound(live, source.scope)
                again = source.rebound().get(name) if where is None else None
                if again:
                    others = [self.bound(binding, scope) for binding, scope in again]
                    options = [v for v in (value, *others) if not is_none(v)]
                    value = either(options, exact=False)
                if value is UNKNOWN:
                    return self._symbol(module, name)
                if isinstance(value, Thing) and value.origin is None:
                    return value
                return value
            if f"{module}.{name}" in self.program.modules:
                return Module(f"{module}.{name}")
            for star in source.scope.names.stars:
                if name.startswith("_"):
                    continue
                value = self.module_attribute(star, name, None)
                if value is not UNKNOWN and not isinstance(value, Named):
                    return value
            if name in ("__name__", "__file__", "__doc__"):
                return UNKNOWN
            return self._symbol("builtins", name)
        return self._symbol(module, name)

    def _symbol(self, module: str, name: str) -> Value:
        fullname = f"{module}.{name}"
        tree = self.program.modules.get(module)
        if tree is None:
            return Named(fullname)
        entry = tree.names.get(name)
        node = entry.node if entry is not None else None
        if node is None:
            if fullname in self.program.modules:
                return Module(fullname)
            return UNKNOWN
        if isinstance(node, MypyFile):
            return Module(node.fullname)
        if isinstance(node, TypeInfo):
            return Class(node.fullname, node)
        if isinstance(node, Var):
            if node.fullname in known.ANNOTATED:
                return Named(node.fullname)  # its type is that of every special form
            if node.is_suppressed_import or not informative(node.type):
                if node.fullname and not node.fullname.startswith(module + "."):
                    return Named(node.fullname)
                return Named(fullname) if node.is_suppressed_import else UNKNOWN
            value = self.types.value(node.type)
            if isinstance(value, TypedCallable):
                return TypedCallable(value.type, self._place(node.fullname, tree))
            return value
        return self._semantic(node)

    def _semantic(self, node: object) -> Value:
        """A function of which only mypy's symbol is at hand."""
        if isinstance(node, Decorator):
            type_ = get_proper_type(node.var.type) if node.var.type is not None else None
            fullname = node.fullname
        elif isinstance(node, (FuncDef, OverloadedFuncDef)):
            type_ = get_proper_type(node.type) if node.type is not None else None
            fullname = node.fullname
        else:
            return UNKNOWN
        module, _ = self.program.split(fullname)
        tree = self.program.modules.get(module)
        if type_ is None:
            return Named(fullname)
        return TypedCallable(type_, self._place(fullname, tree, getattr(node, "line", 1)))

    def _place(self, fullname: str, tree: MypyFile | None, line: int = 1) -> Origin | None:
        if tree is None:
            return None
        _, name = self.program.split(fullname)
        return Origin(name, fullname, tree.path, line)

    def _parameter(self, name: str, scope: Scope) -> Value:
        function = scope.node
        assert function is not None and not isinstance(function, ClassDef)
        position = next(
            n for n, argument in enumerate(function.arguments) if argument.variable.name == name
        )
        argument = function.arguments[position]
        declared = self._declared(function, position, scope)
        if declared is not UNKNOWN and not is_opaque(declared):
            return declared
        owner = scope.parent.node if scope.parent is not None else None
        if position == 0 and isinstance(owner, ClassDef) and isinstance(function, FuncDef):
            assert scope.parent is not None and scope.parent.parent is not None
            klass = self.class_of(owner, scope.parent.parent)
            if function.is_class or name == "cls":
                return klass
            if not function.is_static:
                return self.instance(klass)
        if argument.initializer is not None and argument.kind in (
            ArgKind.ARG_OPT,
            ArgKind.ARG_NAMED_OPT,
        ):
            assert scope.parent is not None
            default = self.value(argument.initializer, scope.parent, None)
            if not is_none(default):
                return self._injected(argument.initializer, scope.parent, default)
        return UNKNOWN

    def _injected(self, default: Expression, scope: Scope, value: Value) -> Value:
        """A parameter's default; for ``Depends(f)`` what FastAPI puts in its place."""
        if isinstance(default, CallExpr) and default.args:
            callee = self.value(default.callee, scope, None)
            if fullname(callee) in known.DEPENDS:
                provider = self.value(default.args[0], scope, None)
                result = self.called(provider, [], scope)
                if not isinstance(result, Thing):
                    return UNKNOWN
                if result.shape in UNMISTAKABLE:
                    raw = isinstance(provider, Function) and not _drivable(provider)
                else:
                    holds = isinstance(result.item, Thing) and result.item.resource is not None
                    raw = holds and not isinstance(provider, Class)
                if raw:
                    # It is reported where it is depended on, and not at each of its uses.
                    return UNKNOWN
                return result.item if result.shape in UNMISTAKABLE else result
        return value

    def _declared(self, function: FuncItem, position: int, scope: Scope) -> Value:
        type_ = self.signature(function, scope)
        if isinstance(type_, CallableType) and position < len(type_.arg_types):
            found = type_.arg_types[position]
            if informative(found):
                return self.types.value(found)
        syntactic = function.arguments[position].type_annotation
        if syntactic is not None:
            return self.annotated(syntactic, scope.parent or scope)
        return UNKNOWN

    def annotated(self, type_: Type, scope: Scope) -> Value:
        """What an annotation says that mypy could not analyse, because a package is missing."""
        return by_name.annotated(
            type_, lambda name: self.resolve(name, scope), self.types.resources
        )

    def resolve(self, dotted: str, scope: Scope) -> str | None:
        """The full name of what a dotted name in *scope* stands for, or ``None``."""
        first, *rest = dotted.split(".")
        value = self.name(first, scope, None)
        for part in rest:
            value = self.attribute(value, part)
        return fullname(value)

    # Definitions

    def defined(self, node: Node, scope: Scope) -> Value:
        """The value of a definition, its decorators applied."""
        function = definition_of(node)
        if function is None:
            return UNKNOWN
        if isinstance(node, OverloadedFuncDef):
            first = node.items[0] if node.items else None
            if isinstance(first, Decorator) and any(
                fullname(self.value(d, scope, None)) in known.PROPERTY_DECORATORS
                for d in first.original_decorators
            ):
                return self.defined(first, scope)
            if node.impl is None or len(node.items) > 1:
                semantic = self.program.symbol(f"{scope.module}.{_qualname(scope, function.name)}")
                found = self._semantic(semantic) if semantic is not None else UNKNOWN
                if isinstance(found, TypedCallable):
                    return found
                return UNKNOWN
            return self.defined(node.impl, scope)
        source = self.program.source(scope.module)
        qualname = _qualname(scope, function.name)
        value: Value = Function(
            function,
            scope,
            qualname,
            f"{scope.module}.{qualname}",
            source.path if source else "",
            function.line,
        )
        if isinstance(node, Decorator):
            for decorator in reversed(node.original_decorators):
                value = self._decorated(decorator, value, scope)
            if value is UNKNOWN:
                semantic = (
                    node
                    if scope.module == self._current()
                    else self.program.symbol(f"{scope.module}.{qualname}")
                )
                if isinstance(semantic, Decorator) and informative(semantic.var.type):
                    found = self._semantic(semantic)
                    if isinstance(found, TypedCallable):
                        origin = Origin(
                            qualname,
                            f"{scope.module}.{qualname}",
                            source.path if source else "",
                            function.line,
                        )
                        return TypedCallable(found.type, origin)
        return value

    def _current(self) -> str | None:
        return self.program.current.module if self.program.current is not None else None

    def _decorated(self, decorator: Expression, value: Value, scope: Scope) -> Value:
        applied = self.value(decorator, scope, None)
        name = fullname(applied)
        if name in ("builtins.staticmethod", "builtins.classmethod"):
            is_static = name == "builtins.staticmethod"
            if isinstance(value, Managed) and isinstance(value.function, Function):
                inner = replace(value.function, is_static=is_static, is_class=not is_static)
                return replace(value, function=inner)
            if isinstance(value, Function):
                return replace(value, is_static=is_static, is_class=not is_static)
        if name in known.PROPERTY_DECORATORS and isinstance(value, Function):
            return replace(value, is_property=True)
        return self.called(applied, [value], scope)

    def signature(self, function: FuncItem, scope: Scope) -> ProperType | None:
        """mypy's type of a function, or ``None`` where it has no annotation."""
        if scope.module == self._current():
            found = function.type
        elif isinstance(function, FuncDef):
            outer = scope.parent if scope.node is function else scope
            qualname = _qualname(outer, function.name) if outer is not None else function.name
            symbol = self.program.symbol(f"{scope.module}.{qualname}")
            if symbol is None:
                return None
            node = definition_of(symbol) if isinstance(symbol, OverloadedFuncDef) else symbol
            found = (
                node.func.type
                if isinstance(node, Decorator)
                else node.type
                if isinstance(node, FuncDef)
                else None
            )
        else:
            found = None
        return get_proper_type(found) if found is not None else None

    # Calls

    def _call(self, expr: CallExpr, scope: Scope, where: Where) -> Value:
        callee = self.value(expr.callee, scope, where)
        if isinstance(expr.callee, MemberExpr) and expr.callee.name == "get" and expr.args:
            mapping = self.value(expr.callee.expr, scope, where)
            key = expr.args[0]
            if isinstance(mapping, Container) and isinstance(key, (StrExpr, IntExpr)):
                return self.element(mapping, key.value)
        if not any(_depends_on_arguments(member) for member in members(callee)):
            # How many there are may still count.
            return self.called(callee, [UNKNOWN for _ in expr.args], scope)
        arguments = [self.value(arg, scope, where) for arg in expr.args[:ARGUMENTS]]
        if fullname(callee) == "builtins.getattr" and len(expr.args) >= 2:
            attribute = expr.args[1]
            if isinstance(attribute, StrExpr):
                found = self.attribute(arguments[0], attribute.value)
                return found if len(expr.args) == 2 else either([found, arguments[2]])
            return UNKNOWN
        positional: list[Value] = []
        named: dict[str, Value] = {}
        for name, kind, argument in zip(expr.arg_names, expr.arg_kinds, arguments, strict=False):
            if name is not None:
                named[name] = argument
            elif kind is ArgKind.ARG_POS:
                positional.append(argument)
        if ArgKind.ARG_STAR2 in expr.arg_kinds:
            named["**"] = UNKNOWN
        return self.called(callee, positional, scope, named)

    def called(
        self,
        callee: Value,
        arguments: list[Value],
        scope: Scope,
        named: Mapping[str, Value] | None = None,
    ) -> Value:
        """What a call of *callee* with *arguments* gives."""
        return mapped(callee, lambda member: self._called(member, arguments, scope, named or {}))

    def _called(
        self, callee: Value, arguments: list[Value], scope: Scope, named: Mapping[str, Value]
    ) -> Value:
        if isinstance(callee, (Thing, TypedCallable)) and _is_ambiguous(callee.type):
            return UNSURE
        name = fullname(callee)
        if name is not None:
            special = self._special(name, arguments, named)
            if special is not None:
                return special
        if isinstance(callee, Function):
            result = self.result(callee, arguments, named)
            return mapped(result, enterable) if callee.entered else result
        if isinstance(callee, Managed):
            inner = self.called(callee.function, arguments, scope, named)
            shape = Shape.ASYNC_CONTEXT_MANAGER if callee.is_async else Shape.CONTEXT_MANAGER
            item: Value = UNKNOWN
            origin = None
            if isinstance(inner, Thing):
                item = inner.item
                origin = inner.origin
            return Thing(
                shape,
                Can.ASYNC_ENTER if callee.is_async else Can.ENTER,
                item,
                label=None,
                origin=origin,
            )
        if isinstance(callee, Returns):
            return callee.result
        if isinstance(callee, Wraps):
            wrapper = arguments[0] if arguments else UNKNOWN
            if isinstance(wrapper, Function):
                return replace(wrapper, wraps=callee.function)
            return wrapper
        if isinstance(callee, TypedCallable):
            return self._typed(callee)
        if name in known.ASYNC_SESSIONMAKERS or name in known.SESSIONMAKERS:
            made = self._sessionmaker(name, named)
            if made is not None:
                return made
        if isinstance(callee, Class):
            found = self._instantiated(callee)
            if isinstance(found, Thing) and not arguments and not named:
                return replace(found, bare=True)
            return found
        if isinstance(callee, Named):
            if name in known.ASYNC_SESSIONMAKERS or name in known.SESSIONMAKERS:
                resource = (
                    "sqlalchemy.ext.asyncio.AsyncSession"
                    if name in known.ASYNC_SESSIONMAKERS
                    else "sqlalchemy.orm.Session"
                )
                return Thing(
                    Shape.SESSIONMAKER,
                    label=callee.fullname.rpartition(".")[2],
                    item=by_name.resource(resource, self.types.resources),
                )
            if callee.fullname in self.types.resources:
                return by_name.resource(callee.fullname, self.types.resources)
            return Named(f"{callee.fullname}()")
        if isinstance(callee, BoundMethod):
            return self._protocol(callee)
        if isinstance(callee, Thing):
            if callee.shape is Shape.SESSIONMAKER and (
                callee.item is not UNKNOWN or callee.by_definition
            ):
                return callee.item
            if isinstance(callee.type, Instance):
                method = self.attribute(callee, "__call__")
                if method is not UNKNOWN:
                    return self.called(method, arguments, scope, named)
        return UNKNOWN

    def _sessionmaker(self, name: str, named: Mapping[str, Value]) -> Value | None:
        """A sessionmaker that is told which class to make: SQLAlchemy's types miss some of these.

        ``sessionmaker(engine, class_=AsyncSession)`` is how async sessions were made before
        ``async_sessionmaker``.
        """
        if "class_" not in named and "**" not in named:
            return None
        klass = named.get("class_", UNKNOWN)
        item = self.instance(klass)
        if item is UNKNOWN and isinstance(klass, (Class, Named)):
            item = by_name.resource(klass.fullname, self.types.resources)
        if isinstance(item, Thing):
            item = replace(item, by_definition=True)
        label = name.rpartition(".")[2]
        return Thing(Shape.SESSIONMAKER, item=item, label=label, by_definition=True)

    def _special(
        self, name: str, arguments: list[Value], named: Mapping[str, Value]
    ) -> Value | None:
        first = arguments[0] if arguments else UNKNOWN
        if name in known.ASYNC_CONTEXT_MANAGER_DECORATORS:
            return Managed(first, True)
        if name in known.CONTEXT_MANAGER_DECORATORS:
            return Managed(first, False)
        if name in known.PROVIDER_DECORATORS:
            return replace(first, entered=True) if isinstance(first, Function) else first
        if name in known.FIELDS:
            return named.get("default", UNKNOWN)
        if name == "functools.partial":
            if isinstance(first, Thing):  # an object that is called
                method = self.attribute(first, "__call__")
                first = method if isinstance(method, Function) else first
            if isinstance(first, Function):
                return replace(first, preset=(*first.preset, *arguments[1:]), partial=True)
            return first
        if name == "functools.wraps":
            return Wraps(first)
        if name in known.ITERATOR_MAKERS:
            return mapped(first, self.iterator)
        if name in known.TRANSPARENT:
            return first
        if name in known.ASYNC_CLOSING:
            return thing(Shape.ASYNC_CONTEXT_MANAGER, first, label="aclosing")
        if name in known.CLOSING:
            return thing(Shape.CONTEXT_MANAGER, first, label="closing")
        if name == known.NULL_CONTEXT:
            return Thing(
                Shape.ASYNC_CONTEXT_MANAGER,
                Can.ASYNC_ENTER | Can.ENTER,
                first,
                label="nullcontext",
            )
        if name in known.AWAITS_FIRST_ARGUMENT or name in known.TASK_MAKERS:
            return thing(Shape.COROUTINE, self.awaited(first), label="Coroutine")
        if name == "builtins.anext":
            return thing(Shape.COROUTINE, self.iterated(first), label="Coroutine")
        if name == "builtins.next":
            return self.iterated(first)
        return None

    def _typed(self, callee: TypedCallable) -> Value:
        type_ = callee.type
        if isinstance(type_, Overloaded):
            options = [self._typed(TypedCallable(item, callee.origin)) for item in type_.items]
            shapes = {option.shape if isinstance(option, Thing) else None for option in options}
            # Which of several shapes it is only mypy can tell.
            return either(options, exact=False) if len(shapes) == 1 else UNKNOWN
        if not isinstance(type_, CallableType):
            return UNKNOWN
        result = self.types.value(type_.ret_type)
        if isinstance(result, Thing):
            return result.made_by(callee.origin)
        return result

    def _instantiated(self, callee: Class) -> Value:
        if callee.fullname in known.ASYNC_SESSIONMAKERS and callee.info is None:
            return Thing(Shape.SESSIONMAKER, label="async_sessionmaker")
        found = self.instance(callee)
        if callee.info is None:
            return by_name.resource(callee.fullname, self.types.resources)
        return found

    def instance(self, klass: Value) -> Value:
        """An instance of a class."""
        if not isinstance(klass, Class) or klass.info is None or not klass.info.mro:
            return UNKNOWN
        filled = get_proper_type(fill_typevars(klass.info))
        if not isinstance(filled, Instance):
            return UNKNOWN
        value = self.types.value(filled)
        if isinstance(value, Thing):
            return value
        return Thing(Shape.OTHER, type=filled, label=klass.info.name)

    def result(
        self, function: Function, arguments: list[Value], named: Mapping[str, Value]
    ) -> Value:
        """What a call of *function* gives."""
        if self._calls >= CALLS:
            self.frame.lasts = False
            return UNKNOWN
        arguments = [relevant(value) for value in arguments]
        named = {name: relevant(value) for name, value in named.items()}
        key = (
            "call",
            identity(function),
            tuple(identity(value) for value in arguments),
            tuple((name, identity(value)) for name, value in named.items()),
        )
        general = is_general(function) and not any(value is not UNKNOWN for value in arguments)
        general = general and not any(value is not UNKNOWN for value in named.values())
        self._calls += 1
        self.frame.calls = max(self.frame.calls, self._calls)
        try:
            return self._once(
                key,
                function.scope.module,
                general,
                lambda: _passed_on(self._result(function, arguments, named), function),
            )
        finally:
            self._calls -= 1

    def _result(
        self, function: Function, arguments: list[Value], named: Mapping[str, Value]
    ) -> Value:
        node = function.node
        source = self.program.source(function.scope.module)
        if source is None:
            return UNKNOWN
        declared: Value = UNKNOWN
        if isinstance(node, FuncDef):
            declared = self._return_annotation(function)
            final = declared.item if isinstance(declared, Thing) and node.is_coroutine else declared
            if (
                isinstance(final, Thing)
                and final.shape is Shape.OTHER
                and not self.thorough
                and not yields(node)
            ):
                # It stands, whatever the body returns: see ``combine_result``.
                if node.is_coroutine:
                    final = thing(Shape.COROUTINE, final, label="Coroutine")
                return final.made_by(function.origin())
        scope = source.scope_in(node, function.scope)
        bound = [*function.preset, *arguments]
        formal = list(node.arguments)
        if function.receiver is not None and not function.is_static and formal:
            scope.values[formal[0].variable.name] = function.receiver
            formal = formal[1:]
        given = [
            (argument.variable.name, value)
            for argument, value in zip(formal, bound, strict=False)
            if argument.kind in (ArgKind.ARG_POS, ArgKind.ARG_OPT)
        ]
        names = {argument.variable.name for argument in formal}
        given += [(name, value) for name, value in named.items() if name in names]
        positions = [argument.variable.name for argument in node.arguments]
        for name, value in given:
            # What is given but not known is not the default, whatever that is.
            scope.values[name] = (
                self._declared(node, positions.index(name), scope) if value is UNKNOWN else value
            )
        if isinstance(node, LambdaExpr):
            results = [self.value(e, scope, None) for e in returned(node)]
            found = either(results)
            if isinstance(found, Thing) and found.origin is None:
                return found.made_by(function.origin())
            return found
        assert isinstance(node, FuncDef)
        produced = yields(node)
        if produced:
            return self._generator(function, scope, declared, node.is_coroutine)
        if node.is_coroutine:
            item = declared.item if isinstance(declared, Thing) else UNKNOWN
            # The annotation is of what is awaited; mypy wraps it into a coroutine.
            if not is_stub_body(node):
                inferred = self._returned(node, scope)
                item = combine_result(inferred, item)
            return thing(Shape.COROUTINE, item, label="Coroutine", origin=function.origin())
        if is_stub_body(node):
            if isinstance(declared, Thing):
                return declared.made_by(function.origin())
            return UNKNOWN
        inferred = self._returned(node, scope)
        result = combine_result(inferred, declared)
        if isinstance(result, Thing) and result.origin is None:
            return result.made_by(function.origin())
        return result

    def _generator(
        self, function: Function, scope: Scope, declared: Value, is_async: bool
    ) -> Value:
        shape = Shape.ASYNC_GENERATOR if is_async else Shape.GENERATOR
        agreeing = (
            (Shape.ASYNC_GENERATOR, Shape.ASYNC_ITERATOR)
            if is_async
            else (Shape.GENERATOR, Shape.ITERATOR)
        )
        item: Value = UNKNOWN
        contradicted = False
        type_ = None
        if isinstance(declared, Thing):
            if declared.shape in agreeing:
                item = declared.item
            else:
                contradicted = True
        if item is UNKNOWN:
            item = self._yielded(function.node, scope)
        return thing(
            shape,
            item,
            label="AsyncGenerator" if is_async else "Generator",
            origin=function.origin(),
            by_definition=contradicted,
            type=type_,
        )

    def _return_annotation(self, function: Function) -> Value:
        declared = self._overlaid(function)
        if declared is not UNKNOWN:
            return declared
        type_ = self.signature(function.node, function.scope)
        found: Value = UNKNOWN
        if isinstance(type_, CallableType):
            found = self.types.value(type_.ret_type)
        unanalysed = function.node.unanalyzed_type or function.node.type
        if isinstance(unanalysed, CallableType) and (
            found is UNKNOWN or (isinstance(found, Thing) and found.item is UNKNOWN)
        ):
            written = self.annotated(unanalysed.ret_type, function.scope)
            if function.node.is_coroutine and not yields(function.node):
                written = thing(Shape.COROUTINE, written)
            if isinstance(written, Thing):
                if isinstance(found, Thing) and found.shape is written.shape:
                    return replace(found, item=written.item)
                if found is UNKNOWN:
                    return written
        return found

    def _overlaid(self, function: Function) -> Value:
        """What an overlay declares of a function, as an annotation of the function itself."""
        if self.declared is None:
            return UNKNOWN
        declared = self.declared.value(function.fullname)
        if yields(function.node) and isinstance(declared, Thing):
            # A stub says what the decorated function gives.
            if declared.shape is Shape.ASYNC_CONTEXT_MANAGER:
                return thing(Shape.ASYNC_GENERATOR, declared.item)
            if declared.shape is Shape.CONTEXT_MANAGER:
                return thing(Shape.GENERATOR, declared.item)
        return declared

    def _returned(self, node: FuncItem, scope: Scope) -> Value:
        found: list[Value] = []
        for statement in statements(node.body):
            if isinstance(statement, ReturnStmt):
                if statement.expr is None:
                    return UNKNOWN
                place = scope.names.places.get(id(statement))
                found.append(self.value(statement.expr, scope, place))
        found = [value for value in found if not is_none(value)] or found
        return either(found, exact=False)

    def _yielded(self, node: FuncItem, scope: Scope) -> Value:
        found: list[Value] = []
        for statement in statements(node.body):
            place = scope.names.places.get(id(statement))
            found.extend(
                self.value(inner.expr, scope, place)
                for inner in _own_expressions(statement)
                if isinstance(inner, YieldExpr) and inner.expr is not None
            )
        return either(found, exact=False)

    # Protocols

    def awaited(self, value: Value) -> Value:
        """What awaiting *value* gives."""

        def one(member: Value) -> Value:
            if isinstance(member, Thing) and member.shape in (
                Shape.COROUTINE,
                Shape.AWAITABLE_CONTEXT_MANAGER,
            ):
                return member.item
            return UNKNOWN

        return mapped(value, one)

    def entered(self, value: Value) -> Value:
        """What entering *value* gives, if need be in the way that was meant."""

        def one(member: Value) -> Value:
            if not isinstance(member, Thing):
                return UNKNOWN
            if member.shape in (Shape.SESSION, Shape.SYNC_SESSION):
                return member
            if member.shape is Shape.COROUTINE:
                return self.entered(member.item)
            return member.item

        return mapped(value, one)

    def iterated(self, value: Value) -> Value:
        """What iterating over *value* gives."""

        def one(member: Value) -> Value:
            if isinstance(member, Container):
                return either(
                    [self.element(member, key) for key, _ in member.entries]
                    if member.is_sequence
                    else []
                )
            if not isinstance(member, Thing):
                return UNKNOWN
            return self.iterated(member.item) if member.shape is Shape.COROUTINE else member.item

        return mapped(value, one)

    def iterator(self, value: Value) -> Value:
        """What ``iter`` or ``aiter`` makes of *value*: an iterator is its own."""
        if not isinstance(value, Thing) or value.can & (Can.NEXT | Can.ASYNC_NEXT):
            return value
        shape = Shape.ASYNC_ITERATOR if value.can & Can.ASYNC_ITERATE else Shape.ITERATOR
        return thing(shape, value.item)

    def _protocol(self, method: BoundMethod) -> Value:
        receiver = method.receiver
        if method.name in ("__aenter__", "__anext__", "asend"):
            item = self.entered(receiver)
            return thing(Shape.COROUTINE, item, label="Coroutine")
        if method.name in ("__aiter__", "__iter__"):
            return mapped(receiver, self.iterator)
        return self.entered(receiver)

    # Attributes

    def _super(self, expr: SuperExpr, scope: Scope) -> Value:
        """A method or attribute of the classes after the one around, in its method resolution."""
        for inner in scope.chain():
            if isinstance(inner.node, ClassDef) and inner.parent is not None:
                klass = self.class_of(inner.node, inner.parent)
                if klass.info is None:
                    return UNKNOWN
                receiver = self.instance(klass)
                return self._class_attribute(klass, expr.name, receiver, None, after=True)
        return UNKNOWN

    def _member(self, expr: MemberExpr, scope: Scope, where: Where) -> Value:
        base = self.value(expr.expr, scope, where)
        found = self.attribute(base, expr.name)
        owner = expr.expr
        if found is UNKNOWN and isinstance(owner, (MemberExpr, NameExpr)) and owner.name == "state":
            return self._loose(expr, scope)
        return found

    def _loose(self, expr: MemberExpr, scope: Scope) -> Value:
        """``app.state.name``: what this module, or the one that ``app`` is from, assigns to it."""
        modules = [scope.module]
        owner = expr.expr.expr if isinstance(expr.expr, MemberExpr) else None
        if isinstance(owner, NameExpr):
            for inner in scope.chain():
                modules.extend(
                    binding.target[0]
                    for binding in inner.names.bindings.get(owner.name, ())
                    if binding.kind == "from"
                )
        sources = [source for module in modules if (source := self.program.source(module))]
        found = [self.loose(s, expr.name) for s in sources if expr.name in s.loose_attributes()]
        return either(found, exact=False)

    def loose(self, source: Source, name: str) -> Value:
        """What a module assigns to ``x.state.NAME``."""
        found: list[Value] = []
        for rvalue, chain in source.loose_attributes()[name]:
            scope = source.scope
            for node in chain:
                scope = source.scope_in(node, scope)
            if isinstance(rvalue, NameExpr) and any(
                isinstance(node, FuncDef) and _argument(node, rvalue.name) for node in chain
            ):
                return UNKNOWN  # each caller may give another
            found.append(self.value(rvalue, scope, None))
        return either(found, exact=False)

    def attribute(self, base: Value, name: str) -> Value:
        """What an attribute of *base* may be."""
        return mapped(base, lambda member: self._attribute(member, name))

    def _attribute(self, base: Value, name: str) -> Value:
        if isinstance(base, Module):
            return self.module_attribute(base.name, name, None)
        if isinstance(base, Named):
            return Named(f"{base.fullname}.{name}")
        if isinstance(base, Class):
            return self._class_attribute(base, name, base, None)
        if isinstance(base, Thing):
            if base.shape is Shape.SESSIONMAKER and base.by_definition:
                return UNSURE
            if name in PROTOCOL_METHODS and base.shape is not Shape.OTHER:
                return BoundMethod(base, name)
            if isinstance(base.type, Instance):
                klass = Class(base.type.type.fullname, base.type.type)
                return self._class_attribute(klass, name, base, base.type)
        return UNKNOWN

    def _class_attribute(
        self,
        klass: Class,
        name: str,
        receiver: Value,
        type_: Instance | None,
        *,
        after: bool = False,
    ) -> Value:
        info = klass.info
        if info is None:
            return UNKNOWN
        if isinstance(receiver, Thing) and not receiver.bare and self._is_field(info, name):
            return UNKNOWN
        for base in info.mro[1:] if after else info.mro:
            source = self.program.source(base.module_name)
            located = (
                source.class_named(base.fullname[len(base.module_name) + 1 :]) if source else None
            )
            if source is not None and located is None and klass.node is not None:
                # A class inside a function has no place of its own in the module.
                located = None
            if located is None:
                if base.names.get(name) is not None:
                    return self._typed_attribute(base, name, type_)
                continue
            node, scope = located
            assert source is not None
            own = self._own_attribute(source, node, scope, name, receiver)
            if own is not UNKNOWN:
                return own
            if base.names.get(name) is not None:
                return self._typed_attribute(base, name, type_)
        return UNKNOWN

    def _is_field(self, info: TypeInfo, name: str) -> bool:
        """Whether the generated ``__init__`` of a class has a parameter of that name."""
        for base in info.mro:
            entry = base.names.get(name)
            if entry is not None:
                return isinstance(entry.node, Var) and bool(
                    "dataclass" in base.metadata
                    or "attrs" in base.metadata
                    or any(known.MODEL_CLASSES & {ancestor.fullname} for ancestor in info.mro)
                )
        return False

    def _own_attribute(
        self, source: Source, node: ClassDef, scope: Scope, name: str, receiver: Value
    ) -> Value:
        inner = source.scope_in(node, scope)
        bindings = inner.names.bindings.get(name, [])
        defs = [binding for binding in bindings if binding.kind in ("def", "class")]
        if defs:
            assert defs[-1].node is not None
            value = self.bound(defs[-1], inner)
            if isinstance(receiver, Thing) and not (
                isinstance(value, Function) and value.is_property
            ):
                for _, method in source.attributes(node).get(name, ()):
                    if method is not None:
                        return UNSURE  # the instance has one of its own in the method's place
            return self.bind(value, receiver)
        declared = self.program.symbol(f"{source.module}.{_qualname(inner, name)}")
        if isinstance(declared, Var) and informative(declared.type):
            value = self.types.value(declared.type)
            if value is not UNKNOWN and not is_opaque(value):
                return self._richer(source, node, inner, name, value)
        return self.assigned(source, node, inner, name)

    def _richer(
        self, source: Source, node: ClassDef, scope: Scope, name: str, value: Value
    ) -> Value:
        """What is assigned to an attribute, where mypy's type has lost the definition."""
        if isinstance(value, TypedCallable):
            found = self.assigned(source, node, scope, name)
            if found is not UNKNOWN:
                return found
        return value

    def assigned(self, source: Source, node: ClassDef, scope: Scope, name: str) -> Value:
        """What the body and the methods of a class assign to one of its attributes."""
        key = ("attribute", id(node), name, self._circumstances(scope))
        general = not key[-1]
        return self._once(
            key, source.module, general, lambda: self._assigned(source, node, scope, name)
        )

    def _assigned(self, source: Source, node: ClassDef, scope: Scope, name: str) -> Value:
        found: list[Value] = []
        for rvalue, method in source.attributes(node).get(name, ()):
            inner = scope if method is None else source.scope_in(method, scope)
            place = None
            if method is not None:
                place = next(
                    (
                        inner.names.places.get(id(statement))
                        for statement in statements(method.body)
                        if getattr(statement, "rvalue", None) is rvalue
                    ),
                    None,
                )
            found.append(self.value(rvalue, inner, place))
        known_values = [value for value in found if not is_none(value)]
        return either(known_values, exact=False)

    def bind(self, value: Value, receiver: Value) -> Value:
        """A member of a class as *receiver*, an instance or the class, hands it out."""
        if isinstance(value, Function):
            if value.is_property:
                return self.result(replace(value, receiver=receiver), [], {})
            if value.is_static:
                return value
            if isinstance(receiver, Class) and not value.is_class:
                return value
            return replace(value, receiver=receiver)
        if isinstance(value, Managed) and isinstance(value.function, Function):
            return Managed(self.bind(value.function, receiver), value.is_async)
        return value

    def _typed_attribute(self, info: TypeInfo, name: str, type_: Instance | None) -> Value:
        entry = info.names.get(name)
        if entry is None or entry.node is None:
            return UNKNOWN
        origin = self._place(
            f"{info.fullname}.{name}",
            self.program.modules.get(info.module_name),
            getattr(entry.node, "line", 1),
        )
        if type_ is not None:
            found = self.types.method_type(type_, name)
        else:
            node = entry.node
            raw = node.var.type if isinstance(node, Decorator) else getattr(node, "type", None)
            found = get_proper_type(raw) if raw is not None else None
        if found is None or not informative(found):
            return UNKNOWN
        node = entry.node
        is_property = (isinstance(node, Decorator) and node.var.is_property) or (
            isinstance(node, OverloadedFuncDef) and node.is_property
        )
        value = self.types.value(found)
        if isinstance(value, TypedCallable):
            if is_property and isinstance(found, CallableType):
                return self.types.value(found.ret_type)
            return TypedCallable(found, origin)
        return value


def _passed_on(value: Value, function: Function) -> Value:
    """What a function gives, with a note that it does where another one made it."""
    if not isinstance(value, Thing) or value.origin is None:
        return value
    if value.origin.fullname == function.fullname:
        return value
    return replace(value, through=function.fullname)


def _drivable(function: Function) -> bool:
    """Whether a function is itself a generator or coroutine function."""
    node = function.node
    return isinstance(node, FuncDef) and (node.is_coroutine or bool(yields(node)))


def _is_ambiguous(type_: ProperType | None) -> bool:
    """Whether a call of such an object fits several overloads, for want of a type argument.

    mypy takes the first of them: ``Task[P, Any]`` for a coroutine's task.
    """
    if not isinstance(type_, Instance):
        return False
    call = type_.type.get("__call__")
    return (
        call is not None
        and isinstance(call.node, OverloadedFuncDef)
        and any(
            not informative(argument) or isinstance(get_proper_type(argument), TypeVarType)
            for argument in type_.args
        )
    )


def _depends_on_arguments(callee: Value) -> bool:
    """Whether what a call gives may depend on what it is given."""
    if isinstance(callee, (Function, Managed, BoundMethod, Wraps)):
        return True
    name = fullname(callee)
    return name is not None and _is_read_by_name(name)


def _is_read_by_name(name: str) -> bool:
    """Whether a function is in one of the packages some of whose functions are known by name."""
    return name.partition(".")[0] in known.READ_BY_NAME


def _argument(node: FuncItem, name: str) -> object | None:
    return next((a for a in node.arguments if a.variable.name == name), None)


def _last(bindings: list[Binding]) -> list[Binding]:
    """The bindings that hold at the end of a body."""
    result: list[Binding] = []
    for binding in bindings:
        if len(binding.blocks) <= 1:
            result = [binding]
        else:
            result.append(binding)
    return result


def _qualname(scope: Scope | None, name: str) -> str:
    parts = [name]
    while scope is not None and scope.node is not None:
        parts.append(scope.node.name if isinstance(scope.node, (FuncDef, ClassDef)) else "<lambda>")
        scope = scope.parent
    return ".".join(reversed(parts))


def _stands_for_others(coroutine: Value) -> bool:
    """Whether an ``async def`` that only raises is annotated as what the others are without it.

    Who awaits it does not have an async generator in mind.
    """
    if not isinstance(coroutine, Thing) or coroutine.shape is not Shape.COROUTINE:
        return False
    item = coroutine.item
    function = coroutine.origin.function if coroutine.origin is not None else None
    return (
        isinstance(item, Thing)
        and item.shape in (Shape.ASYNC_GENERATOR, Shape.ASYNC_ITERATOR)
        and function is not None
        and always_raises(function.node.body)
    )


def _own_expressions(statement: Node) -> Iterator[Node]:
    """The expressions of a statement, those of the blocks inside it aside."""
    for child in children(statement):
        if isinstance(child, Block):
            continue
        yield from walk(child, into_functions=False)
