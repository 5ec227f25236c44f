"""Key lists of published checkpoints, kept beside the project."""

from collections.abc import Callable

import pytest

Shapes = dict[str, tuple[int, ...]]


@pytest.fixture(scope="session")
def published_shapes(shared_data) -> Callable[[str], Shapes]:
    """Shape by key of a published checkpoint, by the name of its list."""

    def read(name: str) -> Shapes:
        path = shared_data.parent / "reference" / "checkpoint-keys" / f"{name}.tsv"
        if not path.is_file():
            pytest.skip(f"the published keys are not here: {path} is missing")
        rows = (line.split("\t") for line in path.read_text().splitlines()[1:])
        return {
            key: () if shape == "scalar" else tuple(int(n) for n in shape.split("x"))
            for key, shape, *_ in rows
        }

    return read
