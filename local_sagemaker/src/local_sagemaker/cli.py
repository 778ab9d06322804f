"""The command line: `local-sagemaker start | stop | status | env | logs`."""

import shlex
from typing import Any

import click

from local_sagemaker.errors import LocalSageMakerError


class _Group(click.Group):
    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except LocalSageMakerError as error:
            click.echo(error, err=True)
            context.exit(1)


@click.group(cls=_Group)
@click.version_option(package_name="local_sagemaker")
def main() -> None:
    """SageMaker on this machine: start it, look at it, stop it."""


@main.command()
def start() -> None:
    """Start local SageMaker; it stays until it is stopped."""
    import local_sagemaker

    running = local_sagemaker.start()
    click.echo(f"Local SageMaker is at {running.url}.")
    if running.server == "plain":
        click.echo("There is no Java, so a plain server stands in for AWS's model server.")
    click.echo('A terminal uses it after: eval "$(local-sagemaker env)"')


@main.command()
def stop() -> None:
    """Stop local SageMaker and everything it started."""
    import local_sagemaker

    click.echo("Local SageMaker has stopped." if local_sagemaker.stop() else "Local SageMaker was not running.")


@main.command()
def status() -> None:
    """Say what runs."""
    import boto3
    import psutil

    running = _running()
    processes = psutil.Process(running.pid).children(recursive=True)
    memory = sum(_resident(process) for process in [psutil.Process(running.pid), *processes])
    click.echo(f"Local SageMaker is at {running.url}: {len(processes)} processes, {memory / 2**20:.0f} MB.")
    client = boto3.client(
        "sagemaker",
        endpoint_url=running.url,
        region_name=running.region,
        aws_access_key_id=running.access_key,
        aws_secret_access_key=running.secret_key,
    )
    for endpoint in client.list_endpoints(MaxResults=100)["Endpoints"]:
        click.echo(f"  endpoint {endpoint['EndpointName']}: {endpoint['EndpointStatus']}")


@main.command()
def env() -> None:
    """Print the variables that a terminal needs: eval "$(local-sagemaker env)"."""
    from local_sagemaker.daemon import state

    running = _running()
    for name in state.unwanted():
        click.echo(f"unset {name}")
    keys = running.access_key, running.secret_key
    for name, value in state.environment(running.url, keys, running.region).items():
        click.echo(f"export {name}={shlex.quote(value)}")


@main.command()
@click.argument("name", required=False)
@click.option("-n", "--lines", default=50, help="How many of the last lines to print.")
def logs(name: str | None, lines: int) -> None:
    """Print what it logged, or what the models of endpoint NAME did."""
    from local_sagemaker.daemon import state

    home = state.folder()
    found = sorted((home / "logs" / name).glob("*.log")) if name else [home / "cloud.log"]
    if not found or not found[0].exists():
        raise LocalSageMakerError(f"There is no log of {name or 'local SageMaker'}.")
    for path in found:
        click.echo("\n".join(path.read_text(errors="replace").splitlines()[-lines:]))


def _running():
    from local_sagemaker.daemon import state

    running = state.read()
    if not running:
        raise LocalSageMakerError("Local SageMaker is not running; start it with `local-sagemaker start`.")
    return running


def _resident(process):
    import psutil

    try:
        return process.memory_info().rss
    except psutil.NoSuchProcess:
        return 0
