"""What every report says of the parts that made it."""

from importlib.metadata import version
from pathlib import Path

import cxr_edge
from cxr_edge.pipeline import Pipeline


def test_provenance_names_the_parts_that_are_bound(phantom: Path) -> None:
    with Pipeline.load(engine="cpu", method="select", threads=1) as pipeline:
        made = pipeline.run(phantom).provenance
        assert made == pipeline.provenance
        assert made["software"] == f"cxr-edge {version('cxr-edge')}"
        assert made["bundle_sha256"] == pipeline.bundle.digest
        assert made["recipe_sha256"] == pipeline.bundle.recipe.digest
        assert made["index_sha256"] == pipeline.index.digest
        assert made["index_rows"] == len(pipeline.index)
        assert (made["method"], made["engine"], made["threads"]) == ("select", "cpu", 1)


def test_a_report_whose_provenance_is_changed_changes_no_other(phantom: Path) -> None:
    with Pipeline.load(engine="cpu", method="top-k", threads=1) as pipeline:
        first = pipeline.run(phantom).provenance
        assert isinstance(first, dict)
        first["bundle"] = "another"
        assert pipeline.run(phantom).provenance["bundle"] == pipeline.bundle.name


def test_the_installed_version_is_the_stated_one() -> None:
    assert cxr_edge.__version__ == version("cxr-edge")
