#!/usr/bin/env bash
# Measures every engine of the first NVIDIA GPU and writes benchmarks/results/gpu-DEVICE.json.
#
#   bash benchmarks/gpu.sh                       packages from the system, what is missing from pip
#   bash benchmarks/gpu.sh --wheels DIR          from the wheels in DIR, without a network
#   bash benchmarks/gpu.sh --cpu                 the same code on the processor, to try it out
#
# Everything else goes to `python -m cxr_edge.benchmarks.gpu`, see its --help. A wheel may lie in
# DIR in parts (NAME.whl.00, NAME.whl.01, ...), which are joined first. PYTHON names the interpreter
# whose packages are used (default python3), ENVIRONMENT the folder of the environment (.venv-gpu).
set -euo pipefail
cd "$(dirname "$0")/.."

wheels=""
cpu=""
arguments=()
while [ $# -gt 0 ]; do
    case "$1" in
    --wheels)
        [ $# -ge 2 ] || { echo "gpu.sh: --wheels needs a folder" >&2; exit 2; }
        wheels="$2"
        shift
        ;;
    --cpu) cpu=1; arguments+=("$1") ;;
    *) arguments+=("$1") ;;
    esac
    shift
done
system="${PYTHON:-python3}"
environment="${ENVIRONMENT:-.venv-gpu}"

if [ -z "$cpu" ] && ! "$system" - <<'CHECK'
import ctypes, sys
try:
    driver, count = ctypes.CDLL("libcuda.so.1"), ctypes.c_int()
    found = driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0
except OSError:
    found = False
sys.exit(0 if found and count.value else 1)
CHECK
then
    echo "gpu.sh: no NVIDIA GPU and driver here; nothing was run (--cpu tries the code out)" >&2
    exit 1
fi
if [ -n "$wheels" ] && [ ! -d "$wheels" ]; then
    echo "gpu.sh: no folder $wheels; name the one that holds the wheels" >&2
    exit 1
fi

"$system" -m venv --without-pip "$environment"
python="$environment/bin/python"
pip() { "$system" -m pip --python "$python" "$@"; }
installed=()
if [ -n "$wheels" ]; then
    joined="$environment/wheels"
    mkdir -p "$joined"
    for first in "$wheels"/*.whl.00; do
        [ -e "$first" ] && cat "${first%.00}".?? >"$joined/$(basename "${first%.00}")"
    done
    for wheel in "$wheels"/*.whl "$joined"/*.whl; do
        [ -e "$wheel" ] && installed+=("$wheel")
    done
fi
if [ ${#installed[@]} -gt 0 ]; then
    pip install -q --no-index --no-deps "${installed[@]}"
fi

# Lend what the system's interpreter has: a second onnxruntime beside onnxruntime-gpu would
# overwrite it, so that one stays out; and so does what the wheels brought.
"$system" - "$("$python" -c 'import site; print(site.getsitepackages()[0])')" <<'LEND'
import re, site, sys, sysconfig
from pathlib import Path

target = Path(sys.argv[1])


def plain(name):
    return re.sub(r"[-_.]+", "-", name.split("-")[0]).lower()


def lend(source, target, brought):
    for entry in source.iterdir():
        here = target / entry.name
        name = plain(entry.name)
        own = entry.name.startswith(("__editable__", "cxr_edge")) or entry.suffix == ".pth"
        if name in brought or own or entry.name == "__pycache__":
            continue
        if not here.exists():
            here.symlink_to(entry.resolve())
        elif entry.is_dir() and not here.is_symlink() and not (here / "__init__.py").exists():
            lend(entry, here, set())  # a namespace such as nvidia/, which several wheels share


brought = {plain(p.name) for p in target.glob("*.dist-info")}
if "onnxruntime-gpu" in brought:
    brought |= {"onnxruntime"}
for place in dict.fromkeys([sysconfig.get_path("purelib"), *site.getsitepackages()]):
    if Path(place).is_dir() and Path(place) != target:
        lend(Path(place), target, brought)
LEND

if [ -z "$wheels" ] && [ -z "$cpu" ] && ! "$python" -c 'import pydicom, onnx, onnxscript' 2>/dev/null; then
    pip install -q '.[gpu,export]' || echo "gpu.sh: pip could not fetch everything" >&2
fi
build=()
if "$python" -c 'import setuptools as s; assert int(s.__version__.split(".")[0]) >= 77' 2>/dev/null; then
    build=(--no-build-isolation)
fi
pip install -q --no-deps ${build[@]+"${build[@]}"} -e . || {
    echo "gpu.sh: the project does not install; it needs setuptools 77 or later and a C compiler" >&2
    exit 1
}
for module in numpy click pydicom onnx onnxscript torch safetensors; do
    "$python" -c "import importlib.util as u, sys; sys.exit(u.find_spec('$module') is None)" || {
        echo "gpu.sh: the package $module is missing; put its wheel into the folder of --wheels" >&2
        exit 1
    }
done
export ORT_DISABLE_TELEMETRY=1
exec "$python" -m cxr_edge.benchmarks.gpu ${arguments[@]+"${arguments[@]}"}
