"""The commands of those who ask people: study new, study serve, study report."""

import argparse
from pathlib import Path

from deepmatte.cli.console import Command, command_group, extra, print_json, progress_bar, remark, say
from deepmatte.outputs import check_target

PORT = 8765


def _add_new(command: argparse.ArgumentParser) -> None:
    command.add_argument("directory", metavar="DIR", help="holds a folder of mattes for each method")
    command.add_argument(
        "--methods", metavar="A,B,...", required=True, help="two or more of the folders in DIR, by name"
    )
    command.add_argument("--output", metavar="STUDY", required=True, help="the folder to make")
    command.add_argument(
        "--images", metavar="DIR", help="the photos, named as the mattes (default: DIR/image)"
    )
    command.add_argument(
        "--trimaps",
        metavar="SET",
        help="take the mattes from METHOD/SET, as evaluate writes them below RUN/mattes",
    )
    command.add_argument(
        "--seed", metavar="K", type=int, default=0, help="decides orders and sides (default: 0)"
    )
    command.add_argument(
        "--checks", metavar="N", type=int, help="attention checks for each rater (default: 5)"
    )
    command.add_argument(
        "--per-rater", metavar="N", type=int, help="pairs for each rater, besides the checks (default: all)"
    )


def _new(arguments: argparse.Namespace) -> int:
    with extra("evaluate"):
        from deepmatte.evaluation.study import composites
    with progress_bar() as progress:
        study = composites.new_study(
            Path(arguments.directory),
            [name.strip() for name in arguments.methods.split(",")],
            Path(arguments.output),
            images_directory=Path(arguments.images) if arguments.images else None,
            trimaps=arguments.trimaps,
            seed=arguments.seed,
            checks=composites.CHECKS if arguments.checks is None else arguments.checks,
            per_rater=arguments.per_rater,
            progress=progress,
        )
    same = [p.key for p in study.pairs if not p.is_check and p.first_picture == p.second_picture]
    if same:
        remark("note: these pairs show no difference:", ", ".join(same))
    say(arguments.output)
    return 0


def _add_serve(command: argparse.ArgumentParser) -> None:
    command.add_argument("directory", metavar="STUDY", help="the folder that `deepmatte study new` made")
    command.add_argument("--host", default="127.0.0.1", help="a loopback address (default: %(default)s)")
    command.add_argument(
        "--port", metavar="P", type=int, default=PORT, help="0: any free one (default: %(default)s)"
    )


def _serve(arguments: argparse.Namespace) -> int:
    with extra("evaluate"):
        from deepmatte.evaluation.study.server import StudyServer
    server = StudyServer(Path(arguments.directory), arguments.host, arguments.port)
    try:
        print(server.url, flush=True)
        remark("votes are stored as they come; Ctrl-C ends")
        server.serve_forever()
    except KeyboardInterrupt:  # the way to end it, so no failure
        pass
    finally:
        server.close()
    return 0


def _add_report(command: argparse.ArgumentParser) -> None:
    command.add_argument("directory", metavar="STUDY", help="the folder that `deepmatte study new` made")
    command.add_argument("--json", action="store_true", help="print a report for programs")
    command.add_argument("--html", metavar="FILE", help="also write the report as one self-contained page")
    command.add_argument("--plot", metavar="FILE", help="also draw it: .png or .svg")
    command.add_argument("--overwrite", action="store_true", help="replace files that exist")
    command.add_argument(
        "--allowed-misses",
        metavar="N",
        type=int,
        help="attention checks a rater may miss before their votes are left out (default: 0)",
    )


def _report(arguments: argparse.Namespace) -> int:
    with extra("evaluate"):
        from deepmatte.evaluation.study import chart, document, report
    allowed = report.ALLOWED_MISSES if arguments.allowed_misses is None else arguments.allowed_misses
    found = report.make_report(Path(arguments.directory), allowed)
    for target in filter(None, (arguments.plot, arguments.html)):
        check_target(target, arguments.overwrite)  # both or none
    if arguments.plot:
        chart.write_chart(Path(arguments.plot), found, arguments.overwrite)
    if arguments.html:
        document.write_document(Path(arguments.html), found, arguments.overwrite)
    if arguments.json:
        print_json(found.to_dict())
    else:
        say(found)
    return 0


COMMANDS = (
    command_group(
        "study",
        (
            Command("new", _add_new, _new, "make a study from folders of mattes"),
            Command("serve", _add_serve, _serve, "let people on this machine compare the cutouts"),
            Command("report", _add_report, _report, "say which method is preferred, and how surely"),
        ),
        "ask people which method's cutouts they prefer",
    ),
)
