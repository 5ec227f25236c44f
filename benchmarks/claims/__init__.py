"""The main command: the papers' runtime and quality claims, measured on this machine."""
