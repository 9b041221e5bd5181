"""Phones: models, configuration files, certificates, security settings."""
