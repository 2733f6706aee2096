"""Everything deepmatte raises on purpose.

MatteError
├── BadInput          an image, a trimap, a mask or an option cannot be used
├── BadOutput         a result cannot be written
└── ModelUnavailable  a model is unknown, missing, damaged or does not fit this program

A message says what was found, what was expected and what to do, on one line.
"""


class MatteError(Exception):
    """Base of all errors that deepmatte raises on purpose."""


class BadInput(MatteError):
    """An image, a trimap, a mask or an option cannot be used."""


class BadOutput(MatteError):
    """A result cannot be written where it was asked for."""


class ModelUnavailable(MatteError):
    """A model is unknown, missing, damaged or does not fit this program."""
