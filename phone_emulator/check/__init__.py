"""`tokenless check`: a cluster seen from outside, as its phones see it.

`observing` does all the talking: it fetches files from every TFTP node and asks every
TVS member. What it saw is an `Observation`, plain values; everything else here is pure.
`findings` has what can be wrong, as a catalogue and as a function for each subject;
`inspect` runs them all, `view` prints the result.
"""
