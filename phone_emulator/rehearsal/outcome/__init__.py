"""The outcome of a step: status of each group, causes, remedies, expectations."""
