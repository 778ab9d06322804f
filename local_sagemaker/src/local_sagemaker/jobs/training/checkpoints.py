"""Checkpoints of a training job: a folder of the script and a place in S3, kept the same."""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from local_sagemaker.errors import ApiError
from local_sagemaker.jobs import store

if TYPE_CHECKING:
    from local_sagemaker.control.cloud import Cloud
    from local_sagemaker.jobs.opt_ml import OptMl


class Checkpoints:
    """Keeps a folder of the script and a place in S3 the same: down at the start, up while it runs."""

    def __init__(self, cloud: "Cloud", opt_ml: "OptMl", config: dict[str, str]) -> None:
        self.cloud, self.uri = cloud, config["S3Uri"]
        self.folder = opt_ml.path(config.get("LocalPath", "/opt/ml/checkpoints"))
        self.folder.mkdir(parents=True)
        with contextlib.suppress(ApiError):  # nothing there yet
            store.download(cloud, store.select(cloud, self.uri.rstrip("/") + "/"), self.folder)
        self.seen = self._state()

    def sync(self) -> None:
        """Upload what has changed since the last call."""
        now = self._state()
        bucket, _, prefix = self.uri.removeprefix("s3://").partition("/")
        for path, state in now.items():
            if self.seen.get(path) != state:
                key = "/".join(filter(None, [prefix.rstrip("/"), path.relative_to(self.folder).as_posix()]))
                with contextlib.suppress(FileNotFoundError):  # the script has just renamed it
                    self.cloud.client("s3").upload_file(str(path), bucket, key)
        self.seen = now

    def _state(self) -> dict[Path, tuple[int, int]]:
        state = {}
        for path in store.files(self.folder):
            with contextlib.suppress(FileNotFoundError):
                about = path.stat()
                state[path] = (about.st_mtime_ns, about.st_size)
        return state
