"""Quality of drafts: the papers' metrics by their definitions, data sets, published figures.

``docs/quality.md`` says what each figure is and what it may be set beside.
"""
