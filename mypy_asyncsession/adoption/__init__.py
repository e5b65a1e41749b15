"""What sets a project up to use this: edits of its own configuration files."""
