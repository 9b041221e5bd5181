"""The Trust Verification Service: messages, and the stream that carries them."""
