"""Rehearsals: a scripted change, played with real services and real emulated phones.

`script` reads what is to be played, `actions` parses its lines, `stage` holds the
cluster and the phones, `player` walks the steps, `expectations` compares. The demo is
a rehearsal.
"""
