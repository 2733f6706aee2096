"""Glasses, bottles and bubbles: seen by their edges, tint and highlights."""

from deepmatte.training.corpus.render.glass.bubbles import FOAMS
from deepmatte.training.corpus.render.glass.glasses import GLASSES as VESSELS

GLASSES = (*VESSELS, *FOAMS)
