"""What the applications have in common: a session that says what became of it."""

import logging

LOG = []


class Session:
    """A session without a database."""

    def __init__(self, name="session"):
        self.name = name

    async def execute(self, statement):
        return f"{self.name}: {statement}"

    async def __aenter__(self):
        LOG.append("open")
        return self

    async def __aexit__(self, kind, error, traceback):
        LOG.append("rollback" if error else "commit")


class Records(logging.Handler):
    """Keeps what is logged."""

    def __init__(self):
        super().__init__()
        self.records = []
        logging.getLogger("mypy_asyncsession").addHandler(self)
        logging.getLogger("mypy_asyncsession").propagate = False

    def emit(self, record):
        self.records.append(record)

    def levels(self):
        levels, self.records = [each.levelname for each in self.records], []
        return levels


RECORDS = Records()


def get(client, path, **arguments):
    """The status and the body of a request, and what became of sessions."""
    LOG.clear()
    response = client.get(path, **arguments)
    return [response.status_code, response.text, *LOG]
