"""Why a finding is left as it is."""


class CannotFix(Exception):
    """A finding that is left as it is; the message says why, in a few words."""
