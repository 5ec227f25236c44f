"""The committed index is what ``cxr-index build grammar`` makes of the committed bundle."""

from pathlib import Path

import numpy as np
from click.testing import CliRunner

from cxr_edge.indexes.cli import index
from cxr_edge.indexes.container import DATA, MANIFEST
from cxr_edge.indexes.search import SentenceIndex
from cxr_edge.indexes.verifying import verify_values
from cxr_edge.pipeline import DEFAULT_DATA

COMMITTED = DEFAULT_DATA / "index"


def test_the_committed_index_is_what_the_build_makes(tmp_path: Path) -> None:
    """If the grammar, the bundle or the format was changed on purpose, build it anew and commit."""
    out = tmp_path / "index"
    arguments = ["build", "grammar", "--bundle", str(DEFAULT_DATA / "bundle"), "--out", str(out)]
    done = CliRunner().invoke(index, [*arguments, "--name", "grammar"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    built, committed = SentenceIndex.open(out), SentenceIndex.open(COMMITTED)
    np.testing.assert_allclose(built.vectors, committed.vectors, atol=1e-6)
    if not np.array_equal(built.vectors, committed.vectors):
        # Another processor or engine may round the network's last digit differently.
        changed = {"files", "digest"}
        for key in set(built.manifest) | set(committed.manifest):
            assert key in changed or built.manifest.get(key) == committed.manifest.get(key), key
        return
    for name in (MANIFEST, DATA):
        assert (out / name).read_bytes() == (COMMITTED / name).read_bytes(), name


def test_every_value_of_the_committed_index_is_sound() -> None:
    committed = SentenceIndex.open(COMMITTED)
    verify_values(committed)
    assert len(committed) > 5000
