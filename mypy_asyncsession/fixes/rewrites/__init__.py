"""The rewrites, a file each kind: what stands there, and what is written instead."""
