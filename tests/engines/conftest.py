"""Each engine that is present runs the tests that ask for one; the rest say why they cannot."""

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError

import pytest

from cxr_edge.engines import ENGINES, packages, probe_all


@pytest.fixture(params=list(ENGINES))
def engine_name(request: pytest.FixtureRequest) -> str:
    answer = probe_all()[request.param]
    if not answer.available:
        pytest.skip(f"engine {request.param}: {answer.detail}")
    return str(request.param)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, str]], None]:
    """Takes the versions of the packages that are to count as installed, and no others."""

    def install(versions: dict[str, str]) -> None:
        def version(package: str) -> str:
            if package in versions:
                return versions[package]
            raise PackageNotFoundError(package)

        monkeypatch.setattr(packages, "version", version)
        monkeypatch.setattr(packages, "distribution", version)

    return install
