"""Where connections are opened: the client that ``cxr-bench load --url`` posts studies with."""
