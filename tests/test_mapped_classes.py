"""Mapped classes as their source has them, beside what SQLAlchemy makes of the same source."""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING

import mypy.build
import pytest
from mypy.modulefinder import BuildSource
from mypy.options import Options
from sqlalchemy.orm import class_mapper

from mypy_asyncsession.semantic.from_mypy_types import Types
from mypy_asyncsession.semantic.interpreter import Interpreter
from mypy_asyncsession.semantic.mapped_classes import MappedClass, MappedClasses
from mypy_asyncsession.semantic.program import Program

if TYPE_CHECKING:
    from types import ModuleType

SOURCE = """
from typing import List, Optional

from sqlalchemy import Column, ForeignKey, Integer, String
from sqlalchemy import orm
from sqlalchemy.ext.asyncio import AsyncAttrs
from sqlalchemy.orm import (
    DeclarativeBase,
    DynamicMapped,
    Mapped,
    MappedAsDataclass,
    WriteOnlyMapped,
    backref,
    declarative_base,
    declared_attr,
    mapped_column,
    relationship,
)
from sqlalchemy.orm import relationship as leads_to


class Base(AsyncAttrs, DeclarativeBase):
    id: Mapped[int] = mapped_column(primary_key=True)


class Named:
    name: Mapped[str] = mapped_column(String(10))

    @declared_attr
    def creator_id(cls) -> Mapped[Optional[int]]:
        return mapped_column(ForeignKey("user.id"))

    @declared_attr
    def creator(cls) -> Mapped[Optional["User"]]:
        return relationship("User", foreign_keys=[cls.creator_id])

    @property
    def title(self) -> str:
        return self.name.title()


class User(Base):
    __tablename__ = "user"
    posts: Mapped[list["Post"]] = relationship(
        back_populates="author", foreign_keys="Post.author_id"
    )
    eager: Mapped[List["Post"]] = relationship(
        lazy="selectin", viewonly=True, foreign_keys="Post.author_id"
    )
    joined: Mapped[Optional["Profile"]] = relationship(lazy="joined")
    never: Mapped["Profile | None"] = orm.relationship(lazy="raise", viewonly=True)
    written: WriteOnlyMapped["Post"] = relationship(viewonly=True, foreign_keys="Post.author_id")
    asked: DynamicMapped["Post"] = relationship(viewonly=True, foreign_keys="Post.author_id")
    flagged: Mapped[list["Post"]] = relationship(
        lazy=False, viewonly=True, foreign_keys="Post.author_id"
    )
    alias: Mapped[list["Post"]] = leads_to(viewonly=True, foreign_keys="Post.author_id")


class Profile(Base):
    __tablename__ = "profile"
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))


class Post(Named, Base):
    __tablename__ = "post"
    author_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    author: Mapped["User"] = relationship(back_populates="posts", foreign_keys=[author_id])


class Draft(Post):
    __tablename__ = "draft"
    id: Mapped[int] = mapped_column(ForeignKey("post.id"), primary_key=True)
    reviewer_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    reviewer: Mapped["User"] = relationship(foreign_keys=[reviewer_id])


Old = declarative_base()


class Parent(Old):
    __tablename__ = "parent"
    id = Column(Integer, primary_key=True)
    children = relationship("Child", backref=backref("parent", lazy="joined"))
    size = 3


class Child(Old):
    __tablename__ = "child"
    id = Column(Integer, primary_key=True)
    parent_id = Column(Integer, ForeignKey("parent.id"))


class Data(MappedAsDataclass, DeclarativeBase):
    pass


class Box(Data):
    __tablename__ = "box"
    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    things: Mapped[list["Thing"]] = relationship(default_factory=list)


class Thing(Data):
    __tablename__ = "thing"
    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    box_id: Mapped[int] = mapped_column(ForeignKey("box.id"), init=False)
    note: Mapped[str] = mapped_column(default="")


class Plain:
    value = 3
"""
MAPPED = ("User", "Profile", "Post", "Draft", "Parent", "Child", "Box", "Thing")


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    path = tmp_path_factory.mktemp("mapped") / "mapped_source.py"
    path.write_text(SOURCE, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("mapped_source", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["mapped_source"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def mapped(module: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> MappedClasses:
    options = Options()
    options.incremental = False
    options.preserve_asts = True
    options.cache_dir = str(tmp_path_factory.mktemp("cache"))
    options.python_executable = sys.executable
    path = str(module.__file__)
    result = mypy.build.build([BuildSource(path, "mapped_source", None)], options)
    program = Program(result.files, lambda *_: None, lambda name: name != path)
    interpreter = Interpreter(program, Types())
    program.enter(result.files["mapped_source"])
    return MappedClasses(interpreter)


def found(mapped: MappedClasses, name: str) -> MappedClass:
    result = mapped.named(f"mapped_source.{name}")
    assert result is not None, name
    return result


@pytest.mark.parametrize("name", MAPPED)
def test_relationships_are_those_of_sqlalchemy(
    name: str, mapped: MappedClasses, module: ModuleType
) -> None:
    read = found(mapped, name)
    mapper = class_mapper(getattr(module, name))
    of_backrefs = {"parent"} if name == "Child" else set()
    assert set(read.relationships) == set(mapper.relationships.keys()) - of_backrefs
    for key, relationship in read.relationships.items():
        real = mapper.relationships[key]
        assert relationship.lazy == ("joined" if real.lazy is False else real.lazy), key
        assert relationship.target == f"mapped_source.{real.mapper.class_.__name__}", key
        if relationship.many is not None:
            assert relationship.many == real.uselist, key
    assert read.complete
    assert set(mapper.column_attrs.keys()) - {"creator_id"} == set(read.columns)


def test_what_is_said_beside(mapped: MappedClasses) -> None:
    assert found(mapped, "User").async_attrs
    assert found(mapped, "Draft").has_foreign_keys
    assert not found(mapped, "User").has_foreign_keys
    assert found(mapped, "User").constructed
    assert not found(mapped, "Box").constructed
    assert not found(mapped, "Box").async_attrs
    assert found(mapped, "User").relationships["posts"].reverse == "author"
    assert found(mapped, "Parent").relationships["children"].reverse == "parent"
    assert found(mapped, "Draft").relationships["author"].owner == "mapped_source.Post"
    assert mapped.named("mapped_source.Plain") is None
    assert [name for name, each in found(mapped, "User").relationships.items() if each.is_lazy] == [
        "posts",
        "alias",
    ]
