"""`tokenless check`: a cluster seen from outside, as its phones see it.

`observe` does all the talking: it fetches files from every TFTP node and asks every TVS
member. What it saw is an `Observation`, plain values; everything else here is pure and
reads findings from it. `replay` boots phones on it: the decisions are SECD's own.
"""
