"""The administration shell of a node: its words, its questions, its answers."""
