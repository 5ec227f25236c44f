"""The decode worker: whatever happens to it ends in one line, and the next image is read."""

import os
import signal
import sys
import threading
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from dicom_files import LOSSLESS, J, draw_chest

from cxr_edge.dicom.limits import Limits
from cxr_edge.dicom.worker import DecodeWorker
from cxr_edge.errors import StudyError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits are enforced on Linux")


def small():
    pixels = draw_chest()
    return bytes(LOSSLESS[J + "80"](pixels)), pixels


def assert_works(worker):
    data, pixels = small()
    np.testing.assert_array_equal(worker.decode("jpeg-ls", data, *pixels.shape), pixels)


def process_id(worker):
    """Return the id of the running worker, which the tests then treat badly."""
    assert worker._process is not None
    return worker._process.pid


def test_not_started_until_needed():
    with DecodeWorker(Limits()) as worker:
        assert worker._process is None
        assert_works(worker)
        first = process_id(worker)
        assert_works(worker)
        assert process_id(worker) == first
    assert worker._process is None


def test_killed_while_idle():
    with DecodeWorker(Limits()) as worker:
        assert_works(worker)
        os.kill(process_id(worker), signal.SIGKILL)
        os.waitid(os.P_PID, process_id(worker), os.WEXITED | os.WNOWAIT)
        assert_works(worker)


def test_crash_while_decoding():
    data, pixels = small()
    with DecodeWorker(Limits()) as worker:
        assert_works(worker)
        victim = process_id(worker)
        os.kill(victim, signal.SIGSTOP)  # so that the request is surely under way

        def crash():
            os.kill(victim, signal.SIGSEGV)
            os.kill(victim, signal.SIGCONT)

        timer = threading.Timer(0.3, crash)
        timer.start()
        with pytest.raises(StudyError, match="crashed"):
            worker.decode("jpeg-ls", data, *pixels.shape)
        timer.join()
        assert_works(worker)


def test_interrupted_decode_leaves_nothing_to_the_next_picture():
    """A host's time limit, raised while the worker is at it, as Ctrl-C would be."""
    data, pixels = small()
    other = pixels[::-1].copy()

    class Late(Exception):
        pass

    with DecodeWorker(Limits()) as worker:
        assert_works(worker)
        victim = process_id(worker)
        os.kill(victim, signal.SIGSTOP)  # so that the request is surely under way

        def interrupt(*_):
            os.kill(victim, signal.SIGCONT)
            raise Late

        before = signal.signal(signal.SIGALRM, interrupt)
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        try:
            with pytest.raises(Late):
                worker.decode("jpeg-ls", data, *pixels.shape)
        finally:
            signal.signal(signal.SIGALRM, before)
        again = worker.decode("jpeg-ls", bytes(LOSSLESS[J + "80"](other)), *other.shape)
        np.testing.assert_array_equal(again, other)
        assert_works(worker)


def test_hang():
    data, pixels = small()
    with DecodeWorker(Limits(worker_timeout_seconds=1.5)) as worker:
        assert_works(worker)
        os.kill(process_id(worker), signal.SIGSTOP)
        with pytest.raises(StudyError, match="longer than"):
            worker.decode("jpeg-ls", data, *pixels.shape)
        assert_works(worker)


def test_too_much_memory():
    """A small and valid stream of a large blank picture, under a small address space."""
    side = 9000
    data = imagecodecs.jpegls_encode(np.zeros((side, side), np.uint16))
    assert len(data) < 100_000
    with DecodeWorker(Limits(worker_memory_bytes=240 << 20)) as worker:
        assert_works(worker)
        with pytest.raises(StudyError, match=r"memory|decoder|crashed"):
            worker.decode("jpeg-ls", data, side, side)
        assert_works(worker)


def test_too_much_processor_time():
    """Zero seconds are granted, so the kernel ends it within the one second of its resolution."""
    noise = np.random.default_rng(0).integers(0, 65536, (2200, 2200), dtype=np.uint16)
    data = imagecodecs.jpeg2k_encode(noise, codecformat="j2k", reversible=True)
    with DecodeWorker(Limits(worker_cpu_seconds=0)) as worker:
        with pytest.raises(StudyError, match="crashed"):
            worker.decode("jpeg2000", data, *noise.shape)
        assert_works(worker)


@pytest.mark.parametrize("codec", ["jpeg", "jpeg-lossless", "jpeg-ls", "jpeg2000", "htj2k", "png"])
def test_garbage(codec):
    with DecodeWorker(Limits()) as worker:
        with pytest.raises(StudyError, match="cannot be decoded"):
            worker.decode(codec, b"\xff\xd8\xff\xf7" + bytes(range(256)) * 9, 300, 260)
        assert_works(worker)


def test_another_size_than_agreed():
    data, _ = small()
    with DecodeWorker(Limits()) as worker:
        with pytest.raises(StudyError, match="not the stated one"):
            worker.decode("jpeg-ls", data, 200, 200)
        assert_works(worker)


def test_colour_where_grey_was_agreed():
    colour = np.random.default_rng(0).integers(0, 255, (300, 260, 3), dtype=np.uint8)
    with DecodeWorker(Limits()) as worker:
        with pytest.raises(StudyError, match="3 channels"):
            worker.decode("jpeg", imagecodecs.jpeg8_encode(colour), 300, 260)
        assert_works(worker)


def test_the_current_folder_is_not_imported_from(tmp_path, monkeypatch):
    (tmp_path / "imagecodecs.py").write_text("raise SystemExit('hostile')")
    (tmp_path / "json.py").write_text("raise SystemExit('hostile')")
    monkeypatch.chdir(tmp_path)
    with DecodeWorker(Limits()) as worker:
        assert_works(worker)


def test_no_torch_and_nothing_of_ours_in_the_worker():
    with DecodeWorker(Limits()) as worker:
        assert_works(worker)
        maps = Path(f"/proc/{process_id(worker)}/maps").read_text()
    assert "imagecodecs" in maps
    assert "torch" not in maps
    assert "onnxruntime" not in maps
