"""What the engines on ONNX Runtime have in common: the import, a session, the provider it took."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from types import ModuleType
from typing import TYPE_CHECKING

from cxr_edge.engines.base import Weights
from cxr_edge.errors import BundleError, EngineUnavailable

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Provider = str | tuple[str, Mapping[str, str]]


def reason(problem: Exception) -> str:
    """What a library says of itself, in one line of bearable length."""
    return " ".join(str(problem).split())[:200]


def runtime(distribution: str) -> ModuleType:
    """Import the library, with its CUDA libraries where it has any.

    Args:
        distribution: its name, for the message.

    Raises:
        EngineUnavailable: it does not import.
    """
    try:
        import onnxruntime as ort

        ort.disable_telemetry_events()  # on Windows the environment variable is not heeded
        if distribution == "onnxruntime-gpu":
            with redirect_stdout(sys.stderr):  # results go to standard output, complaints do not
                ort.preload_dlls()
    except Exception as problem:  # half an installation fails in any way
        raise EngineUnavailable(
            f"{distribution} does not import ({reason(problem)}); run: "
            f"pip install --force-reinstall {distribution}"
        ) from None
    library: ModuleType = ort
    return library


def open_session(
    ort: ModuleType, model: bytes, weights: Weights, threads: int, providers: Sequence[Provider]
) -> "InferenceSession":
    """A session on the providers asked for, and no other.

    Args:
        ort: the library.
        model: the ONNX graph.
        weights: files in which it keeps its weights.
        threads: processors of the parts that run on them.
        providers: the first of them has to be the first that the session takes.

    Raises:
        BundleError: it cannot load the graph.
        EngineUnavailable: it has no such provider, or took another.
    """
    wanted = providers[0] if isinstance(providers[0], str) else providers[0][0]
    offered = ort.get_available_providers()
    if wanted not in offered:
        raise EngineUnavailable(f"asked for {wanted}, this onnxruntime has {', '.join(offered)}")
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Waiting threads would otherwise spin and take the core that decodes the next study.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        if weights:
            # The very bytes that were checked, not a path that could hold others by now. They
            # are copied while the session is made; until then `weights` keeps them alive.
            options.add_external_initializers_from_files_in_memory(
                list(weights), list(weights.values()), [len(w) for w in weights.values()]
            )
        session = ort.InferenceSession(model, options, providers=list(providers))
    except Exception as problem:
        raise BundleError(f"ONNX Runtime cannot load the network: {reason(problem)}") from None
    used = session.get_providers()
    # It may append the processor for what a GPU does not do; first is the one that does the work.
    if used[0] != wanted:
        raise EngineUnavailable(f"asked for {wanted}, ONNX Runtime took {', '.join(used)}")
    return session
