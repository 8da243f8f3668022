"""What a person is told when the local stack cannot go on."""


class LocalStackError(Exception):
    """One clear line: what is wrong, and what to do about it."""
