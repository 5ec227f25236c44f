"""The runtime itself, from the file of a study to the written draft."""

from pathlib import Path
from time import perf_counter

from cxr_edge.atomic import write_atomically
from cxr_edge.benchmarks.claims.system import Answer, Setup
from cxr_edge.pipeline import Pipeline
from cxr_edge.writers import get_writer


class Ours:
    """A ``Pipeline`` and the text writer, as ``cxr-run STUDY --out FILE`` uses them."""

    def __init__(self, setup: Setup) -> None:
        """Open bundle and index.

        Raises:
            CxrEdgeError: as ``Pipeline.load``.
        """
        self._pipeline = Pipeline.load(
            setup.bundle,
            setup.index or None,
            engine=setup.engine,
            method=setup.method,
            k=setup.k,
            threads=setup.threads,
        )
        self._writer = get_writer("text")
        self.note = str(self._pipeline.provenance.get("search", ""))

    def draft(self, study: Path, out: Path, number: int) -> Answer:
        """See ``System``."""
        started = perf_counter()
        opened = self._pipeline.read(study)
        read_ms = (perf_counter() - started) * 1e3
        report = self._pipeline.draft(opened, read_ms=read_ms)
        drafted = perf_counter()
        write_atomically(out, self._writer.render(report))
        write_ms = (perf_counter() - drafted) * 1e3
        return Answer(
            tuple(dict.fromkeys(hit.text for hit in report.sentences)),
            {**report.timings_ms, "write": write_ms},
        )

    def close(self) -> None:
        """See ``System``."""
        self._pipeline.close()
