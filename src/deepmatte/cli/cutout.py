"""The commands of those who want a cutout: cut, models."""

import argparse
import dataclasses
import sys

from deepmatte.cli.console import (
    Command,
    chosen_options,
    name_flags,
    positive,
    print_json,
    progress_bar,
    remark,
    say,
)

MAX_MEGAPIXELS = 300


def _add_cut(command: argparse.ArgumentParser) -> None:
    command.add_argument("image", metavar="IMAGE", help="the photo: JPEG, PNG, WebP, TIFF, BMP or GIF")
    known = command.add_mutually_exclusive_group(required=True)
    known.add_argument(
        "--trimap", metavar="T", help="white: foreground, black: background, grey: to be found"
    )
    known.add_argument("--mask", metavar="M", help="white: foreground, black: background, edges rough")
    command.add_argument(
        "--band",
        metavar="PX",
        type=positive,
        help="how far the mask's outline may be off, to either side (default: 10)",
    )
    command.add_argument(
        "--output", "-o", metavar="O", help="the cutout (default: IMAGE-cutout.png beside it)"
    )
    command.add_argument("--alpha-output", metavar="A", help="also write the alpha as a grey picture")
    command.add_argument("--foreground-output", metavar="F", help="also write the foreground's clean colours")
    command.add_argument(
        "--background",
        metavar="COLOUR|IMAGE",
        help="lay the cutout on a colour (#rrggbb, a name) or a picture",
    )
    command.add_argument("--model", metavar="NAME|PATH", help="see `deepmatte models`; or an .onnx file")
    command.add_argument(
        "--second-look",
        action="store_true",
        help="look twice: better, for 1.8 to 3 times the time",
    )
    command.add_argument("--overwrite", action="store_true", help="replace results that exist")
    command.add_argument("--json", action="store_true", help="print a report for programs")
    command.add_argument(
        "--max-megapixels",
        metavar="N",
        type=positive,
        default=MAX_MEGAPIXELS,
        help="refuse larger pictures before decoding them (default: %(default)s)",
    )


def _cut(arguments: argparse.Namespace) -> int:
    from deepmatte.cutout import cut

    with progress_bar() as progress:
        report = cut(
            arguments.image,
            arguments.trimap,
            arguments.output,
            mask_path=arguments.mask,
            band_px=arguments.band,
            alpha_path=arguments.alpha_output,
            foreground_path=arguments.foreground_output,
            background=arguments.background,
            options=chosen_options(arguments),
            overwrite=arguments.overwrite,
            max_pixels=int(min(arguments.max_megapixels * 1e6, sys.maxsize)),
            progress=progress,
        )
    report = dataclasses.replace(report, notes=tuple(map(name_flags, report.notes)))
    for note in report.notes:
        remark("note:", note)
    if arguments.json:
        print_json(dataclasses.asdict(report))
        return 0
    for path in (report.output, report.alpha_output, report.foreground_output):
        if path is not None:
            say(path)
    return 0


def _add_models(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print a report for programs")


def _models(arguments: argparse.Namespace) -> int:
    from deepmatte.models import catalogue

    specs = {name: catalogue.load_bytes(name)[1] for name in catalogue.names()}
    if arguments.json:
        print_json({name: dataclasses.asdict(spec) for name, spec in specs.items()})
        return 0
    for name, spec in specs.items():
        say(f"{name}  {spec.name} {spec.version}, trained {spec.trained}, {spec.licence}")
    return 0


COMMANDS = (
    Command("cut", _add_cut, _cut, "cut the foreground out of a photo, given a trimap or a mask"),
    Command("models", _add_models, _models, "list the models that are installed"),
)
