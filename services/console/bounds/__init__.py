"""What a browser can cost: bounds around hypercorn's connections, streams and frames.

All of it is for strangers and for browsers that attack; who is signed in does not
matter here. Hypercorn has no settings for it: `services.console.serving` puts these
classes in the place of its own.
"""
