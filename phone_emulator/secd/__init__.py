"""SECD: the process of a phone that decides over its trust lists.

`machine` takes events and gives effects; `states` is its one table. What each kind of
state does, and the memory of one boot, is in `handlers`. A boot leaves a `report`, its
log (`log_events`) and `status_messages`. Nothing in this package does I/O or reads a
clock.
"""
