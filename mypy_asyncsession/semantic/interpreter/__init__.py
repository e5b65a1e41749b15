"""What an expression may be: an abstract evaluation over mypy's trees.

The interpreter follows names to their definitions and reads what these do, so that an unannotated
getter is as clear as an annotated one. Where mypy knows a type, the two are put together: the
type settles what flow and generics decide, the definition wins over an annotation that it
contradicts.
"""

from __future__ import annotations

from mypy_asyncsession.semantic.interpreter.attributes import Attributes
from mypy_asyncsession.semantic.interpreter.base import Where
from mypy_asyncsession.semantic.interpreter.calls import Calls
from mypy_asyncsession.semantic.interpreter.containers import Containers
from mypy_asyncsession.semantic.interpreter.definitions import Definitions
from mypy_asyncsession.semantic.interpreter.evidence import Evidence
from mypy_asyncsession.semantic.interpreter.expressions import Expressions
from mypy_asyncsession.semantic.interpreter.lookup import Lookup
from mypy_asyncsession.semantic.interpreter.parameters import Parameters
from mypy_asyncsession.semantic.interpreter.protocols import Protocols
from mypy_asyncsession.semantic.interpreter.results import Results

__all__ = ["Interpreter", "Where"]


class Interpreter(
    Expressions,
    Containers,
    Lookup,
    Parameters,
    Evidence,
    Definitions,
    Calls,
    Results,
    Protocols,
    Attributes,
):
    """Evaluates expressions of one program: the parts put together."""
