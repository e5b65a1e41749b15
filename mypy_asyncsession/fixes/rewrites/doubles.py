"""The double of a provider that cannot be used as the provider is: one of the right shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import libcst as cst
import libcst.matchers as m

from mypy_asyncsession.fixes.cannot_fix import CannotFix
from mypy_asyncsession.fixes.editing.draft import Draft
from mypy_asyncsession.fixes.editing.imports import reachable
from mypy_asyncsession.fixes.editing.names import binding_of, fresh, mentions
from mypy_asyncsession.fixes.editing.source_file import written
from mypy_asyncsession.fixes.fix import Fix, Site
from mypy_asyncsession.fixes.rewrites.managers import check_generator
from mypy_asyncsession.fixes.rewrites.shapes import as_generator
from mypy_asyncsession.semantic.shapes import Can, Shape

if TYPE_CHECKING:
    from mypy_asyncsession.findings import Finding, Held, Misuse

_MANAGER: Final = Shape.ASYNC_CONTEXT_MANAGER.name
_GENERATOR: Final = Shape.ASYNC_GENERATOR.name
_MAKERS: Final = {
    (Shape.ASYNC_GENERATOR.name, Shape.ASYNC_CONTEXT_MANAGER.name): "asynccontextmanager",
    (Shape.GENERATOR.name, Shape.CONTEXT_MANAGER.name): "contextmanager",
}
_MOCKS: Final = ("AsyncMock", "MagicMock", "Mock", "NonCallableMagicMock")
#: What is asked of a double whether or not its calls give coroutines.
_ASKED: Final = ("call_args", "call_args_list", "call_count", "called", "method_calls")
_ENTERED: Final = ("__aenter__", "__aexit__")
_UNDECIDED: Final = "decide what the double stands for"


def _fits(_finding: Finding, misuse: Misuse) -> bool:
    return misuse.record == "Double"


def _draft(site: Site) -> Draft:
    source, misuse = site.source, site.misuse
    # One that is assigned, or given to what uses it, stands in no call that puts it there.
    call = source.find(
        site.finding.span, lambda node: _double_of(node, misuse) is not None, _UNDECIDED
    )
    assert isinstance(call, cst.Call)
    argument = _double_of(call, misuse)
    assert argument is not None
    double = argument.value
    draft = Draft(key=("double", source.path, id(double)))
    shapes = [held.shape for held in misuse.holds]
    maker = _MAKERS.get((shapes[0] if shapes else "", misuse.how))
    if argument.keyword is not None and argument.keyword.value == "new_callable":
        if misuse.how != _MANAGER or not _check_uses(site, _name_of_block(site, call)):
            raise CannotFix(_UNDECIDED)
        _made_magic(site, draft, double)
    elif maker is not None and isinstance(double, (cst.Name, cst.Attribute)):
        check_generator(site)
        name, imported = reachable(source, "contextlib", maker)
        draft.need(source, imported)
        draft.replace(source, double, cst.Call(cst.parse_expression(name), [cst.Arg(double)]))
    elif isinstance(double, cst.Call):
        configured = _check_uses(site, _name_of_block(site, call))
        _of_mock(site, draft, call, double, configured=configured)
    elif isinstance(double, cst.Name) and _is_function(site, double):
        _of_function(site, draft, double)
    elif isinstance(double, cst.Name):
        _, made = binding_of(source, double)
        if not isinstance(made, cst.Call):
            raise CannotFix(_UNDECIDED)
        configured = _check_uses(site, double, given=double)
        _of_mock(site, draft, call, made, configured=configured)
    else:
        raise CannotFix(_UNDECIDED)
    return draft


def _double_of(node: cst.CSTNode, misuse: Misuse) -> cst.Arg | None:
    """The double among the arguments of a call that puts it in the place of something."""
    found = [
        argument
        for argument in (node.args if isinstance(node, cst.Call) else ())
        if written(argument.value) == misuse.text
    ]
    if len(found) > 1:  # "patch.multiple"
        name = (misuse.callee or "").rpartition(".")[2]
        found = [each for each in found if each.keyword is not None and each.keyword.value == name]
    return found[0] if len(found) == 1 else None


def _of_mock(site: Site, draft: Draft, call: cst.Call, mock: cst.Call, *, configured: bool) -> None:
    """``AsyncMock(...)``, in the place of what gives a context manager or a generator."""
    options = {
        argument.keyword.value if argument.keyword is not None else "spec": argument
        for argument in mock.args
    }
    if any(argument.star for argument in mock.args):
        raise CannotFix(_UNDECIDED)
    if not options.keys() <= {"name", "return_value", "side_effect", "spec"}:
        raise CannotFix(_UNDECIDED)
    held = site.misuse.holds[1] if len(site.misuse.holds) > 1 else None
    if "side_effect" in options:
        if held is None or held.shape != site.misuse.how or "return_value" in options:
            raise CannotFix(_UNDECIDED)
        _made_magic(site, draft, mock.func)
        return
    result = options.get("return_value")
    if site.misuse.how == _GENERATOR and result is not None and len(options) == 1:
        _yielding(site, draft, call, mock, result.value, held)
        return
    if site.misuse.how != _MANAGER or (result is None and not configured):
        # What the code does with a session of which nothing is said cannot be told.
        raise CannotFix(_UNDECIDED)
    _made_magic(site, draft, mock.func)
    if result is None or _is_manager(site, result.value, held):
        return
    _check_session(site, result.value, held)
    item = cst.DictElement(cst.SimpleString('"return_value.__aenter__.return_value"'), result.value)
    draft.replace(
        site.source,
        result,
        result.with_changes(
            keyword=None, equal=cst.MaybeSentinel.DEFAULT, star="**", value=cst.Dict([item])
        ),
    )


def _yielding(
    site: Site,
    draft: Draft,
    call: cst.Call,
    mock: cst.Call,
    session: cst.BaseExpression,
    held: Held | None,
) -> None:
    """An async generator function above, which yields the session."""
    source = site.source
    _check_session(site, session, held)
    statement = source.statement(call)
    block = source.parent(statement)
    inside = source.around(call, cst.WithItem) or isinstance(statement, cst.SimpleStatementLine)
    if not inside or not isinstance(session, cst.Name) or not isinstance(block, cst.IndentedBlock):
        raise CannotFix(_UNDECIDED)
    if _name_of_block(site, call) is not None or source.parent(source.parent(mock)) is not call:
        raise CannotFix(_UNDECIDED)
    provider = (site.misuse.callee or "provider").rpartition(".")[2]
    name = fresh(source, call, (f"fake_{provider}", f"fake_{provider}_generator"))
    fake = cst.parse_statement(
        f"async def {name}():\n    yield {session.value}\n", source.module.config_for_parsing
    )
    draft.replace(source, mock, cst.Name(name))

    def below(old: cst.CSTNode) -> cst.FlattenSentinel[cst.CSTNode]:
        assert isinstance(old, (cst.SimpleStatementLine, cst.BaseCompoundStatement))
        first = fake.with_changes(leading_lines=old.leading_lines)
        empty = cst.EmptyLine(indent=False)
        return cst.FlattenSentinel([first, old.with_changes(leading_lines=[empty])])

    draft.change(source, statement, below)
    if isinstance(mock.func, cst.Name) and site.tree.is_own(source, mock.func.value):
        draft.spare.append((source, mock.func.value))


def _made_magic(site: Site, draft: Draft, maker: cst.BaseExpression) -> None:
    """``AsyncMock`` becomes ``MagicMock``, which can be entered and gives no coroutine."""
    source = site.source
    if isinstance(maker, cst.Attribute) and maker.attr.value == "AsyncMock":
        draft.replace(source, maker.attr, cst.Name("MagicMock"))
        return
    found = site.tree.imported(source, maker.value) if isinstance(maker, cst.Name) else None
    if not isinstance(maker, cst.Name) or found is None or found[2] != "AsyncMock":
        raise CannotFix(_UNDECIDED)
    text, imported = reachable(source, found[1], "MagicMock")
    draft.need(source, imported)
    draft.replace(source, maker, cst.parse_expression(text))
    if site.tree.is_own(source, maker.value):
        draft.spare.append((source, maker.value))


def _name_of_block(site: Site, call: cst.Call) -> cst.Name | None:
    """What ``with patch(...) as double`` calls the double.

    Raises:
        CannotFix: It is given to a function that is decorated.
    """
    source = site.source
    parent = source.parent(call)
    if isinstance(parent, cst.Decorator):
        if any(each.keyword and each.keyword.value == "new_callable" for each in call.args):
            raise CannotFix(_UNDECIDED)
        return None
    if isinstance(parent, cst.WithItem) and parent.asname is not None:
        name = parent.asname.name
        if not isinstance(name, cst.Name):
            raise CannotFix(_UNDECIDED)
        return name
    target = parent.targets[0].target if isinstance(parent, cst.Assign) else None
    return target if isinstance(target, cst.Name) else None


def _check_uses(site: Site, name: cst.Name | None, given: cst.Name | None = None) -> bool:
    """Whether what is done with a double says what entering it gives.

    Args:
        site: The finding.
        name: What the double is called, if it has a name.
        given: Where it is put in the place of the provider.

    Raises:
        CannotFix: It is used elsewhere, or as one whose calls give coroutines.
    """
    if name is None:
        return False
    source, configured = site.source, False
    function = source.function(name)
    if function is None:
        raise CannotFix(_UNDECIDED)
    for found in mentions(function, name.value):
        used = source.parent(found)
        if found in (name, given) or isinstance(used, (cst.AssignTarget, cst.AsName)):
            continue
        if not isinstance(used, cst.Attribute):
            raise CannotFix(f'"{name.value}" is used in other places as well')
        attribute, further = used.attr.value, source.parent(used)
        if attribute in _ASKED or attribute.startswith(("assert_called", "assert_not_called")):
            continue
        if (
            attribute == "return_value"
            and isinstance(further, cst.Attribute)
            and further.attr.value in _ENTERED
        ):
            configured = configured or further.attr.value == "__aenter__"
            continue
        raise CannotFix(_UNDECIDED)
    return configured


def _is_manager(site: Site, value: cst.BaseExpression, held: Held | None) -> bool:
    """Whether what a double gives is to be entered, as what the provider gives is."""
    if isinstance(value, cst.Name) and not _attributes(site, value).isdisjoint(_ENTERED):
        return True
    return held is not None and bool(Can(held.can) & Can.ASYNC_ENTER) and not held.resource


def _check_session(site: Site, value: cst.BaseExpression, held: Held | None) -> None:
    """Whether what a double gives stands for the session.

    Raises:
        CannotFix: That cannot be told.
    """
    if held is not None and held.resource:
        _check_closed(site, value)
        return
    if held is not None and Can(held.can) & (Can.ASYNC_ENTER | Can.ASYNC_ITERATE | Can.AWAIT):
        raise CannotFix(_UNDECIDED)
    if isinstance(value, cst.Name):
        attributes = _attributes(site, value)
        try:
            _, made = binding_of(site.source, value)
        except CannotFix:
            made = value
        if attributes and not attributes & {*_ENTERED, "__aiter__", "__anext__", "return_value"}:
            return
        value = made if not attributes else value
    if isinstance(value, cst.Call) and written(value.func).rpartition(".")[2] in _MOCKS:
        return
    raise CannotFix(_UNDECIDED)


def _check_closed(site: Site, value: cst.BaseExpression) -> None:
    """Whether it is somebody else's to close a session that is no double.

    Raises:
        CannotFix: It is made here, and nothing closes it.
    """
    made: cst.BaseExpression | None = value
    if isinstance(value, cst.Name):
        try:
            _, made = binding_of(site.source, value)
        except CannotFix:
            made = None  # a parameter, or what a block binds
    if isinstance(made, cst.Call) and written(made.func).rpartition(".")[2] not in _MOCKS:
        raise CannotFix("decide who closes the session")


def _attributes(site: Site, name: cst.Name) -> set[str]:
    """The attributes that a function asks of what has a name."""
    function = site.source.function(name)
    found = mentions(function, name.value) if function is not None else []
    parents = [site.source.parent(each) for each in found]
    return {each.attr.value for each in parents if isinstance(each, cst.Attribute)}


def _is_function(site: Site, name: cst.Name) -> bool:
    return bool(m.findall(site.source.module, m.FunctionDef(name=m.Name(name.value))))


def _of_function(site: Site, draft: Draft, name: cst.Name) -> None:
    """``async def fake(): return session``, which nobody uses but as this double."""
    source = site.source
    found = m.findall(source.module, m.FunctionDef(name=m.Name(name.value)))
    function = found[0]
    assert isinstance(function, cst.FunctionDef)
    if len(found) != 1 or len(mentions(source.module, name.value)) != 2:
        raise CannotFix(f'"{name.value}" is used in other places as well')
    local = source.function(function) is not None
    if not local and not site.tree.is_own(source, name.value):
        raise CannotFix(f'"{name.value}" is used in other places as well')
    held = site.misuse.holds[1] if len(site.misuse.holds) > 1 else None
    if held is not None and not held.resource and Can(held.can) & Can.ASYNC_ENTER:
        raise CannotFix(_UNDECIDED)
    as_generator(draft, source, function, managed=site.misuse.how == _MANAGER)


FIX = Fix(
    summary='a double of another shape: "MagicMock" for "AsyncMock", a generator function, '
    '"@asynccontextmanager"',
    fits=_fits,
    draft=_draft,
)
