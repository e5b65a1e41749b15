"""Reads the cases in test-data, runs mypy over them in every way, and compares what it reports.

``case`` reads, ``workspace`` writes to disk, ``modes`` runs, ``compare`` judges, and ``prove``
executes a case to show that what is marked as wrong is wrong.
"""
