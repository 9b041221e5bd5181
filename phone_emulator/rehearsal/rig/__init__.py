"""The rig of a rehearsal: running clusters, their administrator, their phones."""
