"""A cluster opened: its database, its data folder, its nodes and their keys."""
