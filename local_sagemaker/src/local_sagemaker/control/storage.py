"""S3 as the operations use it: addresses that must exist, downloads and uploads."""

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlparse

from botocore.exceptions import ClientError

from local_sagemaker.errors import ApiError

if TYPE_CHECKING:
    from local_sagemaker.control.cloud import Cloud


class Storage:
    """The buckets of the running local SageMaker."""

    def __init__(self, cloud: "Cloud") -> None:
        self._cloud = cloud

    def require_bucket(self, uri: str) -> tuple[str, str]:
        """Refuse an s3:// address whose bucket does not exist; return (bucket, key or prefix)."""
        parts = urlparse(uri)
        if parts.scheme != "s3" or not parts.netloc:
            raise ApiError("ValidationException", f"{uri} is not an S3 address; it should look like s3://bucket/key.")
        try:
            self._cloud.daemon.client("s3").head_bucket(Bucket=parts.netloc)
        except ClientError:
            raise ApiError(
                "ValidationException", f"Could not access S3 bucket {parts.netloc}: it does not exist."
            ) from None
        return parts.netloc, parts.path.lstrip("/")

    def require_object(self, uri: str, what: str = "model data") -> tuple[str, str]:
        """Refuse an s3:// address at which nothing lies; return (bucket, key)."""
        bucket, key = self.require_bucket(uri)
        try:
            self._cloud.client("s3").head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] == "AccessDenied":
                raise ApiError(
                    "ValidationException",
                    f'Could not access {what} at {uri}. Please ensure that the role "{self._cloud.role}" exists and '
                    'that its trust relationship policy allows the action "sts:AssumeRole" for the service principal '
                    '"sagemaker.amazonaws.com". Also ensure that the role has "s3:GetObject" permissions and that the '
                    f"object is located in {self._cloud.region}.",
                ) from None
            raise ApiError("ValidationException", f"Could not find {what} at {uri}.") from None
        return bucket, key

    def download(self, uri: str, path: Path) -> Path:
        """Copy the object at an s3:// address to a file and return its path."""
        bucket, key = self.require_object(uri, "data")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._cloud.client("s3").download_file(bucket, key, str(path))
        return path

    def upload(self, data: bytes, uri: str) -> None:
        """Write bytes to an s3:// address."""
        bucket, key = self.require_bucket(uri)
        self._cloud.client("s3").put_object(Bucket=bucket, Key=key, Body=data)
