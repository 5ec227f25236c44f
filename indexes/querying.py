"""One picture or one text as a query of an index."""

from contextlib import closing

import numpy as np

from cxr_edge.bundle import Bundle
from cxr_edge.dicom import StudyReader
from cxr_edge.encoder import ImageEncoder
from cxr_edge.labels import OBSERVATIONS
from cxr_edge.networks import Networks
from cxr_edge.tokenizers import get_tokenizer
from cxr_edge.types import Encoding


def image_query(bundle: Bundle, path: str) -> Encoding:
    """The embedding of the picture of one study: a file, a folder or zip of one study, or ``-``.

    Raises:
        CxrEdgeError: the study cannot be read, or the network cannot run.
    """
    with StudyReader() as reader:
        study = reader.read(path)
    with closing(Networks(bundle)) as networks:
        return ImageEncoder(bundle, networks.open("image")).encode(study.image)


def text_query(bundle: Bundle, text: str) -> Encoding:
    """The embedding of one text.

    Raises:
        BundleError: the bundle has no text network.
    """
    with closing(Networks(bundle)) as networks:
        network = networks.open("text")
        tokenizer = get_tokenizer(bundle.manifest["tokenizer"], bundle.directory)
        return _encoding(bundle, network.run(tokenizer.encode([text]))["embedding"][0])


def _encoding(bundle: Bundle, vector: np.ndarray) -> Encoding:
    vector = vector.astype(np.float32)
    if bundle.metric == "cosine":
        vector /= np.linalg.norm(vector)
    # A search looks at the vector alone; one half has no opinion about any observation.
    return Encoding(vector, bundle.space, np.full(len(OBSERVATIONS), 0.5, np.float32))
