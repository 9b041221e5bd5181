"""Monitoring of a process: metrics, health, systemd."""
