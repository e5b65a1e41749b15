from asyncio import current_task
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Optional, TypeAlias

import fastapi
from fastapi import APIRouter, Depends, FastAPI, Security, WebSocket, params
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncSession,
    async_scoped_session,
    async_sessionmaker,
)
from sqlalchemy.orm import Session
from typing_extensions import TypeAliasType

from app.db import (
    Maker,
    SessionManager,
    SyncMaker,
    connect,
    db_manager,
    db_manager_bare,
    engine,
    get_connection,
    get_db,
    get_db_bare,
    get_db_iterator,
    get_sync_db,
    get_sync_db_bare,
    make_db,
    open_db,
    sync_db_manager,
)
from probe import Entered, use
from providers import (
    Box,
    Database,
    Find,
    Generate,
    Give,
    Hand,
    Manage,
    OwnSession,
    Repo,
    Sessions,
    awaited_coroutine,
    awaited_generator,
    awaited_manager,
    cached,
    database,
    entered,
    entering,
    found,
    generate_by_lambda,
    generate_of,
    generator_of,
    given,
    handing_on_again,
    manager_by_name,
    manager_of,
    named,
    number,
    raw_of,
    returns_coroutine,
    returns_function,
    returns_generator,
    returns_iterator,
    returns_maker,
    returns_manager,
    traced,
    traced_awaiting,
    traced_by_coroutine,
    traced_generator,
    traced_without_wraps,
    yields_manager,
)

app = FastAPI()
