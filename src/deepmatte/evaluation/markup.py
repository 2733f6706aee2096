"""HTML and SVG from Python: elements whose texts are escaped, nothing else."""

from html import escape


class Markup(str):
    """Text that is markup already and is not escaped again."""

    __slots__ = ()


def element(name: str, /, *children: object, **attributes: object) -> Markup:
    """Return an element.

    children: markup is taken as it is, other things are shown as escaped text. attributes: a final underscore
    is dropped and others become hyphens (class_, data_step); those that are None are left out, those that are
    True have no value.
    """
    parts = [name]
    for key, value in attributes.items():
        shown = key.rstrip("_").replace("_", "-")
        if value is True:
            parts.append(shown)
        elif value is not None:
            parts.append(f'{shown}="{escape(str(value))}"')
    opening = f"<{' '.join(parts)}>"
    return Markup(opening if name in _EMPTY else f"{opening}{join(*children)}</{name}>")


def join(*children: object) -> Markup:
    """Return parts one after the other; what is no markup is escaped."""
    return Markup(
        "".join(child if isinstance(child, Markup) else escape(str(child), quote=False) for child in children)
    )


_EMPTY = {"br", "img", "input", "meta"}
