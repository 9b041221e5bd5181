"""The services that a node runs, and how they are supervised."""
