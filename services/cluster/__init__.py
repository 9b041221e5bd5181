"""An open cluster: its database, its data folder, its nodes and their keys."""
