"""The run of a script: one step after the other on a rig."""
