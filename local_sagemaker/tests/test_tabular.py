"""Models of tables answer as they do in the XGBoost and scikit-learn images."""

import io
import json
import pickle
import tarfile

import numpy as np
import pytest
from botocore.exceptions import ClientError
from sklearn.linear_model import LinearRegression

xgboost = pytest.importorskip("xgboost")

XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
SKLEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
ROWS = np.arange(12, dtype=np.float32).reshape(4, 3)
SCRIPT = """
import pickle, pathlib
def model_fn(model_dir):
    return pickle.loads(pathlib.Path(model_dir, "model.pkl").read_bytes())
"""


def packed(**files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name.replace("__", "/").replace("_", "-" if "xgboost" in name else "."))
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


@pytest.fixture(scope="module")
def booster():
    return xgboost.train({"max_depth": 2}, xgboost.DMatrix(ROWS, label=ROWS.sum(axis=1)), num_boost_round=5)


@pytest.fixture(scope="module")
def tables(aws, booster):
    """An endpoint with a booster and a scikit-learn model, one a variant."""
    line = LinearRegression().fit(ROWS, ROWS.sum(axis=1))
    boosted = aws.model(packed(xgboost_model=bytes(booster.save_raw("json"))), Image=XGBOOST)
    fitted = aws.model(packed(code__inference_py=SCRIPT.encode(), model_pkl=pickle.dumps(line)), Image=SKLEARN)
    name = aws.create(aws.config(aws.variant("boosted", boosted), aws.variant("fitted", fitted)))
    assert aws.settled(name)["EndpointStatus"] == "InService"
    yield name
    aws.delete(name)


def invoke(aws, name, body, variant, content_type="text/csv", accept="text/csv"):
    reply = aws.runtime.invoke_endpoint(
        EndpointName=name, Body=body, ContentType=content_type, Accept=accept, TargetVariant=variant
    )
    assert reply["ContentType"] == accept
    return reply["Body"].read().decode()


def test_rows_are_predicted(aws, booster, tables):
    text = "\n".join(",".join(str(value) for value in row) for row in ROWS)
    expected = booster.predict(xgboost.DMatrix(ROWS))
    answer = invoke(aws, tables, text, "boosted")
    np.testing.assert_allclose([float(value) for value in answer.split(",")], expected, rtol=1e-6)
    one = invoke(aws, tables, "0,1,2", "boosted")
    assert float(one) == pytest.approx(expected[0])
    answer = invoke(aws, tables, json.dumps(ROWS.tolist()), "fitted", "application/json", "application/json")
    np.testing.assert_allclose(json.loads(answer), ROWS.sum(axis=1), rtol=1e-5)


@pytest.mark.parametrize(("body", "kind", "status"), [("{", "application/json", 400), ("x", "image/png", 415)])
def test_what_is_no_table_is_refused(aws, tables, body, kind, status):
    with pytest.raises(ClientError) as found:
        invoke(aws, tables, body, "boosted", kind)
    assert found.value.response["OriginalStatusCode"] == status
