"""What runs in which precision when a network is exported in FP16."""

from collections.abc import Callable

import torch
from torch.utils._python_dispatch import TorchDispatchMode

DELICATE = ("_softmax", "native_layer_norm", "linalg_vector_norm")
"""Operations that lose too much in FP16."""


class _Watch(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.seen: set[tuple[str, torch.dtype]] = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if args and isinstance(args[0], torch.Tensor):
            self.seen.add((function.__name__.partition(".")[0], args[0].dtype))
        return function(*args, **(kwargs or {}))


def under_autocast(call: Callable[[], torch.Tensor]):
    """Run under FP16 autocast.

    Returns:
        The answer, and for each operation the precisions of its first input.
    """
    watch = _Watch()
    with torch.no_grad(), torch.autocast("cpu", torch.float16), watch:
        answer = call()
    kinds: dict[str, set[torch.dtype]] = {}
    for name, kind in watch.seen:
        kinds.setdefault(name, set()).add(kind)
    return answer, kinds
