"""Certificates, keys and tokens: making them, keeping keys, signing with them."""
