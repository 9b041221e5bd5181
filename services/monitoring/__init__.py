"""What a process tells those who watch over it: metrics, health, systemd."""
