"""Builds the graph of a large index so that it finds what pictures look for, and proves it.

Sentences and pictures lie in two cones of the space, far apart, so a graph that links each sentence
to its nearest sentences leads a picture astray. Here a plain graph (``base``) gets further links
between sentences that the same sample pictures look for (``shape``), and is kept only when pictures
that had no part in this find what exact search finds (``tune``).
"""
