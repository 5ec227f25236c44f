"""Data sets in the layouts they are released in: real Open-I, the others made by hand."""

import json
from pathlib import Path

import pytest

from cxr_edge.benchmarks.quality.cases import open_cases, same_split
from cxr_edge.errors import CorpusError

REPORT = """                                 FINAL REPORT
 INDICATION:  Cough.

 FINDINGS:
 The lungs are clear.
 No effusion.

 IMPRESSION:
 No acute process.
"""


def put(path: Path, content: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return path


def test_open_i_as_it_lies_here(shared_data: Path) -> None:
    found = open_cases(shared_data / "openi", split="valid")
    assert (found.layout, found.name, found.has_reports) == ("openi", "Open-I", True)
    lines = (shared_data / "openi" / "studies.jsonl").read_text(encoding="utf-8").splitlines()
    studies = [study for study in map(json.loads, lines) if study["split"] == "valid"]
    assert [case.id for case in found.cases] == [study["uid"] for study in studies]
    for case, study in zip(found.cases, studies, strict=True):
        assert all(path.is_file() for path in case.images)
        frontal = {i["file"] for i in study["images"] if i["projection"] == "Frontal"}
        assert case.images[0].name in frontal or not frontal
        assert case.reference() == " ".join(f"{study['findings']} {study['impression']}".split())
        assert case.reference("impression") == " ".join(study["impression"].split())
        wanted = study["findings"] if study["findings"].strip() else study["impression"]
        assert case.reference("findings") == " ".join(wanted.split())


def test_a_count_takes_the_first(shared_data: Path) -> None:
    few = open_cases(shared_data / "openi" / "studies.jsonl", split="val", count=3)
    many = open_cases(shared_data / "openi", split="validate", count=5)
    assert many.cases[:3] == few.cases


def test_open_i_as_xml(tmp_path: Path) -> None:
    put(
        tmp_path / "ecgen-radiology" / "7.xml",
        """<eCitation><uId id="CXR7"/><MedlineCitation><Article><Abstract>
        <AbstractText Label="COMPARISON">None.</AbstractText>
        <AbstractText Label="FINDINGS">Lungs are clear.</AbstractText>
        <AbstractText Label="IMPRESSION">Normal chest.</AbstractText>
        </Abstract></Article></MedlineCitation>
        <parentImage id="CXR7_IM-2263-1001"/><parentImage id="CXR7_IM-2263-2001"/></eCitation>""",
    )
    put(tmp_path / "NLMCXR_png" / "CXR7_IM-2263-1001.png")
    put(tmp_path / "NLMCXR_png" / "CXR7_IM-2263-2001.png")
    found = open_cases(tmp_path)
    assert (found.layout, found.name) == ("openi", "Open-I")
    (case,) = found.cases
    assert (case.id, case.findings, case.impression) == ("7", "Lungs are clear.", "Normal chest.")
    assert [path.name for path in case.images] == [
        "CXR7_IM-2263-1001.png",
        "CXR7_IM-2263-2001.png",
    ]
    with pytest.raises(CorpusError, match="no splits"):
        open_cases(tmp_path, split="test")


def test_mimic_cxr_with_images_beside_the_reports(tmp_path: Path) -> None:
    patient = tmp_path / "files" / "p10" / "p10000032"
    put(patient / "s1.txt", REPORT)
    put(patient / "s2.txt", REPORT)
    put(patient / "s1" / "aa.dcm")
    put(patient / "s1" / "bb.dcm")
    put(patient / "s2" / "cc.dcm")
    put(
        tmp_path / "mimic-cxr-2.0.0-split.csv",
        "dicom_id,study_id,subject_id,split\naa,1,10000032,validate\nbb,1,10000032,validate\n"
        "cc,2,10000032,test\n",
    )
    put(
        tmp_path / "mimic-cxr-2.0.0-metadata.csv",
        "dicom_id,study_id,ViewPosition\naa,1,LATERAL\nbb,1,PA\ncc,2,AP\n",
    )
    found = open_cases(tmp_path, split="valid")
    assert (found.layout, found.name) == ("mimic-cxr", "MIMIC-CXR")
    (case,) = found.cases
    assert case.id == "s1"
    assert [path.name for path in case.images] == ["bb.dcm", "aa.dcm"]  # the frontal one first
    assert case.findings == "The lungs are clear. No effusion."
    assert case.impression == "No acute process."
    assert [case.id for case in open_cases(tmp_path).cases] == ["s1", "s2"]
    with pytest.raises(CorpusError, match=r"'train'; there are: test, validate"):
        open_cases(tmp_path, split="train")


def test_mimic_cxr_jpg_with_reports_in_a_folder_of_their_own(tmp_path: Path) -> None:
    put(tmp_path / "mimic-cxr-reports" / "files" / "p10" / "p10000032" / "s1.txt", REPORT)
    put(tmp_path / "mimic-cxr-reports" / "files" / "p10" / "p10000032" / "s2.txt", REPORT)
    image = put(tmp_path / "files" / "p10" / "p10000032" / "s1" / "aa.jpg")
    found = open_cases(tmp_path)
    assert [(case.id, case.images) for case in found.cases] == [("s1", (image,))]
    assert found.notes == ("left out: 1 x study without an image that is there",)


def test_chexpert_test_set_without_reports(tmp_path: Path) -> None:
    lateral = put(tmp_path / "test" / "patient64741" / "study1" / "view1_lateral.jpg")
    frontal = put(tmp_path / "test" / "patient64741" / "study1" / "view2_frontal.jpg")
    other = put(tmp_path / "test" / "patient64742" / "study1" / "view1_frontal.jpg")
    rows = [path.relative_to(tmp_path).as_posix() for path in (lateral, frontal, other)]
    put(tmp_path / "test_labels.csv", "Path,Edema\n" + "".join(f"{row},1.0\n" for row in rows))
    found = open_cases(tmp_path)
    assert (found.layout, found.name, found.has_reports) == ("chexpert", "CheXpert", False)
    assert [(case.id, case.images) for case in found.cases] == [
        ("patient64741/study1", (frontal, lateral)),
        ("patient64742/study1", (other,)),
    ]


def test_chexpert_test_set_with_a_table_of_reports(tmp_path: Path) -> None:
    image = put(tmp_path / "CheXpert-v1.0" / "test" / "patient1" / "study2" / "view1_frontal.jpg")
    table = tmp_path / "CheXpert-v1.0" / "test_labels.csv"
    put(table, "Path,Edema\nCheXpert-v1.0/test/patient1/study2/view1_frontal.jpg,0\n")
    put(table.with_name("reports.csv"), "id,impression\npatient1/study2,Normal chest.\n")
    (case,) = open_cases(table.parent, split="test").cases
    assert (case.images, case.impression) == ((image,), "Normal chest.")


def test_chexpert_plus(tmp_path: Path) -> None:
    paths = [
        "valid/patient2/study1/view1_lateral.jpg",
        "valid/patient2/study1/view2_frontal.jpg",
        "train/patient3/study1/view1_frontal.jpg",
    ]
    rows = "".join(
        f"{path},{'Lateral' if 'lateral' in path else 'Frontal'},Clear lungs.,Normal.,"
        f"{path.split('/')[0]},\n"
        for path in paths
    )
    head = "path_to_image,frontal_lateral,section_findings,section_impression,split,report\n"
    put(tmp_path / "df_chexpert_plus_240401.csv", head + rows)
    for path in paths:
        put(tmp_path / "PNG" / path)
    found = open_cases(tmp_path, split="valid")
    assert (found.layout, found.name) == ("chexpert", "CheXpert Plus")
    (case,) = found.cases
    assert case.id == "patient2/study1"
    assert [path.name for path in case.images] == ["view2_frontal.jpg", "view1_lateral.jpg"]
    assert case.reference() == "Clear lungs. Normal."


def test_chexpert_5x200(tmp_path: Path) -> None:
    five = "Atelectasis,Cardiomegaly,Consolidation,Edema,Pleural Effusion"
    put(
        tmp_path / "chexpert_5x200.csv",
        f"Path,Report Impression,{five}\n"
        "CheXpert-v1.0/train/patient1/study1/view1_frontal.jpg,Edema.,0,0,0,1,0\n"
        "CheXpert-v1.0/train/patient2/study1/view1_frontal.jpg,Big heart.,0,1.0,0,0,0\n",
    )
    for number in (1, 2):
        put(tmp_path / "train" / f"patient{number}" / "study1" / "view1_frontal.jpg")
    found = open_cases(tmp_path)
    assert (found.layout, found.name) == ("chexpert-5x200", "CheXpert 5x200")
    assert [(case.category, case.impression) for case in found.cases] == [
        ("Edema", "Edema."),
        ("Cardiomegaly", "Big heart."),
    ]
    with pytest.raises(CorpusError, match="no splits"):
        open_cases(tmp_path, split="test")
    table = tmp_path / "chexpert_5x200.csv"
    put(table, table.read_text().replace("0,0,0,1,0", "0,0,1,1,0"))
    with pytest.raises(CorpusError, match="line 2: 2 of the five findings"):
        open_cases(tmp_path)


def test_rexrank(tmp_path: Path) -> None:
    study = {
        "key_image_path": "CXR1_IM-1/1.png",
        "image_path": ["CXR1_IM-1/0.png", "CXR1_IM-1/1.png"],
        "section_findings": "Clear lungs.",
        "section_impression": "Normal.",
        "report": "Findings: Clear lungs. Impression: Normal.",
        "split": "val",
    }
    whole = {key: value for key, value in study.items() if not key.startswith("section")}
    whole |= {"image_path": ["CXR2_IM-2/0.png"], "key_image_path": "CXR2_IM-2/0.png"}
    content = {"CXR1_IM-1": study, "CXR2_IM-2": whole, "CXR3": {**study, "split": "test"}}
    put(tmp_path / "ReXRank_IUXray_valid.json", json.dumps(content))
    for name in ("CXR1_IM-1/0.png", "CXR1_IM-1/1.png", "CXR2_IM-2/0.png"):
        put(tmp_path / "images" / name)
    found = open_cases(tmp_path, split="valid")
    assert (found.layout, found.name) == ("rexrank", "Open-I")
    assert [case.id for case in found.cases] == ["CXR1_IM-1", "CXR2_IM-2"]
    assert [path.name for path in found.cases[0].images] == ["1.png", "0.png"]
    assert {case.reference() for case in found.cases} == {"Clear lungs. Normal."}
    with pytest.raises(CorpusError, match="'train'; there are: test, val"):
        open_cases(tmp_path, split="train")


def test_a_plain_folder(tmp_path: Path) -> None:
    first = put(tmp_path / "a.png")
    put(tmp_path / "a.txt", REPORT)
    marked = tmp_path / "b" / "IM0001"
    marked.parent.mkdir()
    marked.write_bytes(bytes(128) + b"DICM")
    put(tmp_path / "readme.md", "no picture")
    found = open_cases(tmp_path)
    assert (found.layout, found.name, found.has_reports) == ("plain", tmp_path.name, True)
    assert [(case.id, case.images) for case in found.cases] == [
        ("a.png", (first,)),
        ("b", (marked,)),
    ]
    assert found.cases[0].impression == "No acute process."
    assert found.cases[1].reference() == ""


def test_real_dicom_without_reports(shared_data: Path) -> None:
    found = open_cases(shared_data / "dicom")
    assert (found.layout, found.has_reports) == ("plain", False)
    assert "pydicom_RG1_J2KI.dcm" in {case.id for case in found.cases}


@pytest.mark.parametrize("count", [0, -1])
def test_what_cannot_be_opened(tmp_path: Path, count: int) -> None:
    with pytest.raises(CorpusError, match="not there"):
        open_cases(tmp_path / "nothing")
    with pytest.raises(CorpusError, match="no study"):
        open_cases(tmp_path)
    with pytest.raises(CorpusError, match="at least 1"):
        open_cases(tmp_path, count=count)


def test_names_of_splits() -> None:
    assert same_split("valid", "Validate")
    assert same_split("val", "validation")
    assert same_split("fold 3", "fold 3")
    assert not same_split("valid", "test")
    assert not same_split("train", "fold 3")
