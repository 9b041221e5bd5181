"""A change under faults: each mistake or failure of a catalogue, played with phones."""
