"""Words from a network that gives one step at a time: the loop stays on the host, without torch."""

from cxr_edge.decoding.beam import Decoded, beam_search
from cxr_edge.decoding.cached import CachedDecoder
from cxr_edge.decoding.opening import ReportDecoder, open_decoder
from cxr_edge.decoding.sentences import SentenceDecoder, without_repeats

__all__ = [
    "CachedDecoder",
    "Decoded",
    "ReportDecoder",
    "SentenceDecoder",
    "beam_search",
    "open_decoder",
    "without_repeats",
]
