"""HTTP as phones and monitoring need it, without I/O."""
