"""Labelling jobs: labels from a file become the augmented manifest that Ground Truth writes."""

import io
import json

import pytest
from botocore.exceptions import ClientError
from jobs_kit import client, get, put, unique, wait
from PIL import Image

LAMBDA = "arn:aws:lambda:us-east-1:432418664414:function"


def picture(cloud, key, size=(64, 48)):
    out = io.BytesIO()
    Image.new("RGB", size, "navy").save(out, "JPEG")
    return put(cloud.bucket, key, out.getvalue())


def json_lines(entries):
    return "".join(json.dumps(entry) + "\n" for entry in entries).encode()


def labeling(cloud, pictures, answers, task="PRE-ImageMultiClass", labels=("dog", "cat"), workers=1, **members):
    """Return the request for a labelling job."""
    place = unique("label")
    manifest = json_lines([{"source-ref": uri, "origin": "test"} for uri in pictures])
    return {
        "LabelingJobName": place,
        "LabelAttributeName": "animal",
        "InputConfig": {
            "DataSource": {"S3DataSource": {"ManifestS3Uri": put(cloud.bucket, f"{place}/input.manifest", manifest)}}
        },
        "OutputConfig": {"S3OutputPath": f"s3://{cloud.bucket}/{place}/output"},
        "RoleArn": cloud.role,
        "LabelCategoryConfigS3Uri": put(
            cloud.bucket,
            f"{place}/labels.json",
            json.dumps({"document-version": "2018-11-28", "labels": [{"label": label} for label in labels]}).encode(),
        ),
        "HumanTaskConfig": {
            "WorkteamArn": "arn:aws:sagemaker:us-east-1:123456789012:workteam/private-crowd/friends",
            "UiConfig": {"UiTemplateS3Uri": f"s3://{cloud.bucket}/{place}/template.html"},
            "PreHumanTaskLambdaArn": f"{LAMBDA}:{task}",
            "TaskTitle": "Which animal?",
            "TaskDescription": "Choose the animal in the picture.",
            "NumberOfHumanWorkersPerDataObject": workers,
            "TaskTimeLimitInSeconds": 60,
            "AnnotationConsolidationConfig": {
                "AnnotationConsolidationLambdaArn": f"{LAMBDA}:{task.replace('PRE', 'ACS')}"
            },
        },
        "Tags": [{"Key": "gluon-lessons:labels", "Value": put(cloud.bucket, f"{place}/answers", json_lines(answers))}],
        **members,
    }


def label(request):
    """Run a labelling job and return its description and the lines of its manifest."""
    client().create_labeling_job(**request)
    job = wait("labeling", request["LabelingJobName"])
    text = get(job["LabelingJobOutput"]["OutputDatasetS3Uri"])
    return job, [json.loads(line) for line in text.splitlines()]


def test_classes_become_an_augmented_manifest(cloud):
    pictures = [picture(cloud, f"zoo/{name}.jpg") for name in ("rex", "tom", "none")]
    answers = [
        {"source-ref": pictures[0], "label": "dog"},
        {"source-ref": "tom.jpg", "label": "cat"},
        {"source-ref": "tom.jpg", "label": "cat"},
        {"source-ref": "tom.jpg", "label": "dog"},
    ]
    request = labeling(cloud, pictures, answers, workers=3)
    job, manifest = label(request)
    assert job["LabelingJobStatus"] == "Completed"
    assert job["LabelCounters"] == {
        "TotalLabeled": 2,
        "HumanLabeled": 2,
        "MachineLabeled": 0,
        "FailedNonRetryableError": 1,
        "Unlabeled": 0,
    }
    assert job["LabelingJobOutput"]["OutputDatasetS3Uri"].endswith(
        f"/output/{request['LabelingJobName']}/manifests/output/output.manifest"
    )
    rex, tom, none = manifest
    assert (rex["source-ref"], rex["origin"], rex["animal"]) == (pictures[0], "test", 0)
    about = rex["animal-metadata"]
    assert about.pop("creation-date")[:2] == "20"
    assert about == {
        "job-name": f"labeling-job/{request['LabelingJobName']}",
        "class-name": "dog",
        "confidence": 1.0,
        "human-annotated": "yes",
        "type": "groundtruth/image-classification",
    }
    assert tom["animal"] == 1
    assert tom["animal-metadata"]["confidence"] == pytest.approx(2 / 3)
    assert "animal" not in none
    assert "Nobody labelled it" in none["animal-metadata"]["failure-reason"]


def test_boxes_become_an_augmented_manifest(cloud):
    pictures = [picture(cloud, f"street/{name}.jpg") for name in ("one", "outside", "unknown")]
    pictures.append(put(cloud.bucket, "street/broken.jpg", b"no picture"))
    box = {"label": "cat", "left": 4, "top": 5, "width": 20, "height": 10}
    answers = [
        {"source-ref": pictures[0], "boxes": [box, box | {"label": "dog", "left": 40}]},
        {"source-ref": pictures[1], "boxes": [box | {"width": 100}]},
        {"source-ref": pictures[2], "boxes": [box | {"label": "cow"}]},
        {"source-ref": pictures[3], "boxes": [box]},
    ]
    job, manifest = label(labeling(cloud, pictures, answers, task="PRE-BoundingBox"))
    assert job["LabelCounters"]["TotalLabeled"] == 1
    assert manifest[0]["animal"] == {
        "image_size": [{"width": 64, "height": 48, "depth": 3}],
        "annotations": [
            {"class_id": 1, "left": 4, "top": 5, "width": 20, "height": 10},
            {"class_id": 0, "left": 40, "top": 5, "width": 20, "height": 10},
        ],
    }
    about = manifest[0]["animal-metadata"]
    assert about["class-map"] == {"0": "dog", "1": "cat"}
    assert about["type"] == "groundtruth/object-detection"
    assert len(about["objects"]) == 2
    reasons = [line["animal-metadata"]["failure-reason"] for line in manifest[1:]]
    assert ["beyond the picture of 64 by 48" in reasons[0], "cow is not one of dog, cat" in reasons[1]] == [True, True]
    assert "cannot be read" in reasons[2]


def test_labelling_ends_when_enough_is_labelled(cloud):
    pictures = [picture(cloud, f"many/{number}.jpg") for number in range(4)]
    answers = [{"source-ref": uri, "label": "dog"} for uri in pictures]
    request = labeling(cloud, pictures, answers, StoppingConditions={"MaxHumanLabeledObjectCount": 3})
    job, manifest = label(request)
    assert (job["LabelingJobStatus"], len(manifest), job["LabelCounters"]["Unlabeled"]) == ("Stopped", 3, 1)
    with pytest.raises(ClientError, match="is in status Stopped"):
        client().stop_labeling_job(LabelingJobName=request["LabelingJobName"])
    with pytest.raises(ClientError, match="already exists"):
        client().create_labeling_job(**request)
    listed = client().list_labeling_jobs(NameContains=request["LabelingJobName"])["LabelingJobSummaryList"]
    assert [entry["LabelingJobStatus"] for entry in listed] == ["Stopped"]


def test_one_manifest_is_the_next_ones_input(cloud):
    pictures = [picture(cloud, "chain/a.jpg")]
    request = labeling(cloud, pictures, [{"source-ref": "a.jpg", "label": "cat"}])
    job, _ = label(request)
    again = labeling(cloud, pictures, [{"source-ref": "a.jpg", "label": "dog"}], LabelAttributeName="second")
    source = {"S3DataSource": {"ManifestS3Uri": job["LabelingJobOutput"]["OutputDatasetS3Uri"]}}
    again["InputConfig"] = {"DataSource": source}
    _, (line,) = label(again)
    assert (line["animal"], line["second"]) == (1, 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"Tags": []}, "Nobody labels here: add the tag gluon-lessons:labels"),
        ({"RoleArn": "arn:aws:iam::123456789012:role/nobody"}, "Could not assume role"),
        ({"task": "PRE-NamedEntityRecognition"}, "PRE-NamedEntityRecognition is not simulated here"),
        ({"answers": []}, "The file of labels .* is empty"),
        ({"LabelCategoryConfigS3Uri": "s3://no-such-bucket/x"}, "no-such-bucket"),
        ({"LabelAttributeName": "x-metadata"}, "must not end with -metadata"),
        ({"pictures": []}, "The manifest .* is empty"),
        ({"OutputConfig": {"S3OutputPath": "s3://BUCKET/x", "KmsKeyId": "k"}}, "KmsKeyId is not simulated here"),
    ],
)
def test_labelling_that_cannot_be_done_is_refused(cloud, changes, message):
    changes = json.loads(json.dumps(changes).replace("BUCKET", cloud.bucket))
    pictures = changes.pop("pictures", [f"s3://{cloud.bucket}/x.jpg"])
    answers = changes.pop("answers", [{"source-ref": "x.jpg", "label": "dog"}])
    with pytest.raises(ClientError, match=message):
        client().create_labeling_job(**labeling(cloud, pictures, answers, **changes))
