"""The stages of a build, each in a file of its own; ``indexes/build.py`` runs them in order."""
