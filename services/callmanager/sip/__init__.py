"""Phones that speak SIP: sessions, registrations, calls."""
