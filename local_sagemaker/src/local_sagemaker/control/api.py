"""The dispatch room: which function answers which SageMaker operation, and what those functions may use.

A function becomes an operation by its name, which is the one boto3 gives it:

    from local_sagemaker.control.api import ApiError, operation

    @operation
    def create_training_job(cloud, request):
        cloud.require_role(request["RoleArn"])
        job = cloud.table("training-job").add(request["TrainingJobName"], error="ResourceInUse", **request)
        threading.Thread(target=_run, args=(cloud, job), daemon=True).start()
        return {"TrainingJobArn": job["TrainingJobArn"]}

    @operation
    def describe_training_job(cloud, request):
        return cloud.table("training-job").get(request["TrainingJobName"])

Modules of `local_sagemaker` and `local_sagemaker.jobs` are imported when the cloud starts. Every operation
stands in `operations.yaml` as real (a function here), moto (a record that moto keeps, which claims nothing to have
run) or refused (with what to use instead); a test walks all of them.

The request is a dict as AWS's JSON has it. It has been checked against botocore's description before the function sees
it (required members, types, patterns, enums, ranges; times are seconds since 1970). The answer is a dict; datetimes,
paths and members that AWS's answer does not have are fine, they are converted or dropped, nulls and empty structures
too. Raise `ApiError(code, message)` for a refusal: a clear sentence that names the cure. Any other exception answers
500 and is logged with its traceback; that is a defect. `Tags` of any Create request are kept, nothing to do.

What the functions receive, `cloud`, is a `Cloud`; functions run in several threads at once. A model server, as an
endpoint or a batch transform uses it, is started from a model archive:

    with cloud.serving.start(model_data=uri, image=image, environment={...}) as server:
        answer = server.invoke(body, content_type, accept)    # .status, .body (bytes), .content_type

`start` returns when the model is loaded and answers; a model that cannot be loaded raises `ServingFailed(reason)`.
"""

import importlib
import io
import json
import pkgutil
import threading
from functools import cache
from pathlib import Path
from urllib.parse import urlparse

import boto3
import yaml

from local_sagemaker import jobs
from local_sagemaker.control import shapes
from local_sagemaker.control.metrics import Metrics
from local_sagemaker.control.tables import Table
from local_sagemaker.daemon import state
from local_sagemaker.daemon.processes import Nursery
from local_sagemaker.errors import ApiError
from local_sagemaker.hosting.capture import Capture
from local_sagemaker.hosting.fleet import Hosting
from local_sagemaker.hosting.model_server import Serving

__all__ = ["ApiError", "Cloud", "operation"]

REGION = "us-east-1"
ACCOUNT = "123456789012"
OPERATIONS = {}


def operation(function):
    """Register a function `(cloud, request) -> dict` as the SageMaker operation of its name."""
    OPERATIONS[shapes.operation_names()[function.__name__]] = function
    return function


@cache
def moto_app():
    """Return moto's own application, without checks."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    return DomainDispatcherApplication(create_backend_app)


@cache
def listed():
    """Return {operation: (kind, instead)} from operations.yaml."""
    text = Path(__file__).with_name("operations.yaml").read_text()
    found = {}
    for kind, groups in yaml.safe_load(text).items():
        for group in groups:
            for name in group["operations"]:
                found[name] = (kind, group.get("instead", "").strip())
    return found


def load():
    """Import every module that registers operations."""
    names = ["local_sagemaker.hosting.resources", "local_sagemaker.control.tags"]
    names += [f"{jobs.__name__}.{module.name}" for module in pkgutil.iter_modules(jobs.__path__)]
    for name in names:
        importlib.import_module(name)


class Cloud:
    """The running cloud, as operations see it.

    root          a folder that belongs to this run and is removed when the cloud stops; `folder(...)` makes one in it
    logs          a folder for log files, kept until the next start
    region, account, endpoint_url
    stopping      an Event, set when the cloud begins to stop; long waits use `cloud.stopping.wait(seconds)`
    serving       starts model servers: see `local_sagemaker.hosting.model_server.Serving.start`
    tags          {arn: {key: value}}
    learner       the access key and the secret that notebooks and jobs use
    """

    region, account = REGION, ACCOUNT

    def __init__(self, root, logs, port, keys):
        self.root, self.logs = Path(root), Path(logs)
        self.endpoint_url = f"http://127.0.0.1:{port}"
        self.keys = self.learner = keys
        self.stopping = threading.Event()
        self.tags = {}
        self._tables, self._clients, self._lock = {}, {}, threading.RLock()
        self.nursery = Nursery(self.root)
        self.serving, self.hosting = Serving(self), Hosting(self)
        self.metrics, self.capture = Metrics(self), Capture(self)

    def arn(self, kind, name):
        """Return the ARN of a SageMaker resource: `arn("training-job", "mine")`."""
        return f"arn:aws:sagemaker:{self.region}:{self.account}:{kind}/{name.rpartition('/')[2].lower()}"

    def table(self, kind, missing=None, taken=None):
        """Return the records of one kind (see `tables.Table`), e.g. "training-job"; made on the first call.

        `missing` and `taken` replace the two messages; {name} and {arn} in them are filled in.
        """
        with self._lock:
            if kind not in self._tables:
                self._tables[kind] = Table(kind, lambda name: self.arn(kind, name), missing, taken)
            return self._tables[kind]

    def folder(self, *parts):
        """Make and return a folder of this run."""
        path = self.root.joinpath(*parts)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def client(self, service):
        """Return a boto3 client to this very cloud ("s3", "logs", "sagemaker", "iam", ...), shared by all."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = boto3.session.Session(
                    self.keys[0], self.keys[1], region_name=self.region
                ).client(service, endpoint_url=self.endpoint_url)
            return self._clients[service]

    def environment(self):
        """Return the environment for a server or job: this one's, with the cloud's address, keys and region.

        On AWS each has a machine. Here they share the processors, which a thread that waits by spinning keeps.
        """
        return state.child_environment(self.endpoint_url, self.learner, self.region) | {"OMP_WAIT_POLICY": "passive"}

    def spawn(self, args, *, env=None, cwd=None, log=None):
        """Start a process that cannot outlive the cloud and return it.

        It is a `subprocess.Popen` in its own process group with one more method, `stop(grace=5)`, that ends the group.
        Call `stop()` too when it has ended by itself: it clears what it left behind. `env` replaces `environment()`;
        output goes to the file `log`, or nowhere.
        """
        return self.nursery.spawn(args, env=env or self.environment(), cwd=cwd, log=log)

    def call(self, name, request):
        """Run an operation as a client would, without the network: `cloud.call("CreateModel", {...})` -> dict."""
        kind, instead = listed().get(name, ("unknown", ""))
        if kind == "unknown":
            raise ApiError("UnknownOperationException", f"SageMaker has no operation {name}.")
        if kind == "refused":
            raise ApiError("ValidationException", f"{name} is not simulated here. {instead}")
        model = shapes.service().operation_model(name)
        if model.input_shape:
            found = list(shapes.problems(request, model.input_shape))
            if found:
                count = f"{len(found)} validation error{'s' * (len(found) > 1)} detected"
                raise ApiError("ValidationException", f"{count}: {'; '.join(found)}")
        answer = OPERATIONS[name](self, request) if kind == "real" else self.moto(name, request)
        if name.startswith("Create"):
            self._tag(request.get("Tags", []), answer)
        return answer or {}

    def moto(self, name, request):
        """Run an operation in moto alone and return its answer; its refusals come as `ApiError`."""
        body = json.dumps(request).encode()
        environ = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": "/",
            "QUERY_STRING": "",
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80",
            "HTTP_HOST": f"api.sagemaker.{self.region}.amazonaws.com",
            "HTTP_X_AMZ_TARGET": f"SageMaker.{name}",
            "HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 Credential={self.keys[0]}/20260101/{self.region}/sagemaker/"
            "aws4_request, SignedHeaders=host, Signature=0",
            "CONTENT_TYPE": "application/x-amz-json-1.1",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": io.StringIO(),
            "wsgi.url_scheme": "http",
            "wsgi.version": (1, 0),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        head = {}

        def start_response(status, headers, exc_info=None):
            head.update(status=int(status.split()[0]))

        answer = json.loads(b"".join(moto_app()(environ, start_response)) or b"{}")
        if head["status"] >= 400:
            code = answer.get("__type", "InternalFailure").rpartition("#")[2]
            raise ApiError(code, answer.get("message") or answer.get("Message") or code, head["status"])
        return answer

    def require_role(self, arn):
        """Refuse, as AWS does, a role that does not exist or that SageMaker may not assume."""
        iam, name = self.client("iam"), arn.rpartition("/")[2]
        try:
            role = iam.get_role(RoleName=name)["Role"]
            trusted = json.dumps(role["AssumeRolePolicyDocument"])
        except iam.exceptions.NoSuchEntityException:
            role, trusted = {}, ""
        if role.get("Arn") != arn or "sagemaker.amazonaws.com" not in trusted:
            raise ApiError(
                "ValidationException",
                f"Could not assume role {arn}. Please ensure that the role exists and allows principal "
                "'sagemaker.amazonaws.com' to assume the role.",
            )

    def require_object(self, uri, what="model data"):
        """Refuse an s3:// address at which nothing lies; return (bucket, key)."""
        bucket, key = self.require_bucket(uri)
        client = self.client("s3")
        try:
            client.head_object(Bucket=bucket, Key=key)
        except client.exceptions.ClientError:
            raise ApiError("ValidationException", f"Could not find {what} at {uri}.") from None
        return bucket, key

    def require_bucket(self, uri):
        """Refuse an s3:// address whose bucket does not exist; return (bucket, key or prefix)."""
        parts = urlparse(uri)
        if parts.scheme != "s3" or not parts.netloc:
            raise ApiError("ValidationException", f"{uri} is not an S3 address; it should look like s3://bucket/key.")
        client = self.client("s3")
        try:
            client.head_bucket(Bucket=parts.netloc)
        except client.exceptions.ClientError:
            raise ApiError(
                "ValidationException", f"Could not access S3 bucket {parts.netloc}: it does not exist."
            ) from None
        return parts.netloc, parts.path.lstrip("/")

    def fetch(self, uri, path):
        """Download the object at an s3:// address to a file and return its path."""
        bucket, key = self.require_object(uri, "data")
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        self.client("s3").download_file(bucket, key, str(path))
        return Path(path)

    def store(self, data, uri):
        """Upload bytes, or the file at a path, to an s3:// address."""
        bucket, key = self.require_bucket(uri)
        body = data if isinstance(data, bytes) else Path(data).read_bytes()
        self.client("s3").put_object(Bucket=bucket, Key=key, Body=body)

    def close(self):
        """Stop everything that the cloud started."""
        self.stopping.set()
        self.nursery.close()

    def _tag(self, tags, answer):
        for member, arn in (answer or {}).items():
            if member.endswith("Arn"):
                self.tags[arn] = {tag["Key"]: tag["Value"] for tag in tags}
