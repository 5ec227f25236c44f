"""``cxr-run`` with the embedded default, on the committed phantom and on real studies."""

import json
import shutil
import sys
import zipfile
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import generate_uid

from cxr_edge.engines import ENGINES
from cxr_edge.labels import OBSERVATIONS
from cxr_edge.types import DISCLAIMER

CHEST = [
    "pydicom_RG1_J2KI.dcm",
    "gdcm_CR-MONO1-10-chest.dcm",
    "fodicom_CR-MONO1-10-chest_implicitVR_nopreamble",
    "xrv_rsna_cr_pa_1024_jpegbaseline.dcm",
    "xrv_fake_mono1_1024_jpegbaseline.dcm",
]


def check_report(report: dict) -> None:
    assert report["schema"] == "cxr-edge/report/1"
    assert list(report["observations"]) == list(OBSERVATIONS)
    assert all(0.0 <= p <= 1.0 for p in report["observations"].values())
    assert report["impression"]
    assert {s["text"] for s in report["sentences"]}
    for sentence in report["sentences"]:
        assert sentence["text"] in report["findings"] + " " + report["impression"]
        assert set(sentence["labels"].values()) <= {"positive", "negative", "uncertain"}
    stages = {"read", "preprocess", "encode", "search", "compose", "total"}
    assert set(report["timings_ms"]) == stages
    asserted = {n for s in report["sentences"] for n, v in s["labels"].items() if v == "positive"}
    assert not asserted & set(report["muted"])


def test_text_says_first_and_last_that_it_is_a_draft(cxr, phantom: Path) -> None:
    done = cxr("cxr-run", phantom)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.strip("= ")]
    assert lines[0] == lines[-1] == DISCLAIMER
    assert "IMPRESSION" in done.stdout
    assert "EVIDENCE" in done.stdout


def test_json_has_every_key(cxr, phantom: Path) -> None:
    done = cxr("cxr-run", phantom, "--json")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    report = json.loads(done.stdout)
    check_report(report)
    dataset = pydicom.dcmread(phantom, stop_before_pixels=True)
    assert report["study_instance_uid"] == dataset.StudyInstanceUID
    assert report["sop_instance_uid"] == dataset.SOPInstanceUID


@pytest.mark.parametrize("name", CHEST)
def test_real_chest_radiographs_give_reports(cxr, shared_data: Path, name: str) -> None:
    done = cxr("cxr-run", shared_data / "dicom" / name, "--json")
    assert done.returncode == 0, done.stderr
    check_report(json.loads(done.stdout))


def test_what_is_not_a_chest_is_refused_or_warned_about(cxr, shared_data: Path) -> None:
    for path in sorted((shared_data / "dicom" / "not_human_chest").iterdir()):
        done = cxr("cxr-run", path, "--json")
        assert done.returncode == 1 or json.loads(done.stdout)["warnings"], path.name


@pytest.mark.parametrize("form", ["text", "json", "html", "sr"])
def test_every_format_is_written_whole(cxr, phantom: Path, tmp_path: Path, form: str) -> None:
    out = tmp_path / f"report.{form}"
    done = cxr("cxr-run", phantom, "--format", form, "--out", out)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert [p.name for p in tmp_path.iterdir()] == [out.name]
    data = out.read_bytes()
    if form == "sr":
        assert "DRAFT" in pydicom.dcmread(out).SeriesDescription.upper()
    else:
        assert DISCLAIMER.encode() in data


def test_standard_input(cxr, phantom: Path) -> None:
    direct = json.loads(cxr("cxr-run", phantom, "--json").stdout)
    piped = cxr("cxr-run", "-", "--json", stdin=phantom.read_bytes())
    assert piped.returncode == 0, piped.stderr
    assert json.loads(piped.stdout)["sentences"] == direct["sentences"]


@pytest.fixture
def many(phantom: Path, tmp_path: Path) -> Path:
    """Three studies of two patients, a file that is no DICOM and one that is broken."""
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(3):
        dataset = pydicom.dcmread(phantom)
        dataset.StudyInstanceUID = generate_uid(entropy_srcs=["study", str(number)])
        dataset.SOPInstanceUID = generate_uid(entropy_srcs=["image", str(number)])
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.PatientID = f"patient-{number % 2}"
        dataset.save_as(folder / f"{number}.dcm")
    (folder / "notes.txt").write_text("not an image")
    broken = (folder / "2.dcm").read_bytes()
    (folder / "2.dcm").write_bytes(broken[: len(broken) // 2])
    return folder


@pytest.mark.parametrize("as_zip", [False, True])
def test_one_bad_study_does_not_stop_the_rest(
    cxr, many: Path, tmp_path: Path, as_zip: bool
) -> None:
    source = many
    if as_zip:
        source = tmp_path / "many.zip"
        with zipfile.ZipFile(source, "w") as archive:
            for path in many.iterdir():
                archive.write(path, path.name)
    done = cxr("cxr-run", source, "--json")
    assert done.returncode == 1
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    failed = [line for line in lines if "error" in line]
    assert len(lines) == 3
    assert len(failed) == 1
    assert set(failed[0]) == {"schema", "path", "error"}
    assert "2 drafted, 1 failed, 1 files passed over" in done.stderr


def test_several_studies_go_to_a_folder(cxr, many: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = cxr("cxr-run", many, "--format", "html", "--out", out)
    assert done.returncode == 1
    assert sorted(p.name for p in out.iterdir()) == ["report-0001.html", "report-0002.html"]


def test_methods_and_engine_are_what_was_asked(cxr, phantom: Path) -> None:
    for method in ("guided", "select", "top-k"):
        done = cxr("cxr-run", phantom, "--json", "--method", method, "--engine", "cpu", "-k", 3)
        provenance = json.loads(done.stdout)["provenance"]
        assert (provenance["method"], provenance["engine"]) == (method, "cpu")
    top = json.loads(cxr("cxr-run", phantom, "--json", "--method", "top-k", "-k", 3).stdout)
    assert len(top["sentences"]) == 3


def line_of(done) -> str:
    """The one line of an error: exit code 1, nothing on standard output, no traceback."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout == ""
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("cxr-run: ")
    return lines[0]


def default(kind: str) -> Path:
    from cxr_edge.pipeline import DEFAULT_DATA

    return DEFAULT_DATA / kind


def test_bad_files_give_one_line(cxr, phantom: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.dcm"
    empty.write_bytes(b"")
    cut = tmp_path / "cut.dcm"
    cut.write_bytes(phantom.read_bytes()[:-5000])
    stub = tmp_path / "stub.dcm"
    stub.write_bytes(phantom.read_bytes()[:300])
    for path in (tmp_path / "missing.dcm", empty, cut, stub, Path(__file__)):
        out = tmp_path / "out.json"
        assert path.name in line_of(cxr("cxr-run", path, "--format", "json", "--out", out))
        assert not out.exists()


@pytest.mark.parametrize("kind", ["bundle", "index"])
def test_a_corrupted_bundle_or_index_is_refused(
    cxr, phantom: Path, tmp_path: Path, kind: str
) -> None:
    for victim in sorted(p.name for p in default(kind).iterdir()):
        copy = tmp_path / victim
        shutil.copytree(default(kind), copy)
        data = bytearray((copy / victim).read_bytes())
        data[len(data) // 2] ^= 4
        (copy / victim).write_bytes(data)
        assert victim in line_of(cxr("cxr-run", phantom, f"--{kind}", copy))
    assert "no " + kind in line_of(cxr("cxr-run", phantom, f"--{kind}", tmp_path / "nowhere"))


def test_doctor_reads_every_file_of_the_bundle(cxr, tmp_path: Path, monkeypatch) -> None:
    assert cxr("cxr-run", "doctor").returncode == 0
    for victim in sorted(p.name for p in default("bundle").iterdir()):
        copy = tmp_path / victim
        shutil.copytree(default("bundle"), copy)
        data = bytearray((copy / victim).read_bytes())
        data[len(data) // 3] ^= 1
        (copy / victim).write_bytes(data)
        monkeypatch.setenv("CXR_EDGE_BUNDLE", str(copy))
        done = cxr("cxr-run", "doctor", "--json")
        assert done.returncode == 1
        answer = json.loads(done.stdout)
        assert not answer["ready"]
        assert victim in answer["bundle"]["detail"]


def test_a_bundle_and_an_index_of_different_spaces_are_refused(
    cxr, phantom: Path, tmp_path: Path
) -> None:
    from cxr_edge.indexes.container import DATA, MANIFEST
    from cxr_edge.manifest import write_directory

    manifest = json.loads((default("index") / MANIFEST).read_text())
    for key in ("files", "digest"):
        del manifest[key]
    manifest["space"] = "another-encoder/0"
    write_directory(tmp_path / "index", MANIFEST, manifest, {DATA: default("index") / DATA})
    line = line_of(cxr("cxr-run", phantom, "--index", tmp_path / "index"))
    assert "another-encoder/0" in line
    assert "cxr-index build" in line


def test_an_unwritable_output_is_refused(cxr, phantom: Path, tmp_path: Path) -> None:
    line = line_of(cxr("cxr-run", phantom, "--format", "html", "--out", tmp_path / "no" / "x.html"))
    assert "does not exist" in line
    blocked = tmp_path / "file"
    blocked.write_text("keep me")
    line_of(cxr("cxr-run", phantom, "--format", "html", "--out", blocked / "x.html"))
    assert blocked.read_text() == "keep me"


def test_wrong_use_exits_with_2(cxr, phantom: Path) -> None:
    for arguments in (
        [],
        [phantom, "--json", "--format", "html"],
        [phantom, "--format", "sr"],
        [phantom, "--method", "oracle"],
        [phantom, "-k", "0"],
    ):
        assert cxr("cxr-run", *arguments).returncode == 2


def test_an_unknown_engine_names_the_known_ones(cxr, phantom: Path) -> None:
    said = line_of(cxr("cxr-run", phantom, "--engine", "abacus"))
    assert said.endswith(f"known: {', '.join(('auto', *ENGINES))}")


def test_no_torch_no_socket_no_foreign_file(cxr, phantom: Path, tmp_path: Path) -> None:
    """A whole run with every socket refused and every written file outside its folder refused."""
    import subprocess

    code = f"""
import sys
def watch(event, args):
    if event.startswith("socket."):
        raise RuntimeError("socket: " + event)
    if event == "open" and isinstance(args[0], str) and isinstance(args[1], str):
        outside = not args[0].startswith(({str(tmp_path)!r}, "/dev/null"))
        if outside and any(letter in args[1] for letter in "wax+"):
            raise RuntimeError("wrote " + args[0])
sys.addaudithook(watch)
sys.dont_write_bytecode = True
sys.argv = ["cxr-run", {str(phantom)!r}, "--format", "html", "--out", {str(tmp_path / "r.html")!r}]
from cxr_edge.cli.__main__ import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
loaded = [m for m in ("torch", "transformers", "onnx", "sklearn") if m in sys.modules]
assert not loaded, loaded
print("clean")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.stdout.strip() == "clean", done.stderr
    assert (tmp_path / "r.html").stat().st_size > 1000
