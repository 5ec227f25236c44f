"""One module per architecture: the torch reference, its checkpoint loader, its ``ExportSpec``."""
