"""The weights commands: see, fetch, check and bring the networks' weights from a shell."""

import sys
from pathlib import Path

import click

from gluon_lessons.errors import LessonError


@click.group()
def group():
    """See, fetch and check the weights of networks."""


TITLES = {"classify": "Classify", "detect": "Detect", "segment": "Segment", "pose": "Find poses"}


@group.command("list")
@click.option("--task", type=click.Choice(list(TITLES)), help="Only this task.")
def list_(task):
    """List the networks task by task, and whether their weights are here, come by package, or need the internet."""
    from gluon_lessons.zoo import catalogue, store

    here = {provenance.name for _, provenance, right in store.check() if right}
    for each, title in TITLES.items():
        rows = [(_where(entry, here), entry) for entry in catalogue.entries() if entry.task == each]
        if task not in (None, each) or not rows:
            continue
        click.echo(title)
        for where, entry in sorted(rows, key=lambda row: WHERE.index(row[0])):
            published = f"{entry.published.value:.3f} {entry.published.metric}" if entry.published else ""
            click.echo(f"  {entry.name:34} {where:18} {published:42} {entry.licence}".rstrip())


WHERE = ("here", "by package", "with the internet")


def _where(entry, here):
    if entry.name in here:
        return WHERE[0]
    return WHERE[1] if any(source.package for source in entry.sources) else WHERE[2]


@group.command()
@click.argument("names", nargs=-1, metavar="NAME...")
@click.option("--lessons", is_flag=True, help="All that the lessons use.")
def fetch(names, lessons):
    """Fetch networks into the cache; what is there and whole is left alone, a broken download goes on."""
    from gluon_lessons.zoo import catalogue, store

    names = [*names, *(catalogue.lessons() if lessons else ())]
    if not names:
        raise click.UsageError("Name networks, or say --lessons. `gluon-lessons weights list` shows the names.")
    failures = []
    for name in dict.fromkeys(names):
        try:
            path, provenance = store.obtain(name)
            click.echo(f"{provenance}\n  {path}")
        except LessonError as error:
            failures.append(name)
            click.echo(error, err=True)
    if failures:
        raise LessonError(f"{len(failures)} of {len(names)} could not be fetched: {', '.join(failures)}.")


@group.command()
def check():
    """Read every file in the cache and compare its hash."""
    from gluon_lessons.zoo import store

    damaged = []
    for path, provenance, right in store.check():
        click.echo(f"{'whole  ' if right else 'DAMAGED'} {path.name}")
        if not right:
            damaged.append(provenance.name)
    if damaged:
        raise LessonError(f"Damaged: mend with `gluon-lessons weights fetch {' '.join(damaged)}`.")


@group.command("import")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--as", "name", metavar="NAME", help="The network it is for, when nobody published the file's hash.")
def import_(path, name):
    """Take in a file that you brought (a package, a checkpoint, a parameter file), or a folder of them."""
    from gluon_lessons.zoo import by_hand

    for made, provenance in by_hand.take(path, name):
        click.echo(f"{provenance}\n  {made}")


@group.command()
@click.argument("name")
def where(name):
    """Say where a network's weights lie and where they came from."""
    from gluon_lessons.zoo import catalogue, store

    found = store.find(name)
    if found:
        path, provenance = found
        click.echo(f"{path}\n{provenance}")
        return
    click.echo(f"{name} is not in the cache. It can come, in this order, from:")
    for source in catalogue.entry(name).sources:
        click.echo(f"  {source}")
    sys.exit(1)
