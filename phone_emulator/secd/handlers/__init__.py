"""SECD in each kind of state, and its memory of one boot (`context`)."""
