"""Plans as rehearsals, and rehearsals as starting points of plans."""
