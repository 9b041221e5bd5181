"""What a browser can cost: bounds around hypercorn's connections, streams and frames.

These bounds are against attacks: they hold for strangers and for users who are signed
in. Hypercorn has no settings for them: `services.console.serving` puts these classes in
the place of its own.
"""
