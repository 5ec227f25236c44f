"""Which packages the engines need, which are installed, and the command that puts it right.

Versions are those of this project's own metadata: one list, in pyproject.toml.
"""

import re
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution, requires, version

_REQUIREMENT = re.compile(r"([\w.-]+)\s*(?:>=|==)\s*([\d.]+).*extra\s*==\s*[\"'](\w+)[\"']")


def found(package: str) -> str | None:
    """Version of an installed package; None where it is not installed. Imports nothing."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def present(package: str) -> bool:
    """Whether a package is installed; cheaper than its version, for which a file is parsed."""
    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True


def required(package: str, extra: str) -> str | None:
    """Lowest version of a package that an extra of this project asks for, if any."""
    try:
        lines = requires("cxr-edge") or []
    except PackageNotFoundError:  # run from a folder, never installed
        return None
    for line in lines:
        match = _REQUIREMENT.match(line)
        if match and match[1] == package and match[3] == extra:
            return match[2]
    return None


@dataclass(frozen=True)
class Need:
    """A package, library or driver that an engine cannot do without."""

    name: str
    required: str
    """Lowest version; empty where any will do, or where the name says it (``libcudnn.so.9``)."""
    found: str | None
    """Version that is here; None where there is none."""
    fix: str | None
    """What to do, in the form of ``run: ...`` or a plain sentence; None where all is well."""

    @property
    def complaint(self) -> str | None:
        """What is wrong and what to do, in one line; None where all is well."""
        if self.fix is None:
            return None
        if self.found is None:
            return f"{self.name} is not installed; {self.fix}"
        return (
            f"{self.name} {self.found} is installed, {self.required} or later is needed; {self.fix}"
        )


def package(name: str, extra: str) -> Need:
    """A Python package that an extra of this project installs. Imports nothing."""
    present, lowest = found(name), required(name, extra) or ""
    fix = None
    if present is None:
        fix = f"run: pip install 'cxr-edge[{extra}]'"
    elif lowest and numbers(present) < numbers(lowest):
        fix = f"run: pip install --upgrade 'cxr-edge[{extra}]'"
    return Need(name, lowest, present, fix)


def numbers(text: str) -> tuple[int, ...]:
    """The leading numbers of a version, to compare by: ``1.24.0rc1`` gives ``(1, 24, 0)``."""
    match = re.match(r"\d+(?:\.\d+)*", text)
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def both_runtimes(extra: str) -> str | None:
    """What to do about two distributions that provide the module ``onnxruntime``, if both are here.

    The one installed later has overwritten the earlier, file by file.

    Args:
        extra: the extra of this project that installs the one which is wanted.
    """
    if present("onnxruntime") and present("onnxruntime-gpu"):
        return (
            "onnxruntime and onnxruntime-gpu are both installed and overwrite each other; run: "
            "pip uninstall -y onnxruntime onnxruntime-gpu && pip install "
            f"'cxr-edge[{extra}]'"
        )
    return None
