"""The search for the shortest order that locks no phone out, and what is at risk."""
