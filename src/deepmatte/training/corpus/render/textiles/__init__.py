"""Lace, nets, tulle and knitting: patterns of threads on hung and folded cloth."""

from deepmatte.training.corpus.render.textiles.cloth import TEXTILES

__all__ = ["TEXTILES"]
