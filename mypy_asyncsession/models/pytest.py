"""pytest and unittest: blocks and marks that expect a failure."""

from __future__ import annotations

from typing import Final

#: Blocks in which a misuse is the point.
EXPECTS_FAILURE: Final = frozenset(
    {
        "pytest.raises",
        "pytest.RaisesExc",
        "pytest.RaisesGroup",
        "_pytest.raises.raises",
        "_pytest.python_api.raises",
    }
)
EXPECTS_FAILURE_METHODS: Final = frozenset(
    {"assertRaises", "assertRaisesRegex", "assertRaisesRegexp"}
)
EXPECTS_FAILURE_MARKS: Final = frozenset({"xfail", "expectedFailure"})
