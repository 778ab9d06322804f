"""A training job's channels: its data, as files or through named pipes."""

import contextlib
import errno
import os
import random
import struct
import threading
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_sagemaker.control.refusals import invalid, refuse
from local_sagemaker.jobs import store
from local_sagemaker.jobs.store import Item

if TYPE_CHECKING:
    from local_sagemaker.control.cloud import Cloud

Json = dict[str, Any]

CHUNK = 1 << 20


@dataclass(frozen=True)
class Channel:
    """One entry of InputDataConfig and the objects it names."""

    entry: dict
    mode: str
    items: list[Item]

    @property
    def name(self) -> str:
        return self.entry["ChannelName"]

    def config(self) -> dict[str, str]:
        """Return what /opt/ml/input/config/inputdataconfig.json says of the channel."""
        return {
            "TrainingInputMode": self.mode,
            "S3DistributionType": self.entry["DataSource"]["S3DataSource"].get(
                "S3DataDistributionType", "FullyReplicated"
            ),
            "RecordWrapperType": self.entry.get("RecordWrapperType", "None"),
        } | ({"ContentType": self.entry["ContentType"]} if "ContentType" in self.entry else {})

    def share(self, host: int, hosts: int) -> list[Item]:
        """Return the objects that one host gets."""
        return store.shard(self.items, self.entry["DataSource"]["S3DataSource"], host, hosts)


def resolve(cloud: "Cloud", request: Json) -> list[Channel]:
    """Return the channels of a training request; data that is not there, or not simulated, is refused."""
    channels: list[Channel] = []
    for entry in request.get("InputDataConfig", []):
        name = entry["ChannelName"]
        if name in [channel.name for channel in channels]:
            raise invalid(f"The channel name {name} is used twice; every channel needs a name of its own.")
        refuse(
            entry,
            {
                "DataSource.FileSystemDataSource": "put the data in S3 and use S3DataSource",
                "DataSource.DatasetSource": "put the data in S3 and use S3DataSource",
            },
        )
        source = entry["DataSource"].get("S3DataSource")
        if not source:
            raise invalid(f"The channel {name} needs DataSource.S3DataSource.")
        refuse(source, {"ModelAccessConfig": "leave it out", "HubAccessConfig": "leave it out"})
        if source["S3DataType"] not in ("S3Prefix", "ManifestFile"):
            raise invalid(f"S3DataType {source['S3DataType']} is not simulated here; use S3Prefix or ManifestFile.")
        mode = entry.get("InputMode", request["AlgorithmSpecification"]["TrainingInputMode"])
        for member in ("CompressionType", "RecordWrapperType", "ShuffleConfig"):
            if mode != "Pipe" and entry.get(member, "None") != "None":
                raise invalid(f"{member} of the channel {name} works only with the input mode Pipe, not {mode}.")
        channels.append(Channel(entry, mode, store.select(cloud, source["S3Uri"], source["S3DataType"])))
    return channels


def deliver(cloud: "Cloud", channel: Channel, folder: Path, host: int, hosts: int) -> "Pipe | None":
    """Put one host's share of a channel in place; return the pipe that feeds it, if it is one.

    FastFile promises a script what File does, whole files in a folder; here they are copied before it starts too.
    """
    items = channel.share(host, hosts)
    if channel.mode == "Pipe":
        pipe = Pipe(cloud, channel, items, folder)
        pipe.start()
        return pipe
    (folder / channel.name).mkdir(parents=True)
    store.download(cloud, items, folder / channel.name)
    return None


class Pipe(threading.Thread):
    """Feeds a channel through the named pipes CHANNEL_0, CHANNEL_1 and so on, one for each pass over the data."""

    def __init__(self, cloud, channel, items, folder):
        super().__init__(daemon=True)
        self.cloud, self.channel, self.items, self.folder = cloud, channel, items, folder
        self.ended = threading.Event()
        folder.mkdir(parents=True, exist_ok=True)
        os.mkfifo(self._path(0))

    def _path(self, epoch):
        return self.folder / f"{self.channel.name}_{epoch}"

    def run(self) -> None:
        epoch = 0
        while (target := self._reader(epoch)) is not None:
            os.mkfifo(self._path(epoch + 1))
            # A script may close a pipe before its end, and a stopped one does.
            with contextlib.suppress(BrokenPipeError), os.fdopen(target, "wb") as pipe:
                for chunk in self._chunks(epoch):
                    pipe.write(chunk)
            self._path(epoch).unlink()
            epoch += 1

    def _reader(self, epoch):
        """Wait until the script opens a pipe and return its other end, or None when the job is over."""
        while not self.ended.wait(0.02):
            try:
                target = os.open(self._path(epoch), os.O_WRONLY | os.O_NONBLOCK)
            except OSError as error:
                if error.errno != errno.ENXIO:  # ENXIO: nobody reads yet
                    raise
            else:
                os.set_blocking(target, True)
                return target
        return None

    def _chunks(self, epoch):
        items = list(self.items)
        if "ShuffleConfig" in self.channel.entry:
            random.Random(f"{self.channel.entry['ShuffleConfig']['Seed']}/{epoch}").shuffle(items)
        for item in items:
            body = self.cloud.client("s3").get_object(Bucket=item.bucket, Key=item.key)["Body"].iter_chunks(CHUNK)
            if self.channel.entry.get("CompressionType") == "Gzip":
                body = _unzipped(body)
            if self.channel.entry.get("RecordWrapperType") == "RecordIO":
                yield record(b"".join(body))
            else:
                yield from body


def record(data: bytes) -> bytes:
    """Return one object as a RecordIO record: a magic number, the length, the data, padding to four bytes."""
    return struct.pack("<II", 0xCED7230A, len(data)) + data + b"\0" * (-len(data) % 4)


def _unzipped(body):
    stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
    for chunk in body:
        yield stream.decompress(chunk)
    yield stream.flush()
