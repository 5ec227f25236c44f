"""Where the numbers of a tensor lie inside a checkpoint file."""

from typing import NamedTuple

ITEMSIZE = {
    **dict.fromkeys(("bool", "uint8", "int8", "float8_e4m3fn", "float8_e5m2"), 1),
    **dict.fromkeys(("int16", "uint16", "float16", "bfloat16"), 2),
    **dict.fromkeys(("int32", "uint32", "float32"), 4),
    **dict.fromkeys(("int64", "uint64", "float64", "complex64"), 8),
    "complex128": 16,
}
"""Bytes of one element, by torch's name of the type."""


class StoredTensor(NamedTuple):
    """Where a tensor's numbers lie.

    Attributes:
        storage: name of the run of bytes that holds it.
        dtype: torch's name without ``torch.``, such as ``float32``.
        offset: of its first element, in elements.
        shape: sizes.
        stride: distance of neighbours along each axis, in elements.
    """

    storage: str
    dtype: str
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    @property
    def elements(self) -> int:
        """Number of elements."""
        count = 1
        for size in self.shape:
            count *= size
        return count

    @property
    def reach(self) -> int:
        """Bytes of the storage that must be there."""
        if self.elements == 0:
            return 0
        pairs = zip(self.shape, self.stride, strict=True)
        last = self.offset + sum((size - 1) * step for size, step in pairs)
        return (last + 1) * ITEMSIZE[self.dtype]


class StorageReference(NamedTuple):
    """What a persistent id of a pickle names: a run of bytes outside of it.

    Attributes:
        key: its name.
        dtype: type of its elements.
        base: element at which a view into it begins; old files only.
    """

    key: str
    dtype: str
    base: int
