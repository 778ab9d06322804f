"""The policies that AWS keeps for everybody, such as AmazonSageMakerFullAccess, read when one is first asked for."""

import json
import threading

from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.models import AWSManagedPolicy, iam_backends

# Whatever else IAM does, it does without them.
OPERATIONS = ("Attach", "CreatePolicy", "GetPolicy", "GetAccountAuth", "ListPolic", "ListEntities", "PutRole")
_lock = threading.Lock()


def load(operation: str, account: str) -> None:
    """Make AWS's policies known to moto if an operation of IAM may ask for them."""
    if not operation.startswith(OPERATIONS):
        return
    backend = iam_backends[account]["aws"]
    with _lock:
        if backend.aws_managed_policies:
            return
        found = [
            AWSManagedPolicy.from_data(name, account, backend.region_name, data)
            for name, data in json.loads(aws_managed_policies_data).items()
        ]
        backend.managed_policies.update({policy.arn: policy for policy in found})
        backend.aws_managed_policies = found
