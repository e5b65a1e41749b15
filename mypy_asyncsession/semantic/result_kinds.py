"""What the methods of sessions, and of the results of their queries, give."""

from __future__ import annotations

from enum import Enum
from typing import Final


class Kind(Enum):
    """What is left to be done to get at an instance."""

    ROWS = "rows"
    SCALARS = "scalars"
    LIST = "list"
    ONE = "one"


#: What the methods of a session give.
GETTING: Final = {"get": Kind.ONE, "get_one": Kind.ONE, "merge": Kind.ONE}
QUERYING: Final = {
    "exec": Kind.SCALARS,
    "execute": Kind.ROWS,
    "scalar": Kind.ONE,
    "scalars": Kind.SCALARS,
}
#: What the methods of a result give, by what the result is.
OF_RESULTS: Final = {
    (Kind.ROWS, "scalar"): Kind.ONE,
    (Kind.ROWS, "scalar_one"): Kind.ONE,
    (Kind.ROWS, "scalar_one_or_none"): Kind.ONE,
    (Kind.ROWS, "scalars"): Kind.SCALARS,
    (Kind.ROWS, "unique"): Kind.ROWS,
    (Kind.SCALARS, "all"): Kind.LIST,
    (Kind.SCALARS, "fetchall"): Kind.LIST,
    (Kind.SCALARS, "first"): Kind.ONE,
    (Kind.SCALARS, "one"): Kind.ONE,
    (Kind.SCALARS, "one_or_none"): Kind.ONE,
    (Kind.SCALARS, "unique"): Kind.SCALARS,
}
