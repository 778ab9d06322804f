"""Commands for those who teach: notebooks to hand out, and marks for those handed in."""

from pathlib import Path

import click

Folder = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.argument("folder", type=Folder)
def handout(folder: Path) -> None:
    """Write the lessons to FOLDER twice: student, without solutions, and instructor, with hints and timing."""
    from teaching import handout

    written = handout.write(folder)
    click.echo(f"{len(written) // 2} notebooks are in {folder / 'student'}, and again in {folder / 'instructor'}.")


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, exists=True, path_type=Path))
@click.option("--out", type=Folder, help="Where the marks go: FOLDER/marks when nothing is said.")
@click.option("--seconds", type=click.IntRange(5), default=180, show_default=True, help="For each notebook.")
def mark(folder: Path, out: Path | None, seconds: int) -> None:
    """Mark every notebook below FOLDER: a table, marks.csv, and a page per student.

    Notebooks lie in a folder per student, or carry the student's name in their own. Called again, it marks what is new.
    """
    from teaching import marking

    out = out or folder / "marks"
    results = marking.mark(folder.resolve(), out.resolve(), seconds=seconds, tell=click.echo)
    click.echo(f"{len(results)} notebooks are marked: {out / 'marks.csv'}")
