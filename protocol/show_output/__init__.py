"""The output of `show ctl` and `show itl`: printed, and read back (REFERENCE 6.3)."""
