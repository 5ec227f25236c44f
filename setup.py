"""Maps the folders of the repository to packages of ``cxr_edge``, and names the two extensions.

One searches large indexes faster, the other reads and resizes pixels faster; without a C compiler
the install succeeds without them, and so it does with CXR_EDGE_NO_NATIVE=1. They use Python's
stable ABI: one build serves 3.11 and later. The rest is in pyproject.toml.
"""

import os
from glob import glob

from setuptools import Extension, find_packages, setup

SUBPACKAGES = ("export", "indexes", "benchmarks", "serving", "training")

package_dir = {"cxr_edge": "runtime", **{f"cxr_edge.{folder}": folder for folder in SUBPACKAGES}}
packages = [
    package + (f".{sub}" if sub else "")
    for package, folder in package_dir.items()
    for sub in ["", *find_packages(folder)]
]


def native(package: str, folder: str, compile_args: list[str], link_args: list[str]) -> Extension:
    """The extension of a folder of C; what all share lies in runtime/native."""
    return Extension(
        f"{package}._native",
        sources=sorted(glob(f"{folder}/*.c")),
        depends=sorted([*glob(f"{folder}/*.h"), *glob("runtime/native/*.h")]),
        include_dirs=["runtime/native"],
        define_macros=[("Py_LIMITED_API", "0x030B0000")],
        extra_compile_args=compile_args,
        extra_link_args=link_args,
        py_limited_api=True,
        optional=True,
    )


reader = native(
    "cxr_edge.indexes.native",
    "indexes/native",
    [] if os.name == "nt" else ["-std=c11", "-O3"],
    [],
)
# Products are not fused with sums, so that every instruction set gives the same bits. No value in
# there is infinite or not a number; that lets a comparison become one instruction.
pixels = native(
    "cxr_edge.preprocess.native",
    "runtime/preprocess/native",
    [
        *("-std=c11", "-O3", "-g0", "-fvisibility=hidden", "-pthread", "-ffp-contract=off"),
        *("-ffinite-math-only", "-fno-signed-zeros", "-fno-trapping-math"),
    ],
    ["-pthread"],
)
# The pixel path is written for POSIX; elsewhere numpy does its work.
extensions = [reader] if os.name == "nt" else [reader, pixels]

setup(
    packages=packages,
    package_dir=package_dir,
    ext_modules=[] if os.environ.get("CXR_EDGE_NO_NATIVE") == "1" else extensions,
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
