"""Pictures, the HTML page and the README's table, drawn from the records of ``cxr-bench``."""
