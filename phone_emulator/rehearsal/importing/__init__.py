"""Scripts from the trust lists of a real cluster.

`sources` reads what there is, `cluster` works out the cluster that made it, and
`script` writes that as a rehearsal. `approximations` has what differs from the real
cluster.
"""
