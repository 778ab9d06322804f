"""What a job reads from S3 and what it leaves there."""

import json
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from local_sagemaker.errors import ApiError

if TYPE_CHECKING:
    from local_sagemaker.control.cloud import Cloud

Json = dict[str, Any]


@dataclass(frozen=True)
class Item:
    """One S3 object and the name it has in a job's folder."""

    bucket: str
    key: str
    name: str

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


def select(cloud: "Cloud", uri: str, kind: str = "S3Prefix") -> list[Item]:
    """Return the objects that an S3 data source names, by prefix or by manifest; none at all is refused."""
    items = _listed(cloud, uri) if kind == "S3Prefix" else list(_from_manifest(cloud, uri))
    if not items:
        raise ApiError("ValidationException", f"{_nothing(cloud, uri)}.")
    return items


def _nothing(cloud, uri):
    bucket = uri.removeprefix("s3://").partition("/")[0]
    return (
        f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the bucket '
        f'"{bucket}" exists in the selected region ({cloud.region}) and that objects exist under that S3 prefix'
    )


def _listed(cloud, uri):
    bucket, prefix = cloud.storage.require_bucket(uri)
    folder = f"{prefix.rstrip('/')}/" if prefix.rstrip("/") else ""
    parent = prefix.rpartition("/")[0]
    parent = f"{parent}/" if parent else ""
    items, role = [], f', and that the role "{cloud.role}" has "s3:ListBucket" permissions on bucket "{bucket}"'
    try:
        pages = list(cloud.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix))
    except ClientError as error:
        raise ApiError("ValidationException", f"{_nothing(cloud, uri)}{role}. {error}") from None
    for page in pages:
        for entry in page.get("Contents", []):
            key = entry["Key"]
            if not key.endswith("/"):
                items.append(Item(bucket, key, _safe(key.removeprefix(folder if key.startswith(folder) else parent))))
    return items


def _from_manifest(cloud, uri):
    text = read(cloud, uri, "manifest")
    try:
        first, *names = json.loads(text)
        prefix = first["prefix"]
    except (ValueError, TypeError, KeyError):
        raise ApiError(
            "ValidationException",
            f'The manifest {uri} must be a JSON list that begins with {{"prefix": "s3://bucket/folder/"}}.',
        ) from None
    for name in names:
        bucket, key = cloud.storage.require_object(prefix + name, "data")
        yield Item(bucket, key, _safe(name))


def _safe(name):
    """Return an object's name as a path that stays inside the folder it is put in."""
    return str(PurePosixPath(*(part for part in name.split("/") if part not in ("", ".", ".."))))


def shard(items: list[Item], source: Json, host: int, hosts: int) -> list[Item]:
    """Return the objects that one of several hosts gets."""
    distribution = source.get("S3DataDistributionType", "FullyReplicated")
    return items[host::hosts] if distribution == "ShardedByS3Key" else items


def read(cloud: "Cloud", uri: str, what: str = "data") -> bytes:
    """Return the bytes at an S3 address."""
    bucket, key = cloud.storage.require_object(uri, what)
    return cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()


def download(cloud: "Cloud", items: list[Item], folder: Path) -> None:
    """Copy objects into a folder."""
    for item in items:
        path = Path(folder, item.name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            cloud.client("s3").download_file(item.bucket, item.key, str(path))
        except (FileExistsError, IsADirectoryError, NotADirectoryError):
            message = f"Data download failed: {item.uri} is an object and a folder of others; rename one of them."
            raise ApiError("ValidationException", message) from None
        except ClientError as error:
            raise ApiError("ValidationException", f"Data download failed: {error}") from None


def upload(cloud: "Cloud", folder: Path, uri: str) -> None:
    """Copy every file of a folder to below an S3 address."""
    bucket, prefix = cloud.storage.require_bucket(uri)
    for path in files(folder):
        key = "/".join(filter(None, [prefix.rstrip("/"), path.relative_to(folder).as_posix()]))
        cloud.client("s3").upload_file(str(path), bucket, key)


def archive(cloud: "Cloud", folders: list[Path], path: Path, uri: str) -> None:
    """Pack folders into one .tar.gz, the later ones winning, and store it at an S3 address."""
    members = {file.relative_to(folder).as_posix(): file for folder in folders for file in files(folder)}
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        for name, file in members.items():
            tar.add(file, name)
    bucket, key = cloud.storage.require_bucket(uri)
    cloud.client("s3").upload_file(str(path), bucket, key)


def files(folder: Path) -> list[Path]:
    """Return the files under a folder in a stable order; links that lead nowhere are left out."""
    return sorted(path for path in Path(folder).rglob("*") if path.is_file())


def join(uri: str, *parts: str) -> str:
    """Return an S3 address below another."""
    return "/".join([uri.rstrip("/"), *parts])
