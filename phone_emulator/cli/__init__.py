"""The commands of `tokenless` that belong to the phones."""
