"""XGBoost's built-in algorithm: trained, tuned and put to work on a table, without a script."""

import io
import json
import re

import numpy as np
import pytest
from botocore.exceptions import ClientError
from jobs_kit import channel, client, get, lines, members, put, unique, wait
from local_sagemaker.guest.boosting import RequestError, train
from scipy.sparse import csr_matrix
from sklearn.datasets import dump_svmlight_file, load_breast_cancer

xgboost = pytest.importorskip("xgboost")

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
PARAMETERS = {"objective": "binary:logistic", "num_round": "15", "max_depth": "3", "eval_metric": "auc", "seed": "1"}


def csv(rows):
    out = io.StringIO()
    np.savetxt(out, rows, delimiter=",", fmt="%.9g")
    return out.getvalue().encode()


@pytest.fixture(scope="module")
def table(cloud):
    """Return the addresses of a training and a validation set, the label first, and the rows of both."""
    data, labels = load_breast_cancer(return_X_y=True)
    rows = np.column_stack([labels, data]).astype(np.float32)
    place = unique("table")
    return {
        "train": put(cloud.bucket, f"{place}/train/a.csv", csv(rows[:400])),
        "validation": put(cloud.bucket, f"{place}/validation/b.csv", csv(rows[400:])),
        "rows": rows,
    }


def boosting(cloud, table, names=("train", "validation"), count=1, content="text/csv", **parameters):
    return {
        "TrainingJobName": unique("boost"),
        "RoleArn": cloud.role,
        "HyperParameters": {name: value for name, value in (PARAMETERS | parameters).items() if value},
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "InputDataConfig": [channel(table[name], name, ContentType=content) for name in names],
        "OutputDataConfig": {"S3OutputPath": f"s3://{cloud.bucket}/boost"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": count, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }


def boost(request):
    client().create_training_job(**request)
    return wait("training", request["TrainingJobName"])


@pytest.fixture(scope="module")
def trained(cloud, table):
    return boost(boosting(cloud, table))


def booster(job):
    found = members(job["ModelArtifacts"]["S3ModelArtifacts"])
    assert list(found) == ["xgboost-model"]
    return xgboost.Booster(model_file=bytearray(found["xgboost-model"]))


def test_the_algorithm_is_xgboost_itself(table, trained):
    rows = table["rows"]
    direct = xgboost.train(
        {"objective": "binary:logistic", "max_depth": 3, "eval_metric": "auc", "seed": 1},
        xgboost.DMatrix(rows[:400, 1:], label=rows[:400, 0]),
        num_boost_round=15,
    )
    test = xgboost.DMatrix(rows[400:, 1:])
    np.testing.assert_allclose(booster(trained).predict(test), direct.predict(test), rtol=1e-5)


def test_its_metrics_are_known(trained):
    found = {entry["MetricName"]: entry["Value"] for entry in trained["FinalMetricDataList"]}
    assert set(found) == {"train:auc", "validation:auc"}
    assert found["train:auc"] == pytest.approx(1, abs=0.01)
    assert 0.95 < found["validation:auc"] < 1
    (messages,) = lines("/aws/sagemaker/TrainingJobs", trained["TrainingJobName"]).values()
    assert re.fullmatch(r"\[14\]#011train-auc:[0-9.]+#011validation-auc:[0-9.]+", messages[-1])


def test_a_mistake_fails_the_job(cloud, table):
    job = boost(boosting(cloud, table, num_round=None))
    assert job["TrainingJobStatus"] == "Failed"
    assert "ClientError: Missing required hyperparameter: num_round" in job["FailureReason"]


@pytest.fixture
def base(tmp_path, table):
    """Return a function that lays out /opt/ml as a job does and trains there."""

    def run(data, kind="text/csv", name="train", **parameters):
        for folder in ("input/config", f"input/data/{name}", "model", "output"):
            (tmp_path / folder).mkdir(parents=True)
        (tmp_path / "input/data" / name / "data").write_bytes(data)
        config = tmp_path / "input/config"
        (config / "hyperparameters.json").write_text(json.dumps(PARAMETERS | parameters))
        (config / "inputdataconfig.json").write_text(json.dumps({name: {"ContentType": kind}}))
        train(tmp_path)
        return xgboost.Booster(model_file=tmp_path / "model/xgboost-model")

    return run


def test_libsvm_is_read_too(base, table):
    rows, out = table["rows"], io.BytesIO()
    dump_svmlight_file(rows[:400, 1:], rows[:400, 0], out)
    direct = xgboost.train(
        {"objective": "binary:logistic", "max_depth": 3, "seed": 1},
        xgboost.DMatrix(csr_matrix(rows[:400, 1:]), label=rows[:400, 0]),
        num_boost_round=15,
    )
    test = xgboost.DMatrix(csr_matrix(rows[400:, 1:]))
    found = base(out.getvalue(), "text/libsvm; charset=utf-8")
    np.testing.assert_allclose(found.predict(test), direct.predict(test), rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"objective": "binary:nonsense"}, "binary:nonsense"),
        ({"kind": "application/x-parquet"}, "application/x-parquet of the channel train is not read here"),
        ({"name": "validation"}, "The channel train is missing"),
        ({"data": b"label,x\n1,2\n0,3\n"}, "without a header"),
        ({"data": b"1,2\n1\n"}, "cannot be read as CSV"),
        ({"data": b"1,2\n", "kind": "text/libsvm"}, "cannot be read as libsvm"),
    ],
)
def test_a_mistake_is_told(base, arguments, message):
    with pytest.raises(RequestError, match=message):
        base(**{"data": b"1,2\n0,3\n"} | arguments)


def test_several_instances_are_refused(cloud, table):
    with pytest.raises(ClientError, match="runs on one instance here"):
        boost(boosting(cloud, table, count=2))


def test_the_sdk_tunes_it_and_batch_transform_uses_the_best(cloud, table):
    pytest.importorskip("sagemaker")
    from sagemaker import image_uris
    from sagemaker.estimator import Estimator
    from sagemaker.inputs import TrainingInput
    from sagemaker.tuner import HyperparameterTuner, IntegerParameter

    image = image_uris.retrieve("xgboost", cloud.region, version="1.7-1")
    estimator = Estimator(image, cloud.role, 1, "ml.m5.large", output_path=f"s3://{cloud.bucket}/boost")
    estimator.set_hyperparameters(objective="binary:logistic", num_round=10)
    ranges = {"max_depth": IntegerParameter(2, 4)}
    tuner = HyperparameterTuner(estimator, "validation:auc", ranges, max_jobs=2, max_parallel_jobs=2)
    inputs = {name: TrainingInput(table[name], content_type="csv") for name in ("train", "validation")}
    tuner.fit(inputs, wait=False)
    job = wait("hyper_parameter_tuning", tuner.latest_tuning_job.name)
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    best = client().describe_training_job(TrainingJobName=tuner.best_training_job())
    model = {"Image": image, "ModelDataUrl": best["ModelArtifacts"]["S3ModelArtifacts"]}
    name = unique("best")
    client().create_model(ModelName=name, ExecutionRoleArn=cloud.role, PrimaryContainer=model)
    rows = table["rows"][400:420]
    client().create_transform_job(
        TransformJobName=name,
        ModelName=name,
        TransformInput={
            "DataSource": {
                "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": put(cloud.bucket, f"{name}/x.csv", csv(rows))}
            },
            "ContentType": "text/csv",
            "SplitType": "Line",
        },
        TransformOutput={
            "S3OutputPath": f"s3://{cloud.bucket}/{name}/out",
            "Accept": "text/csv",
            "AssembleWith": "Line",
        },
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
        DataProcessing={"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"},
    )
    job = wait("transform", name)
    assert job["TransformJobStatus"] == "Completed", job
    text = get(f"s3://{cloud.bucket}/{name}/out/x.csv.out").decode()
    answers = np.array([line.split(",") for line in text.split()], dtype=np.float32)
    expected = booster(best).predict(xgboost.DMatrix(rows[:, 1:]))
    np.testing.assert_allclose(answers, np.column_stack([rows[:, 0], expected]), rtol=1e-4)
