"""Whether a folder holds a cluster or a node, and what to say where it does not."""

from difflib import get_close_matches
from pathlib import Path
from typing import Final

from tokenless.services.errors import ServiceError, UnreadableFileError

CONFIG_FILE: Final = "cluster.json"
KEYS: Final = "keys"
"""Folder of a node's private keys, in the node's."""
ELSEWHERE: Final = "elsewhere"
"""The file in a node's folder that exists when another host serves the node."""


def is_node_here(folder: Path) -> bool:
    """Tell whether this host serves a node: its keys are here, and not handed over."""
    return (folder / KEYS).is_dir() and not (folder / ELSEWHERE).exists()


def no_cluster_in(data: Path) -> ServiceError:
    """Report that a folder has no cluster, and suggest a similar name."""
    try:
        neighbours = [each.parent.name for each in data.parent.glob(f"*/{CONFIG_FILE}")]
    except OSError:
        neighbours = []
    meant = [
        str(data.with_name(name)) for name in get_close_matches(data.name, neighbours)
    ]
    guess = f"did you mean {' or '.join(meant)}? " if meant else ""
    is_there = data.exists()
    what = "holds no cluster" if is_there else "does not exist"
    return (ServiceError if is_there else UnreadableFileError)(
        f"the data folder {data} {what}",
        hint=f"{guess}`tokenless init --data {data}` makes one",
    )
