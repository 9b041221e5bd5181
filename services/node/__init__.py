"""A node's running services: their life, their control socket, their updates."""
