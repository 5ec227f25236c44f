"""Maps the folders of the repository to packages of ``cxr_edge``; the rest is in pyproject.toml."""

from setuptools import find_packages, setup

SUBPACKAGES = ("export", "indexes", "benchmarks", "training")

package_dir = {"cxr_edge": "runtime", **{f"cxr_edge.{folder}": folder for folder in SUBPACKAGES}}
packages = [
    package + (f".{sub}" if sub else "")
    for package, folder in package_dir.items()
    for sub in ["", *find_packages(folder)]
]

setup(packages=packages, package_dir=package_dir)
