"""The base class of the values that the interpreter computes with."""


class Value:
    """Anything that an expression may be; the base class stands for what is not known."""

    __slots__ = ()
