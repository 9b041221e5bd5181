"""Clusters of a rehearsal: their state, their nodes up or down, their database."""
