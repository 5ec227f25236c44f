"""From stored values to a network's input, by a recipe that is part of the model."""

from cxr_edge.preprocess.display import render
from cxr_edge.preprocess.recipe import Recipe
from cxr_edge.preprocess.run import apply

__all__ = ["Recipe", "apply", "render"]
