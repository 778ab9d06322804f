"""The command `predict`: photographs in, tables and annotated pictures out, from a shell."""

import io
import json
from pathlib import Path

import click

from gluon_lessons.errors import LessonError

TASKS = ("classify", "detect", "segment", "pose")


@click.command()
@click.argument("photographs", nargs=-1, required=True, metavar="PHOTO...")
@click.option("--task", type=click.Choice(TASKS), help="What to ask. Without it: what the network does, or detect.")
@click.option("--network", metavar="NAME", help="A network of `gluon-lessons weights list`.")
@click.option("--threshold", type=click.FloatRange(0, 1), help="For detect and pose: leave out what is less sure.")
@click.option("--out", type=click.Path(path_type=Path), help="A folder for the annotated pictures, or the file of one.")
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON a photograph, and draw nothing.")
def command(
    photographs: tuple[str, ...],
    task: str | None,
    network: str | None,
    threshold: float | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Say what is in a photograph, and draw it.

    PHOTO is a file, or the name of a sample, such as dog. The annotated picture lies beside the photograph, its name
    ending in the task; that of a sample lies here.
    """
    from gluon_lessons import predict

    chosen, options = _chosen(task, network, threshold)
    task = task or chosen.entry.task
    targets = [] if as_json else _targets(photographs, task, out)
    failed, provenance = 0, None
    for index, photo in enumerate(photographs):
        try:
            result = predict.FUNCTIONS[task](photo, chosen, **options)
            provenance = result.provenance
            if as_json:
                click.echo(json.dumps({"photo": photo} | json.loads(result.to_json())))
            else:
                click.echo(f"{photo}\n{result.table()}")
                _write(_annotated(result), targets[index])
                click.echo(f"drawn: {targets[index]}\n")
        except LessonError as error:
            failed += 1
            click.echo(error, err=True)
    if provenance and not as_json:
        click.echo(provenance)
    if failed and len(photographs) > 1:
        raise LessonError(f"{failed} of {len(photographs)} photographs could not be done.")
    if failed:
        raise click.exceptions.Exit(1)


def _chosen(task: str | None, network: str | None, threshold: float | None):
    """The network that answers, and what the function is told besides."""
    from gluon_lessons import predict, zoo
    from gluon_lessons.zoo import catalogue

    entry = catalogue.entry(network or predict.NETWORKS[task or "detect"])
    if threshold is not None and (task or entry.task) not in ("detect", "pose"):
        raise click.UsageError(f"--threshold means nothing to {task or entry.task}.")
    return zoo.load(entry.name), {} if threshold is None else {"threshold": threshold}


def _targets(photographs: tuple[str, ...], task: str, out: Path | None) -> list[Path]:
    """Where each annotated picture goes; no two share a name, and none is a photograph itself."""
    if out and out.suffix and not out.is_dir():
        if len(photographs) > 1:
            raise click.UsageError("--out must be a folder when there are several photographs.")
        if out.suffix.lower() not in (".png", ".jpg", ".jpeg", ".pdf", ".svg"):
            raise click.UsageError("--out must be a folder, or a file that ends in .png, .jpg, .pdf or .svg.")
        targets = [out]
    else:
        targets = []
        for photo in photographs:
            folder, stem = out or Path(photo).parent, f"{Path(photo).stem}-{task}"
            number, target = 1, folder / f"{stem}.png"
            while target in targets:
                number += 1
                target = folder / f"{stem}-{number}.png"
            targets.append(target)
    for target in targets:
        if any(target.resolve() == Path(photo).resolve() for photo in photographs):
            raise click.UsageError(f"{target} is one of the photographs: choose another name.")
    return targets


def _annotated(result):
    """The figure of a result; for a classification the photograph with its answer, as bars alone would not show it."""
    from gluon_lessons import plot, predict

    if isinstance(result, predict.Classes):
        return plot.images([result.picture()], [f"{result.names[0]}, {result.scores[0]:.0%}"], height=5.0)
    return result.plot()


def _write(figure, target: Path):
    content = io.BytesIO()
    figure.savefig(content, format=target.suffix[1:].lower())
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.getvalue())
    except OSError as error:
        raise LessonError(f"{target} cannot be written ({error.strerror}). Name another folder with --out.") from error
