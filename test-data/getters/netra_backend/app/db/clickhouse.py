from contextlib import asynccontextmanager


@asynccontextmanager
async def get_clickhouse_client(bypass_manager: bool = False):
    import clickhouse_driver

    client = clickhouse_driver.connect()
    try:
        yield client
    finally:
        await client.disconnect()
