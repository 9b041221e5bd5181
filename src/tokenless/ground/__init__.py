"""The floor that services and phones share: files of this machine, read and written.

It knows the pure ring and nothing of either outer one; its errors become theirs where
they call it.
"""
