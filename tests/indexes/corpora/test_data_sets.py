"""The layouts that data sets are released in, in small, with sentences of our own."""

import csv
import gzip
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from cxr_edge.errors import CorpusError
from cxr_edge.indexes.corpora import CorpusOptions, CorpusSentence, open_corpus
from cxr_edge.indexes.corpora.images import image_reports
from cxr_edge.labels import Mention
from cxr_edge.types import Attribute

REPORTS = {
    "p10/p10000032/s50414267.txt": "FINDINGS: Clear lungs.\nIMPRESSION: Normal chest.\n",
    "p10/p10000032/s53189527.txt": "IMPRESSION: Small left effusion.\n",
    "p11/p11000011/s51029426.txt": "FINDINGS: No edema; größe normal.\n",
}
SPLITS = "dicom_id,study_id,subject_id,split\n" + "".join(
    f"image-{n},{study},1{n},{split}\n"
    for n, (study, split) in enumerate(
        [(50414267, "train"), (50414267, "train"), (53189527, "test"), (51029426, "train")]
    )
)


def texts(corpus: Iterable[CorpusSentence]) -> list[tuple[str, str, str]]:
    return [(s.source, s.section, s.text) for s in corpus]


@pytest.fixture
def mimic(tmp_path: Path) -> Path:
    root = tmp_path / "mimic-cxr"
    for name, text in REPORTS.items():
        path = root / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / "LICENSE.txt").write_text("Not a report.")
    return root


EVERYTHING = [
    ("s50414267", "findings", "Clear lungs."),
    ("s50414267", "impression", "Normal chest."),
    ("s53189527", "impression", "Small left effusion."),
    ("s51029426", "findings", "No edema; größe normal."),
]


def test_mimic_folder(mimic: Path) -> None:
    assert texts(open_corpus(mimic)) == EVERYTHING
    assert texts(open_corpus(mimic / "files")) == EVERYTHING


def test_mimic_split(mimic: Path) -> None:
    with pytest.raises(CorpusError, match=r"mimic-cxr-2\.0\.0-split\.csv"):
        open_corpus(mimic, CorpusOptions(split="train"))
    with gzip.open(mimic / "mimic-cxr-2.0.0-split.csv.gz", "wt") as stream:
        stream.write(SPLITS)
    corpus = open_corpus(mimic, CorpusOptions(split="train"))
    assert {source for source, _, _ in texts(corpus)} == {"s50414267", "s51029426"}
    assert corpus.dropped["report of another split"] == 1
    before = corpus.fingerprint()
    with gzip.open(mimic / "mimic-cxr-2.0.0-split.csv.gz", "wt") as stream:
        stream.write(SPLITS.replace(",test", ",train"))
    assert open_corpus(mimic, CorpusOptions(split="train")).fingerprint() != before
    with gzip.open(mimic / "mimic-cxr-2.0.0-split.csv.gz", "wt") as stream:
        stream.write(SPLITS)
    with pytest.raises(CorpusError, match="there are: test, train"):
        list(open_corpus(mimic, CorpusOptions(split="valid")))


def test_archives_that_cannot_be_read(mimic: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole.zip"
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in REPORTS:
            archive.write(mimic / "files" / name, f"files/{name}")
        archive.writestr("files/p10/p1/s1.txt", " " * ((16 << 20) + 1))
    with pytest.raises(CorpusError, match=r"s1\.txt has 16777217 bytes"):
        list(open_corpus(whole))
    for name in ("a.zip", "a.tar", "a.tar.gz"):
        path = tmp_path / name
        path.write_bytes(whole.read_bytes()[:300])
        with pytest.raises(CorpusError, match="cannot be read") as caught:
            list(open_corpus(path))
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("ending", ["zip", "tar", "tar.gz"])
def test_mimic_archive(mimic: Path, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"mimic-cxr-reports.{ending}"
    if ending == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name in sorted(REPORTS, reverse=True):
                archive.write(mimic / "files" / name, f"files/{name}")
            archive.write(mimic / "LICENSE.txt", "LICENSE.txt")
    else:
        with tarfile.open(path, f"w:{'gz' if ending == 'tar.gz' else ''}") as archive:
            for name in sorted(REPORTS):
                archive.add(mimic / "files" / name, f"files/{name}")
            archive.add(mimic / "LICENSE.txt", "LICENSE.txt")
    corpus = open_corpus(path)
    assert texts(corpus) == EVERYTHING
    assert corpus.dropped["file that is no report"] == 1


def test_mimic_sectioned(tmp_path: Path) -> None:
    path = tmp_path / "mimic_cxr_sectioned.csv"
    rows = [
        ("study", "impression", "findings", "last_paragraph", "comparison"),
        ("s50414267", "Normal chest.", "Clear\nlungs.", "", "None."),
        ("s53189527", "", "", "No edema.", ""),
        ("s51029426", "nan", "No mass.", "No mass.", ""),
    ]
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)
    assert texts(open_corpus(path)) == [
        ("s50414267", "findings", "Clear lungs."),
        ("s50414267", "impression", "Normal chest."),
        ("s53189527", "", "No edema."),
        ("s51029426", "findings", "No mass."),
    ]
    (tmp_path / "mimic-cxr-2.0.0-split.csv").write_text(SPLITS)
    corpus = open_corpus(path, CorpusOptions(split="test"))
    assert texts(corpus) == [("s53189527", "", "No edema.")]
    before = corpus.fingerprint()
    (tmp_path / "mimic-cxr-2.0.0-split.csv").write_text(SPLITS + "image-9,59999999,19,test\n")
    assert open_corpus(path, CorpusOptions(split="test")).fingerprint() != before


CHEXPERT_PLUS = [
    "path_to_image", "path_to_dcm", "frontal_lateral", "ap_pa", "deid_patient_id",
    "patient_report_date_order", "report", "section_narrative", "section_findings",
    "section_impression", "split",
]  # fmt: skip


def chexpert_row(image: str, report: str, findings: str, impression: str, split: str) -> list[str]:
    view = "Lateral" if "lateral" in image else "Frontal"
    return [image, image, view, "AP", "p", "1", report, "", findings, impression, split]


@pytest.fixture
def chexpert_plus(tmp_path: Path) -> Path:
    path = tmp_path / "df_chexpert_plus_240401.csv"
    rows = [
        CHEXPERT_PLUS,
        chexpert_row("train/patient00001/study1/view1_frontal.jpg", "",
                     "1.TRACHEOSTOMY TUBE IS IN PLACE.  RIGHT PICC IN THE SVC.\n\n2.NO EDEMA.",
                     "", "train"),
        chexpert_row("train/patient00002/study1/view1_frontal.jpg", "IMPRESSION:\n1. No mass.",
                     "", "nan", "train"),
        chexpert_row("train/patient00001/study1/view2_lateral.jpg", "", "THE SAME.", "", "train"),
        chexpert_row("valid/patient64541/study1/view1_frontal.jpg", "", "", "Clear.", "valid"),
    ]  # fmt: skip
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)
    return path


def test_chexpert_plus(chexpert_plus: Path) -> None:
    corpus = open_corpus(chexpert_plus, CorpusOptions(split="train"))
    assert texts(corpus) == [
        ("patient00001/study1", "findings", "Tracheostomy tube is in place."),
        ("patient00001/study1", "findings", "Right PICC in the SVC."),
        ("patient00001/study1", "findings", "No edema."),
        ("patient00002/study1", "impression", "No mass."),
    ]
    assert corpus.dropped["row that repeats the report of another image"] == 1
    assert corpus.dropped["report of another split"] == 1
    assert texts(open_corpus(chexpert_plus.parent)) == texts(open_corpus(chexpert_plus))


@pytest.fixture
def padchest(tmp_path: Path) -> Path:
    path = tmp_path / "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv.gz"
    with gzip.open(path, "wt", newline="") as stream:
        csv.writer(stream).writerows(
            [
                ("", "ImageID", "ImageDir", "StudyID", "Projection", "ReportID", "Report"),
                ("0", "a.png", "0", "1", "PA", "77", " pulmon limpi . no derram ."),
                ("1", "b.png", "0", "1", "L", "77", " pulmon limpi . no derram ."),
                ("2", "c.png", "1", "2", "AP", "78", "sin cambi signific respect a estudi previ ."),
                ("3", "d.png", "1", "3", "AP", "79", "nan"),
            ]
        )
    return path


def test_padchest_has_to_be_named(padchest: Path) -> None:
    with pytest.raises(CorpusError, match="--format padchest"):
        open_corpus(padchest)


def test_padchest_is_not_labelled(padchest: Path) -> None:
    corpus = open_corpus(padchest, form="padchest")
    sentences = list(corpus)
    assert texts(sentences) == [("77", "", "pulmon limpi."), ("77", "", "no derram.")]
    assert all(s.labels == (int(Mention.BLANK),) * 14 for s in sentences)
    assert all(s.attributes is not None and Attribute.SEVERITY in s.attributes for s in sentences)
    assert corpus.dropped["sentence that speaks of an earlier study"] == 1
    assert corpus.dropped["report without the sections wanted"] == 1
    assert any("Spanish" in note for note in corpus.notes)
    whole = list(open_corpus(padchest, CorpusOptions(unit="report"), "padchest"))
    assert [(s.text, s.labels) for s in whole] == [
        ("pulmon limpi. no derram.", sentences[0].labels)
    ]


def xml(number: int, findings: str, impression: str) -> str:
    return f"""<?xml version="1.0" encoding="utf-8"?>
<eCitation><uId id="CXR{number}"/><MedlineCitation><Article><Abstract>
<AbstractText Label="COMPARISON">None.</AbstractText>
<AbstractText Label="INDICATION">Cough.</AbstractText>
<AbstractText Label="FINDINGS">{findings}</AbstractText>
<AbstractText Label="IMPRESSION">{impression}</AbstractText>
</Abstract></Article></MedlineCitation>
<parentImage id="CXR{number}_1_IM-0001-3001"><caption>PA</caption></parentImage></eCitation>"""


@pytest.fixture
def openi(tmp_path: Path) -> Path:
    folder = tmp_path / "openi" / "ecgen-radiology"
    folder.mkdir(parents=True)
    (folder / "10.xml").write_text(xml(10, "", "1. No mass. 2. Heart &lt; 50 percent."))
    (folder / "2.xml").write_text(xml(2, "Clear lungs.", "Normal chest x-XXXX."))
    return folder.parent


def test_openi_xml(openi: Path) -> None:
    expected = [
        ("2", "findings", "Clear lungs."),
        ("10", "impression", "No mass."),
        ("10", "impression", "Heart < 50 percent."),
    ]
    for source in (openi, openi / "ecgen-radiology"):
        corpus = open_corpus(source)
        assert texts(corpus) == expected
        assert corpus.dropped["sentence that holds a redaction mark"] == 1
    archive = openi / "NLMCXR_reports.tgz"
    with tarfile.open(archive, "w:gz") as stream:
        for name in ("2.xml", "10.xml"):
            stream.add(openi / "ecgen-radiology" / name, f"ecgen-radiology/{name}")
    assert texts(open_corpus(archive)) == expected


def test_openi_sections_in_two_parts(openi: Path) -> None:
    """Two elements of one label are one section, in their order."""
    again = '<AbstractText Label="FINDINGS">{}</AbstractText></Abstract>'
    path = openi / "ecgen-radiology" / "2.xml"
    whole = xml(2, "Clear lungs", "")
    path.write_text(whole.replace("</Abstract>", again.format("No effusion."), 1))
    assert texts(open_corpus(path)) == [
        ("2", "findings", "Clear lungs."),
        ("2", "findings", "No effusion."),
    ]
    path.write_text(whole.replace("</Abstract>", again.format(" "), 1))
    assert texts(open_corpus(path)) == [("2", "findings", "Clear lungs.")]


def test_openi_files_that_are_no_reports(openi: Path) -> None:
    path = openi / "ecgen-radiology" / "3.xml"
    path.write_text("<eCitation/>")
    with pytest.raises(CorpusError, match=r"3\.xml is no report of Open-I"):
        list(open_corpus(openi))
    bomb = '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">' + "".join(
        f'<!ENTITY a{n} "{f"&a{n - 1};" * 10 if n else "&a;" * 10}">' for n in range(9)
    )
    path.write_text(f"{bomb}]><AbstractText Label='FINDINGS'>&a8;</AbstractText>")
    with pytest.raises(CorpusError, match=r"3\.xml is no report of Open-I") as caught:
        list(open_corpus(openi))
    assert "\n" not in str(caught.value)


def test_images_of_mimic(mimic: Path) -> None:
    folder = mimic / "files" / "p10" / "p10000032" / "s50414267"
    folder.mkdir()
    for name in ("image-0.jpg", "image-1.jpg", "index.html"):
        (folder / name).touch()
    (mimic / "mimic-cxr-2.0.0-metadata.csv").write_text(
        "dicom_id,ViewPosition\nimage-0,PA\nimage-1,LATERAL\n"
    )
    corpus = image_reports(mimic)
    rows = [(row.image_path, row.report_text, row.view) for row in corpus]
    assert rows == [(folder / "image-0.jpg", "Clear lungs. Normal chest.", "frontal")]
    assert corpus.dropped["image of another view"] == 1
    assert corpus.dropped["image that is not there"] == 2


def test_images_of_chexpert_plus(chexpert_plus: Path) -> None:
    """Each row has its image, also those that repeat a report."""
    for name in ("view1_frontal.jpg", "view2_lateral.jpg"):
        path = chexpert_plus.parent / "train" / "patient00001" / "study1" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    corpus = image_reports(chexpert_plus, view=None)
    assert [(row.image_path.name, row.source, row.view) for row in corpus] == [
        ("view1_frontal.jpg", "patient00001/study1", "frontal"),
        ("view2_lateral.jpg", "patient00001/study1", "lateral"),
    ]


def test_images_of_padchest(padchest: Path) -> None:
    (padchest.parent / "0").mkdir()
    for name in ("a.png", "b.png"):
        (padchest.parent / "0" / name).touch()
    corpus = image_reports(padchest, form="padchest")
    assert [(row.image_path.name, row.view) for row in corpus] == [("a.png", "frontal")]


def test_images_of_openi(openi: Path) -> None:
    """The XML names its images without an ending."""
    (openi / "NLMCXR_png").mkdir()
    (openi / "NLMCXR_png" / "CXR10_1_IM-0001-3001.png").touch()
    corpus = image_reports(openi, CorpusOptions(redaction="strip"))
    assert [(row.image_path.name, row.source) for row in corpus] == [
        ("CXR10_1_IM-0001-3001.png", "10")
    ]


def test_images_of_a_table(tmp_path: Path) -> None:
    (tmp_path / "x.dcm").touch()
    (tmp_path / "a.csv").write_text("path,report\nx.dcm,Clear lungs.\ny.dcm,No mass.\n")
    corpus = image_reports(tmp_path / "a.csv")
    assert [(row.image_path, row.report_text) for row in corpus] == [
        (tmp_path / "x.dcm", "Clear lungs.")
    ]
    assert corpus.dropped["image that is not there"] == 1


def test_the_view_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "x.dcm").touch()
    (tmp_path / "a.csv").write_text("path,report,Sicht\nx.dcm,Clear lungs.,LATERAL\n")
    (tmp_path / "a.jsonl").write_text('{"image": "x.dcm", "report": "Clear.", "Sicht": "lateral"}')
    options = CorpusOptions(columns=(("view", "Sicht"),))
    for name in ("a.csv", "a.jsonl"):
        corpus = image_reports(tmp_path / name, options)
        assert list(corpus) == []
        assert corpus.dropped["image of another view"] == 1


def test_columns_of_a_released_table_are_fixed(chexpert_plus: Path) -> None:
    with pytest.raises(CorpusError, match="the format chexpert-plus knows where everything is"):
        open_corpus(chexpert_plus, CorpusOptions(columns=(("report", "report"),)))
