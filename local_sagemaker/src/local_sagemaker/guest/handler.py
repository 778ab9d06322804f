"""AWS's handler, which also leaves a note saying whether the model could be loaded.

It runs inside the model server's worker. The server calls itself healthy before a model is loaded and swallows the
reason when it cannot be; the note, a small JSON file, tells the cloud both, and which process to watch.
"""

import importlib
import json
import os
from pathlib import Path
from typing import Any

from sagemaker_inference import content_types, utils


class HandlerService:
    """What the model server calls; everything goes on to the toolkit of the model's image."""

    def initialize(self, context: Any) -> None:
        """Load the model."""
        note("loading")
        try:
            toolkit = importlib.import_module(os.environ["LOCAL_SAGEMAKER_HANDLER"])
            self._service = toolkit.HandlerService()
            self._service.initialize(context)
        except BaseException as error:
            note("failed", f"{type(error).__name__}: {error}")
            raise
        note("loaded")

    def handle(self, data: list[dict[str, Any]], context: Any) -> list[Any]:
        """Answer a batch of requests, none of which is the toolkit's fault when its text is no text."""
        data = [{"body": part.get("body") or b""} for part in data]
        headers = context.request_processor[0].get_request_properties()
        if utils.retrieve_content_type_header(headers) in content_types.UTF8_TYPES:
            try:
                for part in data:
                    part["body"].decode()
            except UnicodeDecodeError as error:
                context.set_response_status(code=400, phrase="Bad Request")
                return [f"The body is not UTF-8: {error}"] * len(data)
        return self._service.handle(data, context)


def note(state: str, reason: str | None = "") -> None:
    """Write the note whole or not at all."""
    path = Path(os.environ["LOCAL_SAGEMAKER_FAILURE_NOTE"])
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps({"state": state, "reason": reason, "pid": os.getpid()}))
    draft.replace(path)
