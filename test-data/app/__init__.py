"""A small application that the cases share."""
