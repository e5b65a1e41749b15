from contextlib import asynccontextmanager


class DatabaseService:
    def __init__(self, service_name: str):
        self.service_name = service_name
        self._session_factory = None

    def set_session_factory(self, session_factory):
        self._session_factory = session_factory

    @asynccontextmanager
    async def get_db_session(self):
        async with self._session_factory() as session:
            yield session
