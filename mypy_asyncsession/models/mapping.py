"""SQLAlchemy's and SQLModel's mapped classes: what defines relationships and columns."""

from __future__ import annotations

from typing import Final

RELATIONSHIPS: Final = frozenset(
    {
        "sqlalchemy.orm.relationship",
        "sqlalchemy.orm._orm_constructors.relationship",
        "sqlalchemy.orm.relationships.relationship",
        "sqlmodel.Relationship",
        "sqlmodel.main.Relationship",
    }
)
COLUMNS: Final = frozenset(
    {
        "sqlalchemy.Column",
        "sqlalchemy.sql.schema.Column",
        "sqlalchemy.orm.mapped_column",
        "sqlalchemy.orm._orm_constructors.mapped_column",
        "sqlalchemy.orm.column_property",
        "sqlalchemy.orm._orm_constructors.column_property",
        "sqlmodel.Field",
        "sqlmodel.main.Field",
    }
)
ASYNC_ATTRS: Final = frozenset(
    {"sqlalchemy.ext.asyncio.AsyncAttrs", "sqlalchemy.ext.asyncio.session.AsyncAttrs"}
)
#: The annotations of mapped attributes.
MAPPED: Final = frozenset({"Mapped"})
#: Those of what is no field of a model of SQLModel's.
NOT_FIELDS: Final = frozenset({"ClassVar", "PrivateAttr"})
#: Those that say themselves how a relationship is loaded: as a query, when it is asked for.
DYNAMIC: Final = {"DynamicMapped": "dynamic", "WriteOnlyMapped": "write_only"}
#: What ``lazy`` may be besides a string.
LAZY_FLAGS: Final = {"True": "select", "False": "joined", "None": "noload"}
DECLARED_ATTR: Final = frozenset({"declared_attr"})
#: The names of collections in an annotation.
COLLECTIONS: Final = frozenset(
    {
        "Collection",
        "Dict",
        "Iterable",
        "List",
        "MutableSequence",
        "MutableSet",
        "Sequence",
        "Set",
        "dict",
        "list",
        "set",
    }
)
#: The names in an annotation that say nothing of the target.
OPTIONAL: Final = frozenset({"Annotated", "ClassVar", "None", "Optional", "Union"})
#: What makes a statement of one entity or more, by the last part of its name.
SELECT: Final = "select"
#: ``func``, as an object and as what a stub or a release has it be.
FUNCTIONS: Final = frozenset(
    {
        "sqlalchemy.func",
        "sqlalchemy.sql.func",
        "sqlalchemy.sql.expression.func",
        "sqlalchemy.sql.functions._FunctionGenerator",
        "sqlalchemy.sql.functions.func",
        "sqlmodel.func",
    }
)
#: The methods of a select that leave what it selects as it is.
KEEPS_ENTITIES: Final = frozenset(
    {
        "correlate",
        "distinct",
        "execution_options",
        "filter",
        "filter_by",
        "group_by",
        "having",
        "join",
        "join_from",
        "limit",
        "offset",
        "options",
        "order_by",
        "outerjoin",
        "outerjoin_from",
        "select_from",
        "where",
        "with_for_update",
    }
)
#: Those that name another entity, and load nothing of it.
JOINING: Final = frozenset(
    {"join", "join_from", "outerjoin", "outerjoin_from", "select_from", "where", "filter"}
)
#: Those of an insert, an update or a delete that have it return nothing.
KEEPS_WRITTEN: Final = frozenset({"on_conflict_do_nothing", "on_conflict_do_update", "values"})
#: The loader options that have a relationship loaded, or say that it is not to be.
LOADERS: Final = frozenset(
    {
        "contains_eager",
        "defaultload",
        "immediateload",
        "joinedload",
        "lazyload",
        "noload",
        "raiseload",
        "selectinload",
        "subqueryload",
    }
)
#: Those that have nothing to do with relationships.
OTHER_OPTIONS: Final = frozenset(
    {"defer", "load_only", "undefer", "undefer_group", "with_expression", "with_loader_criteria"}
)
