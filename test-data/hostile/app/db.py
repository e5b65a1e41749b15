async def get_db():
    yield 1
