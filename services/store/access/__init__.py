"""Access to the database: connections, roles, failures, notifications."""
