"""Report methods by name. To add one: write ``<name>.py`` here and add its line below."""

from importlib import import_module
from typing import Any, cast

from cxr_edge.errors import MethodError
from cxr_edge.methods.base import Method, Parts

__all__ = ["METHODS", "Method", "Parts", "get_method"]

METHODS: dict[str, str] = {
    "guided": "cxr_edge.methods.guided:Guided",
    "select": "cxr_edge.methods.select:Select",
    "top-k": "cxr_edge.methods.top_k:TopK",
    "report": "cxr_edge.methods.report:BestReport",
    "nearest-image": "cxr_edge.methods.nearest_image:NearestImage",
    "generate": "cxr_edge.methods.generate:Generate",
    "describe": "cxr_edge.methods.generate:Describe",
}
"""Where the class of each method is, as ``module:class``."""


def get_method(name: str) -> type[Method[Any]]:
    """The class of a method.

    Raises:
        MethodError: no such method; the message lists the known ones.
    """
    if name not in METHODS:
        raise MethodError(f"unknown method {name!r}; known: {', '.join(METHODS)}")
    module, _, method = METHODS[name].partition(":")
    return cast(type[Method[Any]], getattr(import_module(module), method))
