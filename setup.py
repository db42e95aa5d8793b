"""The packages of a wheel, which pyproject.toml cannot say: `plugins/` becomes `bundled`, a folder of `ductile`."""

from setuptools import find_namespace_packages, setup

setup(
    packages=[*find_namespace_packages(include=["ductile*"]), "ductile.bundled"],
    package_dir={"ductile.bundled": "plugins"},
)
