"""Certificates, names and signatures: read, written, verified."""
