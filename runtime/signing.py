"""Whether a bundle was signed by the holder of a key: Ed25519 (RFC 8032), without any network.

The signature covers the bytes of ``bundle.json``, which carries the SHA-256 of every other file. It
stands beside the manifest as ``bundle.json.sig``, 64 bytes. Keys are PEM files as OpenSSL and
``cryptography`` write them.
"""

from pathlib import Path

from cxr_edge.errors import BundleError

SIGNATURE_BYTES = 64


def require_signature(manifest: bytes, signature: Path, public_key: Path) -> None:
    """Check a signature.

    Args:
        manifest: the signed bytes, the very ones that are then used.
        signature: the file that holds the signature.
        public_key: a PEM file with an Ed25519 public key.

    Raises:
        BundleError: no signature, another key's, of other bytes; no such key; or ``cryptography``
            is not installed.
    """
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
    except ImportError:
        raise BundleError(
            "a signature cannot be checked: cryptography is not installed; run: "
            "pip install 'cxr-edge[sign]'"
        ) from None
    try:
        key = load_pem_public_key(public_key.read_bytes())
    except OSError as problem:
        raise BundleError(
            f"{public_key}: {problem.strerror}; expected the PEM file of an Ed25519 public key"
        ) from None
    except Exception:  # the library raises errors of several kinds for a file that is no key
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise BundleError(
            f"{public_key} is no Ed25519 public key in PEM form; make one with: "
            "openssl pkey -in KEY.pem -pubout"
        )
    directory = signature.parent
    try:
        with signature.open("rb") as stream:
            stated = stream.read(SIGNATURE_BYTES + 1)
    except OSError:
        raise BundleError(
            f"{directory} is not signed and a signature is required; sign it with: "
            f"cxr-export --sign KEY.pem --out {directory}"
        ) from None
    try:
        key.verify(stated, manifest)
    except InvalidSignature:
        raise BundleError(
            f"the signature of {directory} was not made by the owner of {public_key}, or not of "
            "this manifest; get the bundle again from its source"
        ) from None
