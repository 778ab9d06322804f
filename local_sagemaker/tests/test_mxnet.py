"""Models of MXNet are served by AWS's own MXNet toolkit; without MXNet their image is refused with the cure."""

import importlib.util

import pytest
from botocore.exceptions import ClientError
from local_sagemaker.errors import ApiError
from local_sagemaker.hosting import images
from serving_kit import archive

IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/mxnet-inference:1.9.0-cpu-py38"
SCRIPT = """
import json
import mxnet as mx

def model_fn(model_dir):
    net = mx.gluon.nn.Dense(1, use_bias=False, in_units=3)
    net.initialize(mx.init.Constant(2))
    return net

def transform_fn(net, data, content_type, accept):
    return json.dumps(net(mx.nd.array([json.loads(data)])).asnumpy().item()), "application/json"
"""


def test_a_gluon_block_answers(aws):
    pytest.importorskip("mxnet")
    name = aws.create(aws.config(aws.variant("only", aws.model(archive({"code/inference.py": SCRIPT}), Image=IMAGE))))
    assert aws.settled(name)["EndpointStatus"] == "InService"
    assert aws.ask(name, [1, 2, 3]) == (12, "only")
    aws.delete(name)


@pytest.mark.parametrize("missing", ["mxnet", "sagemaker_mxnet_serving_container"])
def test_what_is_not_installed_is_refused_by_name(monkeypatch, missing):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else object())
    with pytest.raises(ApiError, match=r"pip install 'local_sagemaker\[mxnet\]'"):
        images.handler_of(IMAGE)
    monkeypatch.setattr(importlib.util, "find_spec", find)


def test_an_unknown_image_is_refused(aws):
    with pytest.raises(ClientError, match="not simulated here, where no container runs"):
        aws.model(b"", Image="1.dkr.ecr.us-east-1.amazonaws.com/mine:1")
