class Session:
    async def close(self): ...


async def get_db():
    yield 1


async def get_session():
    yield Session()
