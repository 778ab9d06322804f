"""The command line `gluon-lessons`: each command is imported only when it is asked for."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click

from gluon_lessons import errors
from gluon_lessons.errors import LessonError

ROOT = Path(__file__).parent.parent.parent


# Each with its place and what the help says of it.
COMMANDS = {
    "doctor": ("gluon_lessons.cli.doctor:command", "Say what works here, and how to mend what does not."),
    "handout": ("teaching.commands:handout", "Write the lessons without solutions, and with them."),
    "lab": ("gluon_lessons.cli.main:lab", "Open JupyterLab on the first lesson."),
    "mark": ("teaching.commands:mark", "Mark handed-in notebooks, each shut in."),
    "predict": ("gluon_lessons.cli.predict:command", "Say what is in a photograph, and draw it."),
    "progress": ("gluon_lessons.cli.learner:progress", "Say what is done, and what comes next."),
    "reset": ("gluon_lessons.cli.learner:reset", "Give a lesson back as it was."),
    "run": ("gluon_lessons.cli.main:run", "Execute lessons and show what each took."),
    "weights": ("gluon_lessons.cli.weights:group", "See, fetch and check the weights of networks."),
}


class _Commands(click.Group):
    """A group whose commands live in modules of their own; listing them imports none of them."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[name][0].partition(":")
        if module.startswith("teaching."):
            _in_repository("teaching")
        return getattr(importlib.import_module(module), attribute)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in COMMANDS.items()])

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except LessonError as error:
            click.echo(error, err=True)
            context.exit(1)


@click.group(cls=_Commands)
@click.version_option(package_name="gluon_lessons")
def main() -> None:
    """A computer-vision course: MXNet, GluonCV and SageMaker, running for real on this machine."""


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--author", is_flag=True, help="Open the originals, and not your own copies in my-lessons.")
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="[JUPYTERLAB'S OPTIONS]...")
def lab(author: bool, options: tuple[str, ...]) -> None:
    """Open JupyterLab on your copy of the first lesson; weights that can be fetched are fetched first."""
    first = _in_repository("notebooks/00-start-here.ipynb")
    if not author:
        first = _own_copies() / first.name
    _fetch_weights()
    settings = [
        "--ServerApp.ip=127.0.0.1",
        "--ServerApp.allow_root=True",  # in a container everybody is root, and only this machine can connect
        f"--ServerApp.root_dir={ROOT}",
        "--Application.log_level=ERROR",  # the address stands alone; --ServerApp.log_level=INFO brings the rest back
        "--KernelManager.transport_encryption=auto",  # a kernel that may be overheard complains in the terminal
        f"--LabApp.default_url=/lab/tree/{first.relative_to(ROOT)}",
        f"--LabApp.app_settings_dir={ROOT / 'gluon_lessons' / 'lab'}",  # no news; a person's own settings count
    ]
    click.echo("Starting JupyterLab. It runs until you press Control-C here, twice.", err=True)
    os.execv(sys.executable, [sys.executable, "-m", "jupyterlab", *settings, *options])


@click.command()
@click.argument("lessons", nargs=-1, metavar="LESSON...")
def run(lessons: tuple[str, ...]) -> None:
    """Execute lessons, all when none is named, and show what each took. A lesson goes by its number or name."""
    program = _in_repository("tools/notebooks.py")
    sys.exit(subprocess.call([sys.executable, str(program), "run", *lessons]))


def _own_copies() -> Path:
    """Bring the learner's copies up to date and say what that changed; return their folder."""
    from gluon_lessons.course import copies

    folder = ROOT / copies.COPIES.name
    done = copies.update(ROOT / copies.ORIGINALS.name, folder)
    if done.new:
        click.echo(f"New in my-lessons: {', '.join(done.new)}.", err=True)
    if done.renewed:
        click.echo(f"Renewed, since you had not worked on it: {', '.join(done.renewed)}.", err=True)
    for name in done.left_alone:
        again = errors.command(f"reset {name.partition('-')[0]}")
        click.echo(
            f"The course has a newer {name}; you worked on yours, so it stays. `{again}` takes the new.", err=True
        )
    return folder


def _fetch_weights() -> None:
    """Fetch the network of each task; say which lessons must wait for what cannot be fetched now."""
    from gluon_lessons import predict
    from gluon_lessons.zoo import store

    missing = {}
    for task, name in predict.NETWORKS.items():
        if store.find(name):
            continue
        click.echo(f"Fetching the weights of {name}.", err=True)
        try:
            store.obtain(name)
        except LessonError as error:
            click.echo(error, err=True)
            missing[name] = _lessons_with(f"predict.{task}", name)
    for name, lessons in missing.items():
        wanted = f"; lessons {', '.join(lessons)} want them" if lessons else ""
        click.echo(f"The weights of {name} are missing{wanted}.", err=True)
    if missing:
        again = errors.command("weights fetch --lessons")
        click.echo(f"All other lessons run. `{again}` fetches what is missing.", err=True)


def _lessons_with(*words: str) -> list[str]:
    """Return the numbers of the lessons whose code contains one of the words."""
    found = []
    for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = "".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
        if any(word in code for word in words):
            found.append(path.stem.partition("-")[0])
    return found


def _in_repository(path: str) -> Path:
    if not (ROOT / path).exists():
        raise LessonError(f"There is no {path} beside this package: lessons run in a clone of the repository.")
    return ROOT / path
