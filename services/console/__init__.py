"""The administration pages of a cluster in a browser, over HTTPS.

Pages are drawn on the server. What one changes is a function of `services.changes`, as
for the shell; nothing is kept here but sessions, and what nodes are asked over their
control sockets.
"""
