"""Checks before a change of an imported cluster (`tokenless preflight`).

Each check tells what is wrong, what comes of it and what to do; what could not be told
is said, never counted as well.
"""
