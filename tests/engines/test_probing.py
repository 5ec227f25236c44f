"""A check that dies, hangs, lies or chatters is still an answer with a reason."""

from pathlib import Path

import pytest

from cxr_edge.engines.base import Probe
from cxr_edge.engines.probing import ask

STEP = 'import json, os, sys, time; print(json.dumps({"step": "loading a library"}), flush=True)\n'


@pytest.fixture
def program(tmp_path: Path):
    def write(code: str) -> Path:
        path = tmp_path / "program.py"
        path.write_text(code)
        return path

    return write


def test_an_answer_is_taken_from_among_chatter(program) -> None:
    code = """print("hello"); print("[1, 2]"); print('{"other": 1}'); print("7")\n"""
    code += """print(json.dumps({"available": True, "detail": sys.argv[1]}))"""
    assert ask(program(STEP + code), "a GPU") == Probe(True, "a GPU")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("os.abort()", "the check was ended by SIGABRT while loading a library"),
        (
            "print('libcudnn is broken', file=sys.stderr, flush=True); os.abort()",
            "the check was ended by SIGABRT while loading a library (libcudnn is broken)",
        ),
        (
            "import ctypes; ctypes.string_at(0)",
            "the check was ended by SIGSEGV while loading a library",
        ),
        ("sys.exit(3)", "the check ended with code 3 while loading a library"),
        ("", "the check ended with code 0 while loading a library"),
        (
            'print(json.dumps({"available": True, "detail": "x"}), flush=True); os.abort()',
            "the check was ended by SIGABRT while loading a library",
        ),
    ],
)
def test_a_check_that_dies_says_where(program, code: str, reason: str) -> None:
    answer = ask(program(STEP + code))
    assert not answer.available
    assert answer.detail == reason


def test_a_check_that_hangs_is_ended(program) -> None:
    answer = ask(program(STEP + "time.sleep(600)"), seconds=1.0)
    assert answer == Probe(False, "the check gave no answer in 1 s while loading a library")


def test_a_check_is_made_once(program, tmp_path: Path) -> None:
    code = 'open(sys.argv[1], "a").write("x"); print(json.dumps({"available": 0, "detail": "no"}))'
    path = program(STEP + code)
    asked = [ask(path, str(tmp_path / "times")) for _ in range(3)]
    assert asked == [Probe(False, "no")] * 3
    assert (tmp_path / "times").read_text() == "x"
