"""dataclasses, attrs and pydantic: classes whose annotated attributes are parameters."""

from __future__ import annotations

from typing import Final

#: Bases whose annotated class attributes are parameters of ``__init__``.
MODEL_CLASSES: Final = frozenset(
    {
        "pydantic.main.BaseModel",
        "pydantic.BaseModel",
        "sqlmodel.SQLModel",
        "sqlmodel.main.SQLModel",
    }
)
#: What stands for a field of such a class, with its default.
FIELDS: Final = frozenset(
    {"dataclasses.field", "attr.ib", "attr.field", "attrs.field", "pydantic.fields.Field"}
)
#: The methods of a model that read the attributes of what they are given.
READING_METHODS: Final = frozenset({"from_orm", "model_validate"})
