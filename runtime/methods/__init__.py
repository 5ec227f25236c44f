"""Report methods by name. To add one: write ``<name>.py`` here and add its line below."""

from importlib import import_module
from typing import cast

from cxr_edge.errors import MethodError
from cxr_edge.methods.base import Method, MethodInput

__all__ = ["METHODS", "Method", "MethodInput", "get_method"]

METHODS: dict[str, str] = {
    "guided": "cxr_edge.methods.guided",
    "select": "cxr_edge.methods.select",
    "top-k": "cxr_edge.methods.top_k",
    "report": "cxr_edge.methods.report",
}


def get_method(name: str) -> Method:
    """The method of a name.

    Raises:
        MethodError: no such method; the message lists the known ones.
    """
    if name not in METHODS:
        raise MethodError(f"unknown method {name!r}; known: {', '.join(METHODS)}")
    return cast(Method, import_module(METHODS[name]))
