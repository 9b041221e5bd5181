"""The clusters of a rehearsal as their administrator names them."""

from collections.abc import Callable, Mapping

from tokenless.phone_emulator.errors import PhoneError
from tokenless.services.cluster.cluster import Cluster, Node
from tokenless.services.node.control.announce import announce

Say = Callable[[str], None]
"""Is given what commands print."""


class AdministeredClusters:
    """All clusters, found by their names and those of their nodes."""

    def __init__(self, by_name: Mapping[str, Cluster], first: str) -> None:
        self._by_name = by_name
        self._first = first

    @property
    def main(self) -> Cluster:
        """The first one, whose administrator it is unless a line says otherwise."""
        return self._by_name[self._first]

    def find(self, name: str | None) -> Cluster:
        """Return a cluster by its name, the first one for None.

        Raises:
            PhoneError: When there is none.
        """
        try:
            return self._by_name[name or self._first]
        except KeyError:
            raise PhoneError(
                f"there is no cluster {name}",
                hint=f"clusters are {', '.join(self._by_name)}",
            ) from None

    def find_node(self, name: str) -> tuple[Cluster, Node]:
        """Return a node by its name, with its cluster.

        Raises:
            PhoneError: When there is none.
        """
        for cluster in self._by_name.values():
            for node in cluster.nodes:
                if node.name == name:
                    return cluster, node
        nodes = (node.name for each in self._by_name.values() for node in each.nodes)
        raise PhoneError(
            f"there is no node {name} in any cluster",
            hint=f"nodes are {', '.join(nodes)}",
        )


def announce_change(cluster: Cluster, say: Say) -> None:
    """Tell the services of a change, and say what they made of it."""
    for delivery in announce(cluster):
        if (line := delivery.explain()) is not None:
            say(line)
