"""The networks of one bundle, each loaded once and all on the same engine."""

from cxr_edge.bundle import Bundle
from cxr_edge.engines import Engine, choose_engine, load_network, precision_of
from cxr_edge.engines.resident import Resident


class Networks:
    """Opens networks by role when they are first asked for; ``close()`` gives their memory back.

    Attributes:
        threads: as they were asked for.
    """

    def __init__(self, bundle: Bundle, engine: str = "auto", threads: int | None = None) -> None:
        """Nothing is loaded yet.

        Args:
            bundle: where the networks are.
            engine: ``auto`` or a name of ``cxr_edge.engines.ENGINES``.
            threads: processors for each; default those this process may use.
        """
        self._bundle, self._engine, self.threads = bundle, engine, threads
        self._opened: dict[str, Engine] = {}

    def engine_of(self, role: str) -> str:
        """Name of the engine that a network will run on.

        Raises:
            EngineUnavailable: none can, or the one asked for cannot.
            BundleError: the bundle has no such network.
        """
        return choose_engine(self._engine, precision_of(self._bundle, role))

    def open(self, role: str, resident: Resident | None = None) -> Engine:
        """The network of a role, ready to run. It stays ours: do not close it.

        Args:
            role: of the network.
            resident: rows that it is to search as well; heeded when it is first opened.

        Raises:
            BundleError: the bundle has no such network, or its file is damaged.
            EngineUnavailable: the engine cannot run on this machine.
        """
        if role not in self._opened:
            self._opened[role] = load_network(
                self._bundle, role, self._engine, self.threads, resident
            )
        return self._opened[role]

    def close(self) -> None:
        """Close every network that was opened; a second close does nothing."""
        while self._opened:
            self._opened.popitem()[1].close()
