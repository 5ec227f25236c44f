"""Runs an ONNX Runtime session on buffers of a device that are allocated once per shape.

The first run of a set of input shapes lets the library allocate its outputs, which tells their
shapes; from then on inputs are copied into the same device buffers and outputs out of them. Only
where addresses never change can a CUDA graph be captured and replayed. What is resident is copied
to the device once, whatever the shapes of the rest.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from cxr_edge.engines.base import NONE, Arrays

if TYPE_CHECKING:
    from onnxruntime import InferenceSession, RunOptions

KEPT = 8
"""Sets of shapes whose buffers are kept; the one used longest ago goes first."""
CAPTURED = 4
"""Sets of shapes, at most, that are captured: the library never gives a captured graph back."""

Shapes = tuple[tuple[str, tuple[int, ...]], ...]


@dataclass(frozen=True)
class _Bound:
    """One set of shapes, ready to run again."""

    staged: dict[str, NDArray[Any]]
    """Where inputs wait to be copied to the device."""
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    binding: Any
    options: Any


class BoundSession:
    """A session with its device buffers; one thread at a time."""

    def __init__(
        self,
        ort: ModuleType,
        session: "InferenceSession",
        device: str,
        *,
        capture: bool = False,
        resident: Arrays = NONE,
        staging: Callable[[tuple[int, ...], DTypeLike], NDArray[Any]] = np.empty,
    ) -> None:
        """Copy to the device what is to stay there; nothing else is allocated yet.

        Args:
            ort: the library.
            session: opened on ``device``.
            device: ``cuda``, or ``cpu``, where the same code runs without a GPU.
            capture: the session was opened with ``enable_cuda_graph``; batch 1 is to be captured.
            resident: inputs that never change.
            staging: makes arrays of a shape and a type from which the device copies; those of
                page-locked memory go at full speed.
        """
        self._ort, self._session, self._device, self._capture = ort, session, device, capture
        self._staging = staging
        values = ort.OrtValue
        self._resident = {
            name: values.ortvalue_from_numpy(array, device, 0) for name, array in resident.items()
        }
        self._outputs = [output.name for output in session.get_outputs()]
        self._bound: OrderedDict[Shapes, _Bound] = OrderedDict()
        self._captured = 0

    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        """Copy in, run, copy out."""
        shapes = tuple((name, array.shape) for name, array in inputs.items())
        bound = self._bound.get(shapes)
        if bound is None:
            bound = self._bound[shapes] = self._bind(inputs)
            if len(self._bound) > KEPT:
                self._bound.popitem(last=False)
        self._bound.move_to_end(shapes)
        for name, array in inputs.items():
            np.copyto(bound.staged[name], array)
            bound.inputs[name].update_inplace(bound.staged[name])
        self._session.run_with_iobinding(bound.binding, bound.options)
        bound.binding.synchronize_outputs()
        return {name: value.numpy().copy() for name, value in bound.outputs.items()}

    def _bind(self, inputs: Arrays) -> _Bound:
        """Allocate for these shapes, by one run that leaves the outputs to the library."""
        values = self._ort.OrtValue
        given = {n: values.ortvalue_from_numpy(a, self._device, 0) for n, a in inputs.items()}
        trial = self._session.io_binding()
        for name, value in {**given, **self._resident}.items():
            trial.bind_ortvalue_input(name, value)
        for name in self._outputs:
            trial.bind_output(name, self._device, 0)
        self._session.run_with_iobinding(trial, self._options(0))
        trial.synchronize_outputs()
        made = dict(zip(self._outputs, trial.get_outputs(), strict=True))
        binding = self._session.io_binding()
        for name, value in {**given, **self._resident}.items():
            binding.bind_ortvalue_input(name, value)
        for name, value in made.items():
            binding.bind_ortvalue_output(name, value)
        single = all(array.shape[:1] == (1,) for array in inputs.values())
        number = 0
        if self._capture and single and self._captured < CAPTURED:
            # A number is never used for two sets of buffers: a replay would read the old ones.
            number = self._captured = self._captured + 1
        staged = {name: self._staging(array.shape, array.dtype) for name, array in inputs.items()}
        return _Bound(staged, given, made, binding, self._options(number))

    def _options(self, number: int) -> "RunOptions":
        """Options of a run that captures and replays graph ``number``, or of a plain run for 0."""
        options = self._ort.RunOptions()
        if self._capture:
            options.add_run_config_entry("gpu_graph_id", str(number or -1))
        return options
