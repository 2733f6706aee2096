import inspect

import pytest

from deepmatte import errors

ALL = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]


@pytest.mark.parametrize("kind", ALL)
def test_every_error_is_a_matte_error(kind: type[Exception]) -> None:
    assert issubclass(kind, errors.MatteError)


def test_the_tree_in_the_docstring_names_every_error() -> None:
    assert errors.__doc__ is not None
    assert {kind.__name__ for kind in ALL} <= set(errors.__doc__.split())
