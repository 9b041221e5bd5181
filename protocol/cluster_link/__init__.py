"""Messages between the nodes of a cluster: registrations, and calls.

The vendor's own form (SDL, TCP 8002) is not public; this one is ours. `messages` has
its words, `stream` cuts a connection into them.
"""
