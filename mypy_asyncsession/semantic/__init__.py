"""What a callable or an expression hands out: its shape, its resource, and where it is defined."""
