"""Labelling jobs: write the augmented manifest that Ground Truth would, from labels that somebody has made before.

Nobody sits here to label. The workforce is a file: the tag `gluon-lessons:labels` of CreateLabelingJob gives its s3://
address. It has one JSON object a line, one line an answer of one person:

    {"source-ref": "s3://bucket/dog.jpg", "label": "dog"}
    {"source-ref": "s3://bucket/road.jpg", "boxes": [{"label": "car", "left": 3, "top": 9, "width": 40, "height": 30}]}

`source-ref` may also be the file's name alone. Several answers to one picture are consolidated: the label that most
gave wins, with the share that gave it as its confidence; of boxes the first answer counts. A picture without an answer,
or one that cannot be read, gets a failure reason, as on AWS. There the tag means nothing and the work team labels.
"""

import json
import uuid
from collections import Counter, defaultdict
from datetime import UTC, datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any

from PIL import Image, UnidentifiedImageError

from local_sagemaker.control import roles
from local_sagemaker.control.api import ApiError, operation
from local_sagemaker.control.refusals import invalid, refuse
from local_sagemaker.jobs import store
from local_sagemaker.jobs.work import Work

if TYPE_CHECKING:
    from local_sagemaker.control.cloud import Cloud

Json = dict[str, Any]

TAG = "gluon-lessons:labels"
NOT_HERE = {
    "InputConfig.DataSource.SnsDataSource": "give S3DataSource with a manifest",
    "LabelingJobAlgorithmsConfig": "leave it out, nothing labels by machine here",
    "OutputConfig.KmsKeyId": "leave it out, nothing is encrypted here",
    "OutputConfig.SnsTopicArn": "ask DescribeLabelingJob",
    "HumanTaskConfig.PublicWorkforceTaskPrice": "leave it out, nobody is paid here",
}


@operation
def create_labeling_job(cloud: "Cloud", request: Json) -> Json:
    return Labeling.create(cloud, request)


@operation
def describe_labeling_job(cloud: "Cloud", request: Json) -> Json:
    return Labeling.describe(cloud, request)


@operation
def list_labeling_jobs(cloud: "Cloud", request: Json) -> Json:
    return Labeling.table(cloud).list(request, "LabelingJobSummaryList")


@operation
def stop_labeling_job(cloud: "Cloud", request: Json) -> Json:
    return Labeling.halt(cloud, request)


class Unlabelled(Exception):
    """A picture that got no label; the message says why."""


class Labeling(Work):
    """A labelling job from its manifest to its augmented manifest."""

    kind, prefix, unknown = "labeling-job", "LabelingJob", "ResourceNotFound"
    missing = 'Labeling job "{name}" does not exist.'
    taken = "Labeling job names must be unique, and a job with this name already exists ({arn})."

    def __init__(self, cloud, request):
        super().__init__(cloud, request)
        self.attribute = request["LabelAttributeName"]
        self.place = store.join(request["OutputConfig"]["S3OutputPath"], self.name, "manifests/output/output.manifest")
        self.lines, self.labelled, self.failed = [], 0, 0

    def check(self) -> None:
        request = self.request
        refuse(request, NOT_HERE)
        roles.require(self.cloud, request["RoleArn"])
        self.cloud.storage.require_bucket(request["OutputConfig"]["S3OutputPath"])
        if self.attribute.endswith("-metadata"):
            raise invalid("LabelAttributeName must not end with -metadata; that name holds what is known of the label.")
        task = request["HumanTaskConfig"].get("PreHumanTaskLambdaArn", "").rpartition(":")[2]
        annotate = {"PRE-ImageMultiClass": self._class, "PRE-BoundingBox": self._boxes}.get(task)
        if not annotate:
            raise invalid(
                f"The task {task or 'without PreHumanTaskLambdaArn'} is not simulated here; use PRE-ImageMultiClass "
                "(one class per picture) or PRE-BoundingBox."
            )
        self.annotate = annotate
        tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])}
        if TAG not in tags:
            raise invalid(
                f"Nobody labels here: add the tag {TAG} with the s3:// address of a file of labels, one JSON object a "
                'line such as {"source-ref": "dog.jpg", "label": "dog"}.'
            )
        if "LabelCategoryConfigS3Uri" not in request:
            raise invalid("LabelCategoryConfigS3Uri is missing; it lists the labels that may be given.")
        self.categories = self._read_categories(request["LabelCategoryConfigS3Uri"])
        self.entries = _json_lines(self.cloud, self._manifest(), "manifest")
        for entry in self.entries:
            if "source-ref" not in entry:
                raise invalid(
                    f"Every line of the manifest {self._manifest()} needs source-ref, a picture's s3:// address."
                )
        self.answers = defaultdict(list)
        for answer in _json_lines(self.cloud, tags[TAG], "file of labels"):
            self.answers[str(answer.get("source-ref"))].append(answer)

    def _manifest(self):
        return self.request["InputConfig"]["DataSource"]["S3DataSource"]["ManifestS3Uri"]

    def _read_categories(self, uri):
        try:
            return [entry["label"] for entry in json.loads(store.read(self.cloud, uri, "label categories"))["labels"]]
        except (ValueError, KeyError, TypeError):
            raise invalid(
                f'{uri} must be JSON such as {{"labels": [{{"label": "dog"}}, {{"label": "cat"}}]}}.'
            ) from None

    def about(self) -> Json:
        task = self.request["HumanTaskConfig"]
        return {
            "LabelCounters": self.counters(),
            "JobReferenceCode": uuid.uuid4().hex[:10],
            "LabelingJobOutput": {"OutputDatasetS3Uri": self.place},
            "WorkteamArn": task["WorkteamArn"],
            "PreHumanTaskLambdaArn": task["PreHumanTaskLambdaArn"],
        }

    def counters(self) -> dict[str, int]:
        return {
            "TotalLabeled": self.labelled,
            "HumanLabeled": self.labelled,
            "MachineLabeled": 0,
            "FailedNonRetryableError": self.failed,
            "Unlabeled": len(self.entries) - self.labelled - self.failed,
        }

    def run(self) -> tuple[str, Json]:
        limits, status = self.request.get("StoppingConditions", {}), "Completed"
        most = limits.get("MaxPercentageOfInputDatasetLabeled", 100) * len(self.entries) // 100
        most = min(limits.get("MaxHumanLabeledObjectCount", most), most)
        for entry in self.entries:
            if self.over() or self.labelled >= most:
                status = "Stopped"
                break
            self.lines.append(json.dumps(entry | self._labelled(entry)))
            self.update(LabelCounters=self.counters())
        self.cloud.storage.upload("".join(f"{line}\n" for line in self.lines).encode(), self.place)
        return status, {"LabelCounters": self.counters()}

    def _labelled(self, entry):
        """Return what the job adds to one line of the manifest."""
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"
        about = {"job-name": f"labeling-job/{self.name}", "human-annotated": "yes", "creation-date": now}
        source = entry["source-ref"]
        answers = self.answers.get(source) or self.answers.get(source.rpartition("/")[2], [])
        answers = answers[: self.request["HumanTaskConfig"]["NumberOfHumanWorkersPerDataObject"]]
        try:
            if not answers:
                raise Unlabelled("Nobody labelled it: the file of labels has no line for it.")
            label, more = self.annotate(source, answers)
        except Unlabelled as error:
            self.failed += 1
            return {f"{self.attribute}-metadata": about | {"failure-reason": str(error)}}
        self.labelled += 1
        return {self.attribute: label, f"{self.attribute}-metadata": about | more}

    def _class(self, source, answers):
        """Return the class that most people gave."""
        votes = Counter(answer.get("label") for answer in answers)
        label, count = votes.most_common(1)[0]
        more = {"class-name": label, "confidence": count / len(answers), "type": "groundtruth/image-classification"}
        return self._number(label), more

    def _boxes(self, source, answers):
        """Return the boxes of the first answer and the picture's size."""
        boxes = answers[0].get("boxes")
        if not isinstance(boxes, list):
            raise Unlabelled("The answer has no boxes.")
        width, height, depth = self._size(source)
        annotations = []
        for box in boxes:
            sides = [box.get(side) for side in ("left", "top", "width", "height")]
            if not all(isinstance(side, int) and side >= 0 for side in sides):
                raise Unlabelled(f"A box needs left, top, width and height in whole pixels, not {json.dumps(box)}.")
            if sides[0] + sides[2] > width or sides[1] + sides[3] > height:
                raise Unlabelled(f"A box reaches beyond the picture of {width} by {height} pixels: {json.dumps(box)}.")
            number = self._number(box.get("label"))
            annotations.append(dict(zip(("class_id", "left", "top", "width", "height"), [number, *sides], strict=True)))
        used = sorted({box["class_id"] for box in annotations})
        more = {
            "objects": [{"confidence": 1.0} for _ in annotations],
            "class-map": {str(number): self.categories[number] for number in used},
            "type": "groundtruth/object-detection",
        }
        size = {"width": width, "height": height, "depth": depth}
        return {"image_size": [size], "annotations": annotations}, more

    def _number(self, label):
        if label not in self.categories:
            raise Unlabelled(f"The label {label} is not one of {', '.join(self.categories)}.")
        return self.categories.index(label)

    def _size(self, source):
        try:
            with Image.open(BytesIO(store.read(self.cloud, source, "picture"))) as picture:
                return *picture.size, len(picture.getbands())
        except (ApiError, UnidentifiedImageError, Image.DecompressionBombError, OSError) as error:
            raise Unlabelled(f"The picture cannot be read: {error}") from None


def _json_lines(cloud, uri, what):
    """Return the objects of a JSON Lines file; a line that is none is refused."""
    found = []
    for number, line in enumerate(store.read(cloud, uri, what).decode("utf-8", "replace").splitlines(), 1):
        if line.strip():
            try:
                found.append(dict(json.loads(line)))
            except (ValueError, TypeError):
                raise invalid(f"Line {number} of {uri} is not a JSON object.") from None
    if not found:
        raise invalid(f"The {what} {uri} is empty.")
    return found
