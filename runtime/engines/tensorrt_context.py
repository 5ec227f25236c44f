"""One optimization profile of a loaded plan at work, on buffers that are allocated once per shape.

Inputs wait in page-locked memory, copies and network follow one another on one stream, and what
comes back is waited for once. With ``capture`` all of that is recorded as a CUDA graph the second
time a set of shapes comes, and then begun by one call. A recorded graph keeps to the state of its
execution context, so that each has a context of its own. Not yet run on a GPU.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxr_edge.engines.base import Arrays
from cxr_edge.engines.cuda_device import Device
from cxr_edge.errors import BundleError, EngineUnavailable

KEPT = 8
"""Sets of shapes whose buffers are kept; the one used longest ago goes first."""

Shapes = tuple[tuple[str, tuple[int, ...]], ...]


@dataclass
class _Bound:
    """One set of input shapes, ready to run again."""

    number: int
    context: Any
    given: dict[str, NDArray[Any]]
    """Page-locked, by input."""
    made: dict[str, NDArray[Any]] = field(default_factory=dict)
    """Page-locked, by output."""
    addresses: dict[str, int] = field(default_factory=dict)
    graph: int = 0
    """Handle of what was recorded; 0 where nothing was."""
    ran: bool = False


class Profile:
    """Runs batches that one optimization profile covers; one thread at a time."""

    def __init__(
        self,
        device: Device,
        number: int,
        types: Mapping[str, np.dtype[Any]],
        resident: Mapping[str, int],
        new_context: Callable[[int], Any],
        *,
        capture: bool,
        complain: Callable[[str], Exception],
    ) -> None:
        """Nothing is allocated yet.

        Args:
            device: where everything is; it stays the caller's.
            number: of the profile in the plan.
            types: of every tensor that is not resident, by name; inputs and outputs.
            resident: addresses of inputs that never change.
            new_context: makes an execution context that is set to a profile.
            capture: record runs as CUDA graphs.
            complain: the exception for a run that failed, from what was being done.
        """
        self._device, self._number, self._types = device, number, types
        self._resident, self._new_context = resident, new_context
        self._capture, self._complain = capture, complain
        self._shared: Any = None
        self._bound: OrderedDict[Shapes, _Bound] = OrderedDict()
        self._count = 0

    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        """Run the network once.

        Raises:
            BundleError: an input is beyond the plan's profile.
            EngineUnavailable: the GPU failed.
        """
        shapes = tuple((name, array.shape) for name, array in inputs.items())
        if shapes not in self._bound:
            self._bound[shapes] = self._bind(inputs)
            if len(self._bound) > KEPT:
                self._release(self._bound.popitem(last=False)[1])
        bound = self._bound[shapes]
        self._bound.move_to_end(shapes)
        for name, array in inputs.items():
            np.copyto(bound.given[name], array)
        if not bound.graph and self._capture and bound.ran:
            self._record(bound)
        if bound.graph:
            self._device.launch(bound.graph)
        else:
            self._tell(bound)
            self._enqueue(bound)
        self._device.wait()
        bound.ran = True
        return {name: array.copy() for name, array in bound.made.items()}

    def _bind(self, inputs: Arrays) -> _Bound:
        """Allocate for these shapes."""
        self._count += 1
        if self._shared is None or self._capture:
            self._shared = self._new_context(self._number)
        pinned = self._device.pinned
        given = {name: pinned(array.shape, array.dtype) for name, array in inputs.items()}
        bound = _Bound(self._count, self._shared, given)
        for name, array in given.items():
            if not bound.context.set_input_shape(name, array.shape):
                raise BundleError(
                    f"the network does not run on its input: {name} of shape {array.shape} is "
                    "outside of the plan's profile; try --engine cuda or cpu"
                )
        for name in self._types.keys() - inputs.keys():
            shape = tuple(bound.context.get_tensor_shape(name))
            if min(shape, default=0) < 0:
                raise BundleError(f"output {name} has no shape before the network has run")
            bound.made[name] = pinned(shape, self._types[name])
        for name, array in {**bound.given, **bound.made}.items():
            place = self._device.buffer(self._label(bound, name), array.nbytes)
            bound.addresses[name] = place
        return bound

    def _label(self, bound: _Bound, name: str) -> str:
        return f"{self._number}.{bound.number}.{name}"

    def _tell(self, bound: _Bound) -> None:
        """Tell the context, which others may have used in between, shapes and addresses."""
        for name, array in bound.given.items():
            bound.context.set_input_shape(name, array.shape)
        for name, address in {**bound.addresses, **self._resident}.items():
            bound.context.set_tensor_address(name, address)

    def _enqueue(self, bound: _Bound) -> None:
        """Begin the copies and the network; done when the stream is."""
        for name, array in bound.given.items():
            self._device.upload(bound.addresses[name], array)
        if not bound.context.execute_async_v3(self._device.stream):
            raise self._complain("running")
        for name, array in bound.made.items():
            self._device.download(array, bound.addresses[name])

    def _record(self, bound: _Bound) -> None:
        """Record a run; a network that cannot be recorded is run as before."""
        self._device.begin_capture()
        try:
            self._enqueue(bound)
            bound.graph = self._device.end_capture()
        except EngineUnavailable:
            self._device.drop_capture()
            self._capture = False

    def _release(self, bound: _Bound) -> None:
        if bound.graph:
            self._device.forget(bound.graph)
        for name in bound.addresses:
            self._device.free(self._label(bound, name))

    def close(self) -> None:
        """Give back graphs, buffers and contexts; a second close does nothing."""
        while self._bound:
            self._release(self._bound.popitem()[1])
        self._shared = None
