r"""The way the tables of this package are written.

A table cell is a block of text with one alternative a line, or several divided by " | ". A word in
angle brackets stands for a named block: ``<silhouette>``. Alternatives are regular expressions in
which a blank is a blank.
"""

import re
from collections.abc import Mapping

_NAME = re.compile(r"<([a-z_]+)>")


def pattern(block: str, names: Mapping[str, str] | None = None) -> str:
    """Join a block's alternatives to one regular expression, named blocks filled in.

    Args:
        block: Alternatives, one a line or divided by " | "; empty lines are left out.
        names: The named blocks, by name.

    Raises:
        KeyError: The block uses a name that is not there.
    """
    named = names or {}
    alternatives = (part.strip() for line in block.splitlines() for part in line.split(" | "))
    joined = "|".join(part for part in alternatives if part)
    return _NAME.sub(lambda name: f"(?:{pattern(named[name.group(1)], named)})", joined)
