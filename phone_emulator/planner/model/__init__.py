"""The model: a cluster, its phones, the steps of a change, and the task of a plan."""
