"""Clusters that tests share: one for each configuration, put back for each test."""

import warnings
from contextlib import ExitStack
from typing import Self

import pytest

from tokenless.phone_emulator.pytest_plugin.configuration import LabConfig
from tokenless.phone_emulator.pytest_plugin.containers import ContainerCluster
from tokenless.phone_emulator.pytest_plugin.lab import LabCluster, running_lab
from tokenless.protocol.errors import TokenlessError


class SharedLabs:
    """The labs of one run of pytest (of one worker of pytest-xdist)."""

    def __init__(self) -> None:
        self._labs: dict[str, tuple[LabCluster, ExitStack]] = {}

    def __enter__(self) -> Self:
        """Begin without labs."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop all labs."""
        for key in list(self._labs):
            self._stop(key)

    def lab(self, config: LabConfig) -> LabCluster:
        """Return the lab of a configuration as it was after its start.

        One that cannot be put back is stopped, and another one started; a warning says
        why.

        Raises:
            ConfigurationError: When the configuration cannot be used.
            PhoneError: When its services do not start.
        """
        key, why = repr(config), None
        if key in self._labs:
            lab, _ = self._labs[key]
            try:
                lab.restore()
            except (TokenlessError, OSError) as error:
                why = error
                self._stop(key)
            else:
                return lab
        with ExitStack() as stack:
            lab = stack.enter_context(running_lab(config))
            lab.snapshot()
            self._labs[key] = lab, stack.pop_all()
        if why is not None:  # said last: a filter may make an error of it
            warnings.warn(
                f"a cluster could not be put back and was started anew: {why}",
                pytest.PytestWarning,
                stacklevel=2,
            )
        return lab

    def _stop(self, key: str) -> None:
        _, stack = self._labs.pop(key)
        stack.close()


class SharedContainers:
    """Clusters in containers: one for each configuration, for one run of pytest."""

    def __init__(self, image: str, engine: str | None) -> None:
        self._image = image
        self._engine = engine
        self._clusters: dict[str, ContainerCluster] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Begin without clusters."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove all clusters."""
        self._stack.close()

    def cluster(self, config: LabConfig) -> ContainerCluster:
        """Return the cluster of a configuration; start it when it is the first time.

        Raises:
            ConfigurationError: When the configuration cannot be used.
            PhoneError: When the engine refuses, or a node does not start.
        """
        key = repr(config)
        if key not in self._clusters:
            cluster = ContainerCluster(self._image, config, engine=self._engine)
            self._clusters[key] = self._stack.enter_context(cluster)
        return self._clusters[key]
