"""Phones that speak SCCP: sessions, soft keys, calls."""
