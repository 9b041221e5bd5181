"""Many emulated phones at once.

`plan` says which phones, `store` keeps their flash, `fleet` boots them in one process,
`processes` in several, `report` counts.
"""
