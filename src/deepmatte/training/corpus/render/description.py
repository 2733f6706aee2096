"""Kinds of renderings and their ranges, as the Markdown that `corpus kinds` prints and the docs hold."""

from collections.abc import Iterable, Sequence

from deepmatte.errors import BadInput
from deepmatte.training.corpus.render import KINDS
from deepmatte.training.corpus.render.optics import OPTICS
from deepmatte.training.corpus.render.rendering import Choice, Parameters, Span


def describe(names: Sequence[str] = ()) -> str:
    """Return tables of the kinds and their parameters; names: only these, and not the optics.

    Raises BadInput for a name that is none.
    """
    if unknown := [name for name in names if name not in KINDS]:
        raise BadInput(f"{', '.join(unknown)} is no kind; expected some of {', '.join(KINDS)}")
    chosen = [KINDS[name] for name in names or KINDS]
    lines = ["| kind | group | what it is |", "|---|---|---|"]
    lines += [f"| `{kind.name}` | {kind.group} | {kind.summary} |" for kind in chosen]
    for kind in chosen:
        lines += ["", f"#### {kind.name}", "", *_table(kind.parameters)]
    if not names:
        lines += ["", "#### optics, on any kind", "", *_table(OPTICS)]
    return "\n".join(lines)


def _table(parameters: Parameters) -> Iterable[str]:
    yield from ("| parameter | range | what it is |", "|---|---|---|")
    for name, parameter in parameters.items():
        yield f"| `{name}` | {_range(parameter)} | {parameter.meaning} |"


def _range(parameter: Span | Choice) -> str:
    if isinstance(parameter, Span):
        scale = ", logarithmic" if parameter.scale == "logarithmic" else ""
        return f"{parameter.low:g} … {parameter.high:g}{scale}"
    weights = parameter.weights or (1.0,) * len(parameter.options)
    shares = (weight / sum(weights) for weight in weights)
    return ", ".join(f"{option} {share:.0%}" for option, share in zip(parameter.options, shares, strict=True))
