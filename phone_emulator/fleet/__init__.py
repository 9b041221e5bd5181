"""Many emulated phones in one process.

`plan` says which phones, `store` keeps their flash, `fleet` boots, `report` counts.
"""
