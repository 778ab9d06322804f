"""Stop the SageMaker notebook instance on which this runs, when no kernel and no terminal has been used for a while.

Started by cron every five minutes; it needs nothing but Python and, to stop the instance, boto3. A running cell counts
as use, and so does an instance that has just been started.
"""

import argparse
import datetime
import json
import ssl
import urllib.request
from pathlib import Path

UTC = datetime.timezone.utc  # noqa: UP017 (the instance's own Python is older)
METADATA = Path("/opt/ml/metadata/resource-metadata.json")


def ask(address, part):
    """What Jupyter answers; its certificate on the instance is one that it signed itself."""
    context = ssl._create_unverified_context() if address.startswith("https") else None
    with urllib.request.urlopen(f"{address}/api/{part}", timeout=10, context=context) as answer:
        return json.load(answer)


def moment(text):
    """Jupyter's time in words -> a time."""
    return datetime.datetime.strptime(text[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)


def idle_minutes(kernels, terminals, started, now):
    """Minutes since the last sign of use: 0 while a cell runs."""
    if any(kernel["execution_state"] == "busy" for kernel in kernels):
        return 0.0
    last = max([started, *(moment(one["last_activity"]) for one in [*kernels, *terminals])])
    return (now - last).total_seconds() / 60


def up_since():
    """When the machine was started."""
    seconds = float(Path("/proc/uptime").read_text().split()[0])
    return datetime.datetime.now(UTC) - datetime.timedelta(seconds=seconds)


def stop(metadata):
    """Ask SageMaker to stop this very instance."""
    import boto3

    about = json.loads(metadata.read_text())
    client = boto3.client("sagemaker", region_name=about["ResourceArn"].split(":")[3])
    client.stop_notebook_instance(NotebookInstanceName=about["ResourceName"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--address", default="https://localhost:8443", help="where Jupyter listens")
    parser.add_argument("--metadata", type=Path, default=METADATA)
    options = parser.parse_args()
    kernels, terminals = ask(options.address, "kernels"), ask(options.address, "terminals")
    minutes = idle_minutes(kernels, terminals, up_since(), datetime.datetime.now(UTC))
    print(f"idle for {minutes:.0f} minutes")
    if minutes >= options.minutes:
        stop(options.metadata)


if __name__ == "__main__":
    main()
