"""Compression: greedy leader clustering of a corpus by the cosine of its embeddings.

Rows are taken in corpus order. A row whose cosine with an earlier representative is strictly
greater than ``1 - level`` belongs to the first such representative; any other row becomes a
representative itself. That is what the released code of CXR-RePaiR (Endo et al., ML4H 2021,
section 7) does; ``leaders.py`` says how it is done fast without changing the result.
"""

LEVELS = (0.0, 0.01, 0.05, 0.15, 0.25, 0.40)
"""The levels of the paper. At 0 nothing is merged beyond texts that are equal in lower case."""
