"""`tokenless rehearse plan`: the shortest order of steps that locks no phone out.

A model of a cluster and its phones without keys, files or sockets: a certificate is an
identity (unit, node, generation), a list is a signer and a set of identities with
roles. In `model`, `phones` decides by the same table as real phones do
(`protocol.trust.verdicts`) and `steps` says what each command changes; `search` looks
for the shortest safe order; `plan`, `report` and `runbook` say what it found.
"""
