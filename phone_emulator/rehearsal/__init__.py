"""Rehearsals: a scripted change, played with real services and real emulated phones.

`script` reads what is to be played, `lines` parses its steps into `actions`. `stage`
sets up clusters (`site`), their administrator (`office`) and the phones (`cast`);
`player` walks the steps. After each of them `standing` says how every group of phones
stands, `remedies` what would recover it, `causes` why in plain words, and
`expectations` whether that was expected. `narrative` tells it on a terminal,
`html_report` on a page. The demo is a rehearsal.
"""
