"""Every row of the table of fidelity has a source and a date, and is proved."""

import importlib
import re
from datetime import date
from pathlib import Path

import pytest
import yaml
from botocore.session import get_session
from local_sagemaker.control import api, shapes
from local_sagemaker.errors import ApiError

ROWS = yaml.safe_load(api.FILE.with_name("fidelity.yaml").read_text())
HERE = Path(__file__).parent
PAGE = re.compile(r"https://docs\.aws\.amazon\.com/\S+")
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"


def named(row):
    return f"{row['topic']}: {row['behaviour']}"


def of_kind(kind):
    return [pytest.param(row, id=named(row)) for row in ROWS if kind in row["proof"]]


def value(place):
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(f"local_sagemaker.{module}"), name)


def complaints(row):
    """Yield what a row lacks."""
    for member in ("topic", "behaviour", "aws", "here", "note", "source", "date", "proof"):
        if member not in row:
            yield f"{member} is missing"
            return
    if row["here"] not in ("follows", "departs", "refuses"):
        yield "here must be follows, departs or refuses"
    if row["here"] != "follows" and not (row["note"] or "words" in row["proof"]):
        yield "say what happens instead"
    if not isinstance(row["date"], date):
        yield "date must be a day"
    source = row["source"]
    if "address" in source:
        if not PAGE.fullmatch(source["address"]) or not source.get("title"):
            yield "an address needs a title and AWS's documentation"
    elif not stands(source):
        yield "botocore's description does not say so"
    if sum(kind in row["proof"] for kind in ("request", "limit", "value", "test", "unproved")) != 1:
        yield "there must be one proof"
    if any(not isinstance(row[member], str) for member in ("topic", "behaviour", "aws", "note")):
        yield "words must be in quotation marks"


def stands(source):
    """Return whether the words of a source stand in botocore's description, or its shape is there."""
    model = get_session().get_service_model(source.get("service", "sagemaker"))
    if "operation" in source:
        place = model.operation_model(source["operation"])
    elif "shape" in source:
        place = model.shape_for(source["shape"])
        place = place.members[source["member"]] if "member" in source else place
    else:
        return False
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", place.documentation))
    return source.get("words", "") in text


@pytest.mark.parametrize("row", ROWS, ids=named)
def test_a_row_has_a_source_and_a_date(row):
    assert list(complaints(row)) == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"source": {}}, "botocore's description does not say so"),
        ({"source": {"title": "x", "address": "https://example.com"}}, "AWS's documentation"),
        ({"source": {"service": "sagemaker", "shape": "TagList", "words": "x" * 9}}, "does not say so"),
        ({"date": "lately"}, "date must be a day"),
        ({"here": "perhaps"}, "here must be"),
        ({"proof": {}}, "there must be one proof"),
        ({"aws": 1.0}, "quotation marks"),
    ],
)
def test_a_row_without_one_is_refused(change, complaint):
    assert any(complaint in found for found in complaints(ROWS[0] | change))


def test_no_behaviour_stands_there_twice():
    assert len({named(row) for row in ROWS}) == len(ROWS)


@pytest.fixture(scope="module")
def words(inside):
    """What stands for $model, $role and the like in a row."""
    bucket, role = "sagemaker-us-east-1-123456789012", "arn:aws:iam::123456789012:role/gluon-lessons"
    inside.client("s3").put_object(Bucket=bucket, Key="x", Body=b"x")
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{bucket}/x"}
    request = {"ModelName": "fidelity", "ExecutionRoleArn": role, "PrimaryContainer": container}
    inside.call("CreateModel", request)

    def config(name, count=1):
        variant = {"VariantName": "a", "ModelName": "fidelity", "InstanceType": "ml.m5.large"}
        variants = [variant | ({"InitialInstanceCount": count} if count > 1 else {})]
        inside.call("CreateEndpointConfig", {"EndpointConfigName": name, "ProductionVariants": variants})
        return name

    for number in range(11):
        config(f"many-{number}")
    made = {"config": config("one"), "large": config("nine", 9), "spare": config("spare")}
    return made | {"bucket": bucket, "role": role, "model": "fidelity"}


def filled(part, words):
    """Return the members of a row with $model and the like filled in."""
    if isinstance(part, dict):
        return {name: filled(inner, words) for name, inner in part.items()}
    if isinstance(part, list):
        return [filled(inner, words) for inner in part]
    if isinstance(part, str):
        return re.sub(r"\$(\w+)", lambda found: words[found[1]], part)
    return part


@pytest.mark.parametrize("row", of_kind("request"))
def test_a_request_is_answered_as_the_row_says(inside, words, row):
    proof = row["proof"]
    request = filled(proof["members"], words)
    if "answers" not in proof:
        with pytest.raises(ApiError) as found:
            inside.call(proof["request"], request)
        assert (found.value.code, found.value.status) == (proof["code"], 400)
        assert proof["words"] in found.value.message
        return
    answer = inside.call(proof["request"], request)
    for path, expected in proof["answers"].items():
        part = answer
        for name in path.split("."):
            part = part[int(name)] if name.isdecimal() else part[name]
        assert part == expected


@pytest.mark.parametrize("row", of_kind("limit"))
def test_a_limit_is_the_one_of_the_description(row):
    proof = row["proof"]["limit"]
    shape = shapes.service(proof["service"]).shape_for(proof["shape"])
    bound = shape.metadata[proof["bound"]]
    if isinstance(proof["value"], str):
        assert value(proof["value"]) == bound
        return
    assert proof["value"] == bound
    large = {str(number): "x" for number in range(bound + 1)} if shape.type_name == "map" else [{}] * (bound + 1)
    assert f"length less than or equal to {bound}" in next(shapes.problems(large, shape))


@pytest.mark.parametrize("row", of_kind("value"))
def test_a_value_is_the_one_that_the_row_says(row):
    place, expected = row["proof"]["value"]
    assert value(place) == expected


@pytest.mark.parametrize("row", of_kind("test"))
def test_the_test_that_proves_a_row_is_there(row):
    file, _, name = row["proof"]["test"].partition("::")
    assert re.search(rf"^def {name}\(", (HERE / file).read_text(), re.MULTILINE)
