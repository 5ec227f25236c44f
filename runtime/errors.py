"""What can go wrong, as one family of exceptions.

Every message is one line that says what was wrong, what was expected and what to do, because the
command line prints it as it stands. An exception outside this family is a bug of ours.
"""


class CxrEdgeError(Exception):
    """A problem the user can act on."""


class StudyError(CxrEdgeError):
    """The input is no study this program can read: missing, truncated, wrong kind, hostile."""


class DecoderUnavailable(StudyError):
    """The pixel data is compressed and the decoder for its transfer syntax is not installed."""


class BundleError(CxrEdgeError):
    """A bundle is missing, damaged, or does not hold what was asked of it."""


class SentenceIndexError(CxrEdgeError):
    """A sentence index is missing, damaged, or does not hold what was asked of it."""


class SpaceMismatch(SentenceIndexError):
    """The index was built with another encoder than the one in the bundle."""


class EngineUnavailable(CxrEdgeError):
    """The named engine cannot run on this machine; the message names the missing piece."""


class MethodError(CxrEdgeError):
    """The report method is unknown, or needs something the bundle or the index does not carry."""


class OutputError(CxrEdgeError):
    """The result could not be written; nothing was left half-written."""


class CorpusError(CxrEdgeError):
    """A corpus of reports or a set of labels could not be read."""


class CheckpointError(CxrEdgeError):
    """A checkpoint is damaged, of another architecture, or not safe to open."""


class ParityError(CxrEdgeError):
    """An exported network does not agree with its reference; no bundle was written."""
