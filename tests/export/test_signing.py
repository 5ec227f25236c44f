"""Signatures: made offline, checked by the runtime, and every way in which one can be wrong."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from cxr_edge.bundle import MANIFEST, Bundle, write_bundle
from cxr_edge.errors import BundleError
from cxr_edge.export.cli import main
from cxr_edge.export.sign import sign_bundle
from cxr_edge.manifest import SIGNATURE_SUFFIX, canonical, digest_of, read_manifest

serialization = pytest.importorskip(
    "cryptography.hazmat.primitives.serialization", reason="extra 'sign' is not installed"
)
ROOT = Path(__file__).resolve().parents[2]
EMBEDDED = ROOT / "runtime" / "data" / "bundle"


def write_keys(folder: Path, name: str) -> tuple[Path, Path]:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private, public = folder / f"{name}.pem", folder / f"{name}.pub.pem"
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    public.write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return private, public


@pytest.fixture(scope="module")
def keys(tmp_path_factory) -> tuple[Path, Path]:
    return write_keys(tmp_path_factory.mktemp("keys"), "mine")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """An unsigned copy of the embedded bundle."""
    if not EMBEDDED.is_dir():
        pytest.skip(f"the embedded bundle is not here: {EMBEDDED} is missing")
    out = tmp_path / "bundle"
    shutil.copytree(EMBEDDED, out)
    (out / f"{MANIFEST}{SIGNATURE_SUFFIX}").unlink(missing_ok=True)
    return out


def refused(bundle: Path, public: Path) -> str:
    with pytest.raises(BundleError) as caught:
        Bundle.load(bundle, public_key=public)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_signed_bundle_is_accepted_and_nothing_in_it_changed(bundle: Path, keys) -> None:
    before = {path.name: path.read_bytes() for path in bundle.iterdir()}
    sign_bundle(bundle, keys[0])
    assert Bundle.load(bundle, public_key=keys[1]).digest == Bundle.load(bundle).digest
    after = {path.name: path.read_bytes() for path in bundle.iterdir()}
    assert len(after.pop(f"{MANIFEST}{SIGNATURE_SUFFIX}")) == 64
    assert after == before
    assert [path.name for path in bundle.parent.iterdir()] == ["bundle"]


def test_openssl_agrees(bundle: Path, keys) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    sign_bundle(bundle, keys[0])
    manifest, signature = bundle / MANIFEST, bundle / f"{MANIFEST}{SIGNATURE_SUFFIX}"
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", keys[1], "-rawin"]
    done = subprocess.run(
        [*map(str, command), "-in", str(manifest), "-sigfile", str(signature)],
        capture_output=True,
        text=True,
    )
    assert "Signature Verified Successfully" in done.stdout, done.stderr


def test_no_signature(bundle: Path, keys) -> None:
    assert "is not signed and a signature is required" in refused(bundle, keys[1])


def test_another_key(bundle: Path, keys, tmp_path: Path) -> None:
    sign_bundle(bundle, keys[0])
    assert "was not made by the owner" in refused(bundle, write_keys(tmp_path, "other")[1])


def test_a_manifest_that_was_changed_with_care(bundle: Path, keys) -> None:
    sign_bundle(bundle, keys[0])
    payload = dict(Bundle.load(bundle).manifest)
    payload["name"] = "another"
    payload["digest"] = digest_of(payload)
    (bundle / MANIFEST).write_bytes(canonical(payload))
    assert Bundle.load(bundle).name == "another"  # it is whole, only not what was signed
    assert "not of this manifest" in refused(bundle, keys[1])


@pytest.mark.parametrize("content", [b"", b"x" * 63, b"x" * 64, b"x" * 65])
def test_a_signature_that_is_none(bundle: Path, keys, content: bytes) -> None:
    (bundle / f"{MANIFEST}{SIGNATURE_SUFFIX}").write_bytes(content)
    assert "was not made by the owner" in refused(bundle, keys[1])


def test_files_that_are_no_keys(bundle: Path, keys, tmp_path: Path) -> None:
    sign_bundle(bundle, keys[0])
    (tmp_path / "text.pem").write_text("no key")
    assert "is no Ed25519 public key" in refused(bundle, tmp_path / "text.pem")
    assert "is no Ed25519 public key" in refused(bundle, keys[0])
    assert "No such file" in refused(bundle, tmp_path / "missing.pem")
    for wrong in (tmp_path / "text.pem", keys[1]):
        with pytest.raises(BundleError, match="no unencrypted Ed25519 private key"):
            sign_bundle(bundle, wrong)


def test_no_other_file_is_tolerated(bundle: Path) -> None:
    (bundle / "other.sig").write_bytes(b"x" * 64)
    with pytest.raises(BundleError, match="does not belong there"):
        Bundle.load(bundle)


def test_without_the_package(bundle: Path, keys, monkeypatch: pytest.MonkeyPatch) -> None:
    sign_bundle(bundle, keys[0])
    for name in [name for name in sys.modules if name.startswith("cryptography")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    assert "pip install 'cxr-edge[sign]'" in refused(bundle, keys[1])
    with pytest.raises(BundleError, match=r"pip install 'cxr-edge\[sign\]'"):
        sign_bundle(bundle, keys[0])
    assert Bundle.load(bundle).directory == bundle


def test_commands(bundle: Path, keys, phantom: Path) -> None:
    scripts = Path(sys.executable).parent
    draft = [str(scripts / "cxr-run"), str(phantom), "--json", "--bundle", str(bundle)]
    demanded = [*draft, "--require-signature", str(keys[1])]
    unsigned = subprocess.run(demanded, capture_output=True, text=True)
    assert unsigned.returncode == 1
    assert len(unsigned.stderr.strip().splitlines()) == 1
    signed = CliRunner().invoke(main, ["--sign", str(keys[0]), "--out", str(bundle)])
    assert (signed.exit_code, signed.output.strip()) == (0, str(bundle))
    drafted = subprocess.run(demanded, capture_output=True, text=True)
    assert drafted.returncode == 0, drafted.stderr


def test_a_bundle_that_is_written_again_is_unsigned(bundle: Path, keys, tmp_path: Path) -> None:
    sign_bundle(bundle, keys[0])
    opened = Bundle.load(bundle)
    files = {name: opened.read(name) for name in opened.manifest["files"]}
    again = write_bundle(bundle, opened.manifest, files, replace=True)
    assert read_manifest(again.directory, MANIFEST, "cxr-edge/bundle/1", BundleError)
    assert "is not signed" in refused(bundle, keys[1])
