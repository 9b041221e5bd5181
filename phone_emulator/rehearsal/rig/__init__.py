"""The rig of a rehearsal: running clusters, their administrator, their phones.

`rig` performs the lines of a step: on `clusters`, through `admin_actions`, and with
`phones`. `resets` plays what follows a change by itself.
"""
