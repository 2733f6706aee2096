"""Foregrounds with exact alpha, drawn by the thousand.

A kind of foreground is a function that draws one picture from a random generator; KINDS names them all. Each
lives in a module of its own and adds one line here.
"""

from deepmatte.training.corpus.render.rendering import Kind

KINDS: dict[str, Kind] = {kind.name: kind for kind in ()}
