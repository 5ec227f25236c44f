"""Without the extension numpy does all of the work: these tests and a whole draft say the same."""

import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SWITCH = {"CXR_EDGE_NO_NATIVE": "1"}


def run(*command: str, switch: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, *command],
        env={**os.environ, **switch},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, (done.stdout[-3000:], done.stderr[-3000:])
    return done.stdout


def test_the_tests_of_this_folder_pass() -> None:
    switched_off = "from cxr_edge.preprocess.native import kernels; print(kernels())"
    assert run("-c", switched_off, switch=SWITCH).strip() == "None"
    others = [
        str(path)
        for path in sorted(HERE.glob("test_*.py"))
        if not path.name.startswith(("test_native", "test_without"))
    ]
    summary = run("-m", "pytest", "-q", "-p", "no:cacheprovider", *others, switch=SWITCH)
    assert "passed" in summary
    assert "failed" not in summary


def test_a_draft_is_the_same(phantom: Path) -> None:
    command = ("-m", "cxr_edge.cli", str(phantom), "--format", "json")
    drafts = [json.loads(run(*command, switch=switch)) for switch in ({}, SWITCH)]
    kept = [(draft["findings"], draft["impression"], draft["warnings"]) for draft in drafts]
    assert kept[0] == kept[1]
