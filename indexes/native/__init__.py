"""The compiled reader, where it could be built; everything but the graph works without it."""

from types import ModuleType

reader: ModuleType | None
"""The extension module, or None."""
MISSING: str
"""Why there is no reader, and what to do; empty where there is one."""

try:
    import cxr_edge.indexes.native._native as _native

    reader, MISSING = _native, ""
except ModuleNotFoundError:
    reader = None
    MISSING = "the compiled reader is not installed; install a C compiler and cxr-edge again"
except ImportError as problem:
    reader = None
    reason = str(problem).partition("\n")[0]
    MISSING = f"the compiled reader does not load ({reason}); install cxr-edge again"

FAST = reader is not None and reader.kernels()[0] != "scalar"
"""Whether the reader knows this processor's vector instructions; without them numpy is faster."""
