"""The trust plane of a Cisco CUCM cluster, and the phones that live by it.

The code lives in three folders at the top of the repository; this package only
gives them one name. `tokenless.protocol` is the pure core, `tokenless.services` the
cluster's servers and administration, `tokenless.phone_emulator` the phones.
"""

__version__ = "0.1.0"
