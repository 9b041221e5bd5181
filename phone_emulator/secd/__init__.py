"""SECD: the process of a phone that decides over its trust lists.

`machine` takes events and gives effects; `states` is its one table. A boot's memory is
in `context`; what each kind of state does is in `fetching`, `judging` and `asking`.
Nothing in this package does I/O or reads a clock.
"""
