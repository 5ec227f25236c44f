"""Twenty real ``valid`` studies, wrapped as DICOM, drafted by ``cxr-run`` in one go."""

import json
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian, generate_uid

Image = pytest.importorskip("PIL.Image")

DISEASED = {"Cardiomegaly", "Effusion", "Atelectasis", "Consolidation", "Edema"}


def wrap(picture: Path, out: Path) -> str:
    """Write a picture as Computed Radiography; returns its StudyInstanceUID."""
    pixels = np.asarray(Image.open(picture).convert("L"))
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = ComputedRadiographyImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[picture.name])
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset(str(out), {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID = ComputedRadiographyImageStorage
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.StudyInstanceUID = generate_uid(entropy_srcs=["study", picture.name])
    dataset.SeriesInstanceUID = generate_uid(entropy_srcs=["series", picture.name])
    dataset.Modality, dataset.PatientID, dataset.ViewPosition = "CR", picture.stem, "PA"
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    dataset.PixelRepresentation = 0
    dataset.PixelData = pixels.tobytes()
    dataset.save_as(out)
    return str(dataset.StudyInstanceUID)


def test_drafts_follow_the_picture(cxr, shared_data: Path, tmp_path: Path) -> None:
    lines = (shared_data / "openi" / "studies.jsonl").read_text().splitlines()
    valid = [study for study in map(json.loads, lines) if study["split"] == "valid"]
    normal = [s for s in valid if s["normal"]][:10]
    diseased = [s for s in valid if len(DISEASED & set(s["labels14"])) >= 1][:10]
    group = {}
    for name, studies in (("normal", normal), ("diseased", diseased)):
        for study in studies:
            file = next(i["file"] for i in study["images"] if i["projection"] == "Frontal")
            uid = wrap(shared_data / "openi" / "images" / file, tmp_path / f"{study['uid']}.dcm")
            group[uid] = name
    done = cxr("cxr-run", tmp_path, "--json")
    assert done.returncode == 0, done.stderr
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    assert {report["study_instance_uid"] for report in reports} == set(group)
    assert len({report["findings"] + report["impression"] for report in reports}) >= 8
    asserting = {"normal": 0, "diseased": 0}
    for report in reports:
        labels = [s["labels"] for s in report["sentences"]]
        found = any(
            v == "positive" and n != "No Finding" for said in labels for n, v in said.items()
        )
        asserting[group[report["study_instance_uid"]]] += found
    assert asserting["diseased"] >= asserting["normal"] + 4
