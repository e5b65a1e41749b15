"""Mapped classes, and a database that lasts as long as the process."""

import sqlite3

from sqlalchemy import ForeignKey, create_engine
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship
from sqlalchemy.pool import NullPool, StaticPool

_FILE = "file:people?mode=memory&cache=shared"
#: What keeps it in memory.
_kept = sqlite3.connect(_FILE, uri=True, check_same_thread=False)


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    visits: Mapped[int] = mapped_column(default=0)
    posts: Mapped[list["Post"]] = relationship(back_populates="author", lazy="selectin")

    nickname = "none"

    def greeting(self) -> str:
        return "hello"


class Post(Base):
    __tablename__ = "posts"

    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    author: Mapped[User] = relationship(back_populates="posts")


engine = create_async_engine(f"sqlite+aiosqlite:///{_FILE}&uri=true", poolclass=NullPool)
#: Keeps what its instances hold when it commits.
Keeping = async_sessionmaker(engine, expire_on_commit=False)
#: Expires it, as SQLAlchemy does unless it is told otherwise.
Expiring = async_sessionmaker(engine)

_setup = create_engine("sqlite://", creator=lambda: _kept, poolclass=StaticPool)
Base.metadata.create_all(_setup)
with Session(_setup) as _session:
    _session.add_all([User(id=1, name="ann"), User(id=2, name="bob")])
    _session.commit()


async def get_expiring():
    async with Expiring() as session:
        yield session


async def find(session: AsyncSession, key: int) -> User | None:
    return await session.get(User, key)
