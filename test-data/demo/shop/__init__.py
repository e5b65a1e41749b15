"""A small shop on FastAPI and async SQLAlchemy, with five mistakes that Python lets through."""
