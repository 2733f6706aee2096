"""The commands of those who gather training data: corpus import, render, check, compose and so on."""

import argparse
import contextlib
import dataclasses
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from deepmatte.cli.console import (
    Command,
    command_group,
    count,
    extra,
    names,
    positive,
    print_json,
    progress_bar,
    remark,
    say,
    whole_number,
)
from deepmatte.outputs import name_some

# Named here too, for --help loads nothing of the training.
LAYOUTS = ("rgba", "pairs", "photos", "corpus", "adobe", "distinctions-646", "aim-500")


def _add_workers(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--workers", metavar="N", type=whole_number, help="processes (default: one for each core)"
    )


def _workers(arguments: argparse.Namespace) -> int:
    """Return how many processes to start: none besides this one where one is enough."""
    workers: int = arguments.workers or os.cpu_count() or 1
    return workers if workers > 1 else 0


@contextlib.contextmanager
def _resumable() -> Iterator[None]:
    """Say, where Ctrl-C ends a job, that it can be gone on with."""
    try:
        yield
    except KeyboardInterrupt:
        remark("stopped; run the same command again to go on")
        raise


def _add_check(command: argparse.ArgumentParser) -> None:
    command.add_argument("corpus", metavar="CORPUS", help="a folder with manifest.csv, or a packed corpus")
    command.add_argument("--json", action="store_true", help="print a report for programs")
    command.add_argument("--strict", action="store_true", help="let notes count as faults")
    _add_workers(command)


def _check(arguments: argparse.Namespace) -> int:
    with extra("corpus"):
        from deepmatte.training.corpus.checks import check
    with progress_bar() as progress:
        findings = check(Path(arguments.corpus), workers=_workers(arguments), progress=progress)
    faults = sum(finding.is_fault for finding in findings)
    if arguments.json:
        print_json([dataclasses.asdict(finding) for finding in findings])
    else:
        for finding in findings:
            say(f"{'' if finding.is_fault else 'note: '}{', '.join(finding.files)}: {finding.message}")
    notes = len(findings) - faults
    remark(f"{arguments.corpus}: faults: {faults}, notes: {notes}")
    return 1 if faults or (arguments.strict and notes) else 0


def _add_import(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("layout", metavar="LAYOUT", choices=LAYOUTS, help=f"one of {', '.join(LAYOUTS)}")
    add("source", metavar="SOURCE", help="the folder that holds it")
    add("--output", metavar="CORPUS", required=True, help="the folder to add to, made if it is not there")
    add("--photos", metavar="DIR", help="also take in these photographs, as backgrounds")
    add("--licence", metavar="TEXT", help="of the files whose licence SOURCE/manifest.csv does not tell")
    add("--allow-unknown-licence", action="store_true", help="take in files without a licence, too")
    add("--author", metavar="TEXT", help="of the files")
    add("--origin", metavar="TEXT", help="where the files come from, such as an address")
    add("--group", metavar="NAME", help="what training counts them among (default: their folder's name)")
    add("--split", choices=("train", "test"), help="what they are kept for")
    add("--keep-colours", action="store_true", help="do not take old backgrounds out of the colours")
    _add_workers(command)


def _import(arguments: argparse.Namespace) -> int:
    with extra("corpus"):
        from deepmatte.training.corpus.intake import Facts, check_origin, import_corpus
    facts = Facts(
        arguments.licence or "",
        arguments.allow_unknown_licence,
        arguments.author or "",
        arguments.origin or "",
        arguments.group or "",
        arguments.split or "",
    )
    sources = [(arguments.layout, arguments.source, facts)]
    if arguments.photos:
        sources.append(("photos", arguments.photos, dataclasses.replace(facts, group="")))
    for layout, source, told in sources[1:]:  # before the first, which is checked as it is taken in
        check_origin(layout, Path(source), Path(arguments.output), told)
    failures: list[str] = []
    for layout, source, told in sources:
        with _resumable(), progress_bar() as progress:
            intake = import_corpus(
                layout,
                Path(source),
                Path(arguments.output),
                facts=told,
                keep_colours=arguments.keep_colours,
                workers=_workers(arguments),
                progress=progress,
            )
        for note in (*intake.doubles, *intake.notes):
            remark("note:", note)
        added = f"{len(intake.added)} files added, {len(intake.doubles)} there already"
        say(f"{arguments.output}: {added}" + (f" from {source}" if arguments.photos else ""))
        failures += intake.failures
    return _tell_failures(failures)


def _add_sheet(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("corpus", metavar="CORPUS", help="a folder with manifest.csv, or a packed corpus")
    add("--output", metavar="FILE", required=True, help="the picture to write, such as sheet.png")
    add("--count", metavar="N", type=whole_number, help="how many are shown (default: 24)")
    add("--group", metavar="NAME,...", type=names, help="choose from these groups only")
    add("--kind", choices=("foreground", "background"), default="foreground", help="default: %(default)s")
    add("--seed", metavar="K", type=count, default=0, help="decides which are shown (default: 0)")
    add("--side", metavar="PX", type=whole_number, help="of each picture (default: 384)")
    add("--columns", metavar="N", type=whole_number, help="pictures in a row")
    add("--over", metavar="COLOUR|checks|photos", help="what foregrounds lie on (default: checks)")
    add("--alpha", action="store_true", help="show each alpha beside its picture")
    add("--overwrite", action="store_true", help="replace a picture that exists")


def _sheet(arguments: argparse.Namespace) -> int:
    with extra("corpus"):
        from deepmatte.training.corpus.sheet import COUNT, Look, write_sheet
    plain = Look()
    look = Look(
        arguments.side or plain.side_px, arguments.columns, arguments.over or plain.over, arguments.alpha
    )
    with progress_bar() as progress:
        sheet = write_sheet(
            Path(arguments.corpus),
            Path(arguments.output),
            count=arguments.count or COUNT,
            groups=arguments.group or (),
            kind=arguments.kind,
            seed=arguments.seed,
            look=look,
            progress=progress,
            overwrite=arguments.overwrite,
        )
    for number, row in enumerate(sheet.shown, start=1):
        say(f"row {number}: {', '.join(row)}")
    return _tell_failures(sheet.failures)


def _add_pack(command: argparse.ArgumentParser) -> None:
    command.add_argument("corpus", metavar="CORPUS", help="a folder with manifest.csv")
    command.add_argument("--output", metavar="FILE", required=True, help="the .zip file to write")
    command.add_argument(
        "--side", metavar="PX", type=whole_number, help="shrink pictures to this side (default: 512)"
    )
    command.add_argument(
        "--max-megabytes", metavar="N", type=positive, help="of the whole file (default: 56)"
    )
    command.add_argument(
        "--without", metavar="GROUP,...", type=names, default=[], help="leave out groups of the corpus"
    )
    command.add_argument("--overwrite", action="store_true", help="replace a file that exists")
    _add_workers(command)


def _pack(arguments: argparse.Namespace) -> int:
    with extra("corpus"):
        from deepmatte.training.corpus.pack import MAX_BYTES, SIDE_PX, pack
    with progress_bar() as progress:
        packed = pack(
            Path(arguments.corpus),
            Path(arguments.output),
            side_px=arguments.side or SIDE_PX,
            max_bytes=int(arguments.max_megabytes * 1e6) if arguments.max_megabytes else MAX_BYTES,
            without=arguments.without,
            workers=_workers(arguments),
            progress=progress,
            overwrite=arguments.overwrite,
        )
    say(f"{arguments.output}: {packed.files} files, {packed.size / 1e6:.1f} MB, quality {packed.quality}")
    return _tell_failures(packed.failures)


def _add_render(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("kinds", metavar="KIND,...|all", type=names, help="what to draw, in turn; corpus kinds lists them")
    add("--count", metavar="N", type=whole_number, required=True, help="how many files in all")
    add("--output", metavar="CORPUS", required=True, help="the corpus folder to add them to")
    add("--size", metavar="PX", type=whole_number, default=1024, help="side of each (default: 1024)")
    add("--seed", metavar="K", type=count, default=0, help="the same seed draws the same files (default: 0)")
    add("--photographs", metavar="DIR", help="take colours and light from these, too")
    add("--masks", metavar="DIR", help="take silhouettes from these masks and cut-outs, too")
    add("--optics", metavar="SHARE", type=float, default=0.3, help="share that is blurred (default: 0.3)")
    add("--bits", type=int, choices=(8, 16), default=16, help="16 writes PNG, 8 lossless WebP (default: 16)")
    add("--licence", metavar="NAME", default="CC0-1.0", help="what the manifest says (default: CC0-1.0)")
    _add_workers(command)


def _render(arguments: argparse.Namespace) -> int:
    with extra("corpus"):
        from deepmatte.training.corpus.render import USUAL
        from deepmatte.training.corpus.render.job import Job, find_pictures, run
        from deepmatte.training.corpus.render.rendering import Assets
    photographs, masks = (
        find_pictures(Path(folder)) if folder else () for folder in (arguments.photographs, arguments.masks)
    )
    kinds = [kind for name in arguments.kinds for kind in (USUAL if name == "all" else (name,))]
    job = Job(
        tuple(dict.fromkeys(kinds)),
        arguments.count,
        arguments.size,
        seed=arguments.seed,
        assets=Assets(photographs, masks),
        optics=arguments.optics,
        bits=arguments.bits,
        licence=arguments.licence,
    )
    with _resumable(), progress_bar() as progress:
        outcome = run(job, Path(arguments.output), workers=_workers(arguments), progress=progress)
    say(f"{arguments.output}: {outcome.made} files rendered, {outcome.present} were there already")
    return _tell_failures(outcome.failures)


def _add_kinds(command: argparse.ArgumentParser) -> None:
    command.add_argument("kinds", metavar="KIND", nargs="*", help="only these (default: all)")


def _kinds(arguments: argparse.Namespace) -> int:
    with extra("corpus"):
        from deepmatte.training.corpus.render.description import describe
    say(describe(arguments.kinds))
    return 0


def _add_compose(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("corpus", metavar="CORPUS", help="a folder with manifest.csv, or a packed corpus")
    add("--output", metavar="DIR", required=True, help="the folder to make, or to go on with")
    add("--train", metavar="N", type=count, help="backgrounds for each foreground (default: 100)")
    add("--test", metavar="N", type=count, help="backgrounds for each one kept for tests (default: 20)")
    add("--test-share", metavar="X", type=positive, help="of the files kept for tests (default: 0.1)")
    add("--trimap-px", metavar="LOW,HIGH", type=_span, help="how far trimaps reach (default: 1,20)")
    add("--side", metavar="PX", type=whole_number, help="shrink foregrounds to this side")
    add("--layers", action="store_true", help="store each composition's foreground and background, too")
    add("--shards", metavar="N", type=whole_number, help="write tar archives of N compositions, not folders")
    add("--seed", metavar="K", type=count, default=0, help="of everything random (default: 0)")
    _add_workers(command)


def _span(text: str) -> tuple[int, int]:
    """Return two whole numbers from 0 with a comma between, the larger last, or say what was expected."""
    parts = text.split(",")
    if len(parts) == 2 and all(part.strip().isdecimal() for part in parts) and int(parts[0]) <= int(parts[1]):
        return int(parts[0]), int(parts[1])
    raise argparse.ArgumentTypeError(f"{text!r} is not two whole numbers, the larger last, such as 1,20")


def _compose(arguments: argparse.Namespace) -> int:
    with extra("corpus"):
        from deepmatte.training.corpus import plans
        from deepmatte.training.corpus.composing import compose_corpus
        from deepmatte.training.corpus.compositions import TRIMAP_PX, Style
    given = {"train": arguments.train, "test": arguments.test}
    usual = {"train": plans.PER_TRAIN, "test": plans.PER_TEST}
    counts = {split: usual[split] if count is None else count for split, count in given.items()}
    settings = plans.Settings(
        Style(arguments.seed, arguments.trimap_px or TRIMAP_PX, arguments.side),
        {split: count for split, count in counts.items() if count},
        arguments.test_share or plans.TEST_SHARE,
        arguments.layers,
        arguments.shards,
    )
    with _resumable(), progress_bar() as progress:
        result = compose_corpus(
            Path(arguments.corpus),
            Path(arguments.output),
            settings=settings,
            workers=_workers(arguments),
            progress=progress,
        )
    if result.left_out:
        named = name_some(result.left_out)
        remark(f"note: related to a test's, so left out: {named}")
    for split, made in result.made.items():
        say(f"{arguments.output}: {made} compositions to {split}{' with' if split == 'train' else ''}")
    return _tell_failures(result.failures)


def _tell_failures(failures: Sequence[str]) -> int:
    """List what was skipped, and return the exit code."""
    for failure in failures:
        remark("skipped:", failure)
    return 1 if failures else 0


COMMANDS = (
    command_group(
        "corpus",
        (
            Command("import", _add_import, _import, "add people's own pictures, or a published data set"),
            Command("render", _add_render, _render, "draw foregrounds with exact alphas"),
            Command("kinds", _add_kinds, _kinds, "list what corpus render can draw, and from what ranges"),
            Command("check", _add_check, _check, "look for faults in a corpus"),
            Command("compose", _add_compose, _compose, "lay foregrounds over backgrounds by the thousand"),
            Command("pack", _add_pack, _pack, "put a corpus into one small file to train on"),
            Command("sheet", _add_sheet, _sheet, "draw many pictures of a corpus in one"),
        ),
        "make, gather and check foregrounds with true alphas to train on",
    ),
)
