"""How the database is reached: connections, roles, failures, notifications."""
