"""Which getter is what, and who uses it wrongly: an inventory of the providers of a project."""
