"""Files that are edited: their trees, names, imports and lines."""
