"""Phones of a rehearsal: groups that boot, and copies that tell what they would do."""
