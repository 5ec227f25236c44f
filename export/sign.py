"""Signing a bundle with an Ed25519 key that never leaves this machine."""

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from cxr_edge.atomic import sync_directory
from cxr_edge.bundle import MANIFEST, Bundle
from cxr_edge.errors import BundleError, OutputError
from cxr_edge.manifest import SIGNATURE_SUFFIX, canonical

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def private_key(path: Path) -> "Ed25519PrivateKey":
    """Read an unencrypted Ed25519 private key in PEM form.

    Raises:
        BundleError: no such file, another kind of key, or ``cryptography`` is not installed.
    """
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ImportError:
        raise BundleError(
            "a bundle cannot be signed: cryptography is not installed; run: "
            "pip install 'cxr-edge[sign]'"
        ) from None
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as problem:
        raise BundleError(
            f"{path}: {problem.strerror}; expected the PEM file of an Ed25519 private key"
        ) from None
    except Exception:  # the library raises errors of several kinds for a file that is no key
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise BundleError(
            f"{path} is no unencrypted Ed25519 private key in PEM form; make one with: "
            "openssl genpkey -algorithm ed25519 -out KEY.pem"
        )
    return key


def sign_bundle(directory: Path, key: Path) -> None:
    """Put a signature of its manifest into a bundle, in the place of an older one.

    Raises:
        BundleError: no whole bundle, or no such key; see :func:`private_key`.
        OutputError: the disk refuses; an older signature is left as it was.
    """
    signer = private_key(key)
    signature = signer.sign(canonical(Bundle.load(directory).manifest))
    # Written beside the bundle and renamed into it: a foreign file would spoil it meanwhile.
    target = directory.absolute() / f"{MANIFEST}{SIGNATURE_SUFFIX}"
    try:
        descriptor, name = tempfile.mkstemp(
            prefix=f".{directory.absolute().name}.", suffix=".sig.tmp", dir=target.parent.parent
        )
        try:
            with open(descriptor, "wb") as stream:
                stream.write(signature)
                stream.flush()
                os.fsync(stream.fileno())
            os.chmod(name, 0o644)
            os.replace(name, target)
            sync_directory(target.parent)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as problem:
        raise OutputError(f"cannot write {target}: {problem.strerror}") from None
