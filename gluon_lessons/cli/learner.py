"""Commands for a learner: how far the course is done, and a lesson as it was at first."""

import click

from gluon_lessons.course import copies


@click.command()
def progress() -> None:
    """Say what is done, what comes next, and which mistakes wait to be mended."""
    from gluon_lessons.course import progress

    click.echo(progress.report())


@click.command()
@click.argument("lesson")
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset(lesson: str, yes: bool) -> None:
    """Put the course's own LESSON in place of your copy. LESSON is a number or a name: 03."""
    name = copies.find(lesson)
    if (copies.COPIES / name).exists() and not yes:
        click.confirm(f"Everything that you wrote in my-lessons/{name} will be lost. Go on?", abort=True)
    copies.reset(name)
    click.echo(f"my-lessons/{name} is as the course made it.")
