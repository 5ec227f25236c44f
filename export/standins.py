"""What a pickle of torch gets in the place of every Python name that it asks for.

Tensors become descriptions of where their numbers lie; objects that checkpoints are known to carry
(settings, paths, callbacks) become empty shells; nothing is imported. A stand-in is made anew for
each request, because a pickle may change what it was given.
"""

from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Callable, Iterable

from cxr_edge.export.stored import ITEMSIZE, StorageReference, StoredTensor

_STORAGES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
    "UntypedStorage": "uint8",
}

_INERT_MODULES = (
    "addict",
    "argparse",
    "datetime",
    "easydict",
    "lightning",
    "lightning_fabric",
    "lightning_utilities",
    "ml_collections",
    "numpy._core.multiarray",
    "numpy.core.multiarray",
    "numpy.dtypes",
    "omegaconf",
    "pathlib",
    "pytorch_lightning",
    "torch.torch_version",
    "typing",
    "yacs",
)
"""Modules whose objects stand beside the tensors in checkpoints of common trainers."""

_INERT_NAMES = frozenset(
    {
        *(f"collections.{name}" for name in ("defaultdict", "Counter", "deque")),
        *(
            f"builtins.{name}"
            for name in (
                *("bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset", "int"),
                *("list", "object", "set", "slice", "str", "tuple"),
            )
        ),
        "_codecs.encode",
        "copyreg._reconstructor",
        "numpy.dtype",
        "numpy.ndarray",
        "torch.Tensor",
        "torch.device",
        "torch.nn.parameter.Buffer",
        "torch.nn.parameter.Parameter",
        "torch.serialization._get_layout",
    }
)


class Shell:
    """Stands for an object that is not needed; takes what it is given and keeps nothing."""

    def __new__(cls, *_: object, **__: object) -> "Shell":
        """Whatever the arguments."""
        return super().__new__(cls)

    def __init__(self, *_: object, **__: object) -> None:
        """Whatever the arguments."""

    def __setstate__(self, state: object) -> None:
        """Keep nothing."""

    def __setitem__(self, key: object, value: object) -> None:
        """Keep nothing."""

    def append(self, item: object) -> None:
        """Keep nothing."""

    def extend(self, items: object) -> None:
        """Keep nothing."""

    add = append
    update = extend


class ScriptModule:
    """Stands for a module of a TorchScript archive: only what it holds, none of its code."""

    held: object = None

    def __setstate__(self, state: object) -> None:
        """Keep the attributes by name."""
        self.held = state


def _tensor(
    storage: StorageReference,
    offset: int,
    shape: tuple[int, ...],
    stride: tuple[int, ...],
    *_: object,
) -> StoredTensor:
    numbers = (offset, storage.base, *shape, *stride)
    if len(shape) != len(stride) or any(type(n) is not int or n < 0 for n in numbers):
        raise ValueError("a tensor of impossible shape")
    place = storage.base + offset
    return StoredTensor(storage.key, storage.dtype, place, tuple(shape), tuple(stride))


def _typed_tensor(
    storage: StorageReference,
    offset: int,
    shape: tuple[int, ...],
    stride: tuple[int, ...],
    grad: object,
    hooks: object,
    dtype: str,
    *_: object,
) -> StoredTensor:
    if dtype not in ITEMSIZE:
        raise ValueError("a tensor of unknown type")
    return _tensor(storage._replace(dtype=dtype), offset, shape, stride)


def _first(value: object = (), *_: object) -> object:
    return value


def _subclass(
    build: Callable[..., object], _: object, arguments: Iterable[object], *__: object
) -> object:
    return build(*arguments)


_CALLS: dict[str, Callable[..., object]] = {
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _typed_tensor,
    "torch._utils._rebuild_parameter": _first,
    "torch._utils._rebuild_parameter_with_state": _first,
    "torch._tensor._rebuild_from_type_v2": _subclass,
    "torch.Size": _first,
    "torch.jit._pickle.build_boollist": _first,
    "torch.jit._pickle.build_doublelist": _first,
    "torch.jit._pickle.build_intlist": _first,
    "torch.jit._pickle.build_tensorlist": _first,
    "torch.jit._pickle.restore_type_tag": _first,
}


class RefusedNameError(Exception):
    """A pickle asked for a name that no checkpoint needs; the name is the argument."""


def stand_in(module: str, name: str) -> object:
    """The stand-in for ``module.name``.

    Raises:
        RefusedNameError: no checkpoint needs that name.
    """
    # Torch writes the second protocol, in which Python 3's names stand under those of Python 2.
    module, name = NAME_MAPPING.get((module, name), (IMPORT_MAPPING.get(module, module), name))
    full = f"{module}.{name}"
    if full in _CALLS:
        call = _CALLS[full]
        return lambda *arguments: call(*arguments)
    if module == "torch" and name in ITEMSIZE:
        return name
    if module in ("torch", "torch.storage", "torch.cuda") and name in _STORAGES:
        return _STORAGES[name]
    if full == "collections.OrderedDict":
        return type(name, (dict,), {})
    if module == "__torch__" or module.startswith("__torch__."):
        return type("ScriptModule", (ScriptModule,), {})
    known = any(module == root or module.startswith(f"{root}.") for root in _INERT_MODULES)
    if (known and "." not in name) or full in _INERT_NAMES:
        return type("Shell", (Shell,), {})
    raise RefusedNameError(full)
