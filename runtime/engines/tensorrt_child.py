"""Program of ``probing.ask``: does a library of the family build, load and compute on the GPU here?

Whatever a driver or a library does to the process, it does to this one. The arguments are the name
of the engine and an ONNX file whose answer to ones is known.
"""

import json
import os
import sys
from pathlib import Path
from typing import NoReturn


def main(engine: str, model: str) -> None:
    """Print the steps and the answer; see ``probing``."""
    say = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the libraries print is no answer

    def step(name: str) -> None:
        print(json.dumps({"step": name}), file=say, flush=True)

    def answer(available: bool, detail: str) -> NoReturn:
        line = " ".join(detail.split())[:400]
        print(json.dumps({"available": available, "detail": line}), file=say, flush=True)
        os._exit(0)  # without the libraries' own tidying up, which may fail as well

    import numpy as np

    from cxr_edge.engines.cuda_child import RIGHT
    from cxr_edge.engines.cuda_device import Device
    from cxr_edge.engines.tensorrt_build import build
    from cxr_edge.engines.tensorrt_engine import Running
    from cxr_edge.engines.tensorrt_library import FAMILIES, library
    from cxr_edge.errors import CxrEdgeError

    family = FAMILIES[engine]
    try:
        step("asking the NVIDIA driver")
        device = Device()
        step(f"importing {family.module}")
        version = library(family).__version__
        step("building a network")
        plan = build(family, Path(model).read_bytes(), {})
        step("loading a network")
        running = Running(family, device, plan.content, 1)
        step("running a convolution on the GPU")
        (got,) = running.run({"pixels": np.ones((1, 1, 8, 8), np.float32)}).values()
    except CxrEdgeError as problem:
        answer(False, str(problem))
    gpu = device.gpu
    if not (got == RIGHT).all():
        answer(False, f"{gpu.name} computes wrong: {got.flat[0]} instead of {RIGHT}")
    answer(True, f"{family.package} {version}, {gpu.name}, compute capability {gpu.capability}")


if __name__ == "__main__":
    main(*sys.argv[1:])
