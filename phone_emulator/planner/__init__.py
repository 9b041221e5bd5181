"""`tokenless rehearse plan`: which order of steps leaves no phone behind?

A model of a cluster and its phones without keys, files or sockets: a certificate is an
identity (unit, node, generation), a list is a signer and a set of identities with
roles. `phones` decides by the same table as real phones do (`protocol.trust.verdicts`),
`steps` says what each command changes, `search` looks for the shortest safe order.
"""
