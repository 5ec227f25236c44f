"""Weights this package carries, so that the embedded default can be exported again."""
