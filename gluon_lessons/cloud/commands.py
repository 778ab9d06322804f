"""The switch: `gluon-lessons cloud start | stop | status | env | logs`."""

import shlex

import click

from gluon_lessons.errors import LessonError


@click.group("cloud")
def group():
    """SageMaker on this machine: start it, look at it, stop it."""


@group.command()
def start():
    """Start the local cloud; it stays until it is stopped."""
    from gluon_lessons import cloud

    running = cloud.start()
    click.echo(f"The local cloud is at {running.url}.")
    if running.server == "plain":
        click.echo("There is no Java, so a plain server stands in for AWS's model server.")
    click.echo('A terminal uses it after: eval "$(gluon-lessons cloud env)"')


@group.command()
def stop():
    """Stop the local cloud and everything it started."""
    from gluon_lessons import cloud

    click.echo("The local cloud has stopped." if cloud.stop() else "The local cloud was not running.")


@group.command()
def status():
    """Say what runs."""
    import boto3
    import psutil

    running = _running()
    processes = psutil.Process(running.pid).children(recursive=True)
    memory = sum(_resident(process) for process in [psutil.Process(running.pid), *processes])
    click.echo(f"The local cloud is at {running.url}: {len(processes)} processes, {memory / 2**20:.0f} MB.")
    client = boto3.client(
        "sagemaker",
        endpoint_url=running.url,
        region_name=running.region,
        aws_access_key_id=running.access_key,
        aws_secret_access_key=running.secret_key,
    )
    for endpoint in client.list_endpoints(MaxResults=100)["Endpoints"]:
        click.echo(f"  endpoint {endpoint['EndpointName']}: {endpoint['EndpointStatus']}")


@group.command()
def env():
    """Print the variables that a terminal needs: eval "$(gluon-lessons cloud env)"."""
    from gluon_lessons.cloud import state

    running = _running()
    for name in state.unwanted():
        click.echo(f"unset {name}")
    keys = running.access_key, running.secret_key
    for name, value in state.environment(running.url, keys, running.region).items():
        click.echo(f"export {name}={shlex.quote(value)}")


@group.command()
@click.argument("name", required=False)
@click.option("-n", "--lines", default=50, help="How many of the last lines to print.")
def logs(name, lines):
    """Print what the cloud logged, or what the models of endpoint NAME did."""
    from gluon_lessons.cloud import state

    home = state.folder()
    found = sorted((home / "logs" / name).glob("*.log")) if name else [home / "cloud.log"]
    if not found or not found[0].exists():
        raise LessonError(f"There is no log of {name or 'the cloud'}.")
    for path in found:
        click.echo("\n".join(path.read_text(errors="replace").splitlines()[-lines:]))


def _running():
    from gluon_lessons.cloud import state

    running = state.read()
    if not running:
        raise LessonError("The local cloud is not running; start it with `gluon-lessons cloud start`.")
    return running


def _resident(process):
    import psutil

    try:
        return process.memory_info().rss
    except psutil.NoSuchProcess:
        return 0
