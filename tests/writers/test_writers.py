"""The registry of report formats: known names only, and nothing loaded before it is asked for."""

import subprocess
import sys

import pytest

from cxr_edge.errors import OutputError
from cxr_edge.writers import get_writer


def test_unknown_format_names_the_known_ones():
    with pytest.raises(OutputError, match="choose one of text, json, html, sr"):
        get_writer("pdf")


def test_listing_formats_loads_none_and_only_sr_loads_pydicom():
    program = (
        "import sys, cxr_edge.writers as w\n"
        "assert not [m for m in sys.modules if m.startswith('cxr_edge.writers.')]\n"
        "for name in ('text', 'json', 'html'): w.get_writer(name)\n"
        "print('pydicom' in sys.modules)\n"
        "w.get_writer('sr'); print('pydicom' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.split() == [b"False", b"True"]
