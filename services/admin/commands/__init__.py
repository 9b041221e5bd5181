"""The commands of the shell; importing the package registers them all.

A new command is a function in the module of its kind, decorated with its words; its
docstring's first line is what `help` shows.
"""

from tokenless.services.admin.commands import (
    capf,
    certificates,
    ctl,
    files,
    fips,
    risdb,
    service,
    settings,
    show,
    sql,
)

__all__ = [
    "capf",
    "certificates",
    "ctl",
    "files",
    "fips",
    "risdb",
    "service",
    "settings",
    "show",
    "sql",
]
