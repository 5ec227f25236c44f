"""The adapters call other people's programs as these document it.

The programs and their weights are not on this machine, so a module with the documented signature
stands in each one's place, written here from its documentation.
"""

import sys
from pathlib import Path

import pytest

from cxr_edge.benchmarks.quality.others import OTHERS, other_score

STAND_INS = {
    "radgraph": """
class F1RadGraph:
    def __init__(self, reward_level, model_type=None, **kwargs):
        assert (reward_level, model_type) == ("partial", "radgraph-xl")
    def __call__(self, refs, hyps):
        each = [1.0 if ref == hyp else 0.25 for ref, hyp in zip(refs, hyps)]
        return sum(each) / len(each), each, [], []
""",
    "RaTEScore": """
class RaTEScore:
    def compute_score(self, candidate_list, reference_list):
        assert candidate_list[1] == "draft"
        return [1.0 if c == r else 0.25 for c, r in zip(candidate_list, reference_list)]
""",
    "green_score": """
class GREEN:
    def __init__(self, model_name, output_dir="."):
        assert model_name == "StanfordAIMI/GREEN-radllama2-7b"
    def __call__(self, refs, hyps):
        each = [1.0 if ref == hyp else 0.25 for ref, hyp in zip(refs, hyps)]
        return sum(each) / len(each), 0.1, each, "summary", None
""",
    "radeval": """
class RadEval:
    def __init__(self, do_radcliq=False):
        assert do_radcliq
    def __call__(self, refs, hyps):
        assert hyps[1] == "draft"
        return {"radcliq_v1": 0.625}
""",
}


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    installed: list[str] = []

    def install(module: str, source: str) -> None:
        (tmp_path / f"{module}.py").write_text(source)
        monkeypatch.syspath_prepend(tmp_path)
        sys.modules.pop(module, None)
        installed.append(module)

    yield install
    for module in installed:
        sys.modules.pop(module, None)


@pytest.mark.parametrize("name", sorted(OTHERS))
def test_the_call_and_what_comes_back(name: str, stand_in) -> None:
    other = OTHERS[name]
    stand_in(other.module, STAND_INS[other.module])
    found = other_score(name, ["same", "report"], ["same", "draft"])
    assert (found.name, found.value) == (other.metric, 0.625)
    if name == "radcliq":
        assert found.low is None
    else:
        assert (found.low, found.high) == (0.25, 1.0)


def test_a_program_that_fails_leaves_the_rest_of_the_table(stand_in) -> None:
    stand_in("radgraph", "def F1RadGraph(**given):\n    raise OSError('no weights\\nhere')\n")
    found = other_score("radgraph", ["a"], ["b"])
    assert (found.value, found.note) == (None, "radgraph failed: no weights here")


def test_a_program_that_lacks_a_part(stand_in) -> None:
    stand_in("radgraph", "import a_module_that_is_nowhere\n")
    found = other_score("radgraph", ["a"], ["b"])
    assert found.value is None
    assert "a_module_that_is_nowhere" in found.note
    assert found.note.endswith("pip install radgraph")
