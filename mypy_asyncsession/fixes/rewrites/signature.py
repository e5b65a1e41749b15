"""The signature of a function that enters another, and stands in its place as a dependency."""

from __future__ import annotations

import libcst as cst
import libcst.matchers as m

from mypy_asyncsession.fixes.cannot_fix import CannotFix
from mypy_asyncsession.fixes.editing.source_file import written

#: What a generator function is annotated with; an ``asynccontextmanager`` is written on one.
_ANNOTATIONS = frozenset(
    {"AsyncGenerator", "AsyncIterable", "AsyncIterator", "Generator", "Iterable", "Iterator"}
)
_FROM_REQUEST = frozenset(
    {"Body", "Cookie", "Depends", "File", "Form", "Header", "Path", "Query", "Security"}
)


def handed_on(function: cst.FunctionDef) -> cst.Parameters | None:
    """The parameters that the new function has to have as well, if there are any.

    What has a plain default is left out: FastAPI would take it from the request.

    Raises:
        CannotFix: They cannot be handed on.
    """
    params = function.params
    if isinstance(params.star_arg, cst.Param) or params.star_kwarg is not None:
        raise CannotFix(f'"{function.name.value}" takes any arguments')
    listed = (*params.posonly_params, *params.params, *params.kwonly_params)
    if all(each.default is not None and not _is_filled_in(each) for each in listed):
        return None
    return params


def _is_filled_in(parameter: cst.Param) -> bool:
    """Whether FastAPI is told where a parameter comes from."""
    calls = m.findall(parameter, m.Call())
    return any(
        isinstance(call, cst.Call) and written(call.func).rpartition(".")[2] in _FROM_REQUEST
        for call in calls
    )


def arguments(parameters: cst.Parameters | None) -> str:
    """How the parameters are handed on in a call."""
    if parameters is None:
        return ""
    given = [each.name.value for each in parameters.posonly_params]
    given += [
        f"{each.name.value}={each.name.value}"
        for each in (*parameters.params, *parameters.kwonly_params)
    ]
    return ", ".join(given)


def annotation(function: cst.FunctionDef) -> cst.Annotation | None:
    """The annotation of the decorated function, which is a generator function as well."""
    returns = function.returns
    if returns is None:
        return None
    name = returns.annotation
    if isinstance(name, cst.Subscript):
        name = name.value
    if written(name).rpartition(".")[2] in _ANNOTATIONS:
        return returns
    return None
