"""Emulated phones: SECD's decisions, flash, clients, fleets, the demo."""
