"""Fur, hair and glass rendered in three dimensions by Blender, which runs in a process of its own."""

from deepmatte.training.corpus.render.blender.staging import STAGED

__all__ = ["STAGED"]
