"""What declarations say, read from trees that were only parsed: symbols, classes and types.

mypy's semantic analysis does this for whole programs at once. Here it is done on demand, for what
a use leads to, and with mypy's own records, so that whoever reads a class or a type need not know
where it comes from.
"""
