"""Recipes that turn pairs of images and reports into weights."""
