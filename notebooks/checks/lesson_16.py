"""The exercises of lesson 16, the AWS map: what a plan costs, and what is left running."""

import functools
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import boto3
import numpy as np
from local_sagemaker.control.tables import page

from gluon_lessons.course.check import call, exercise

HOUR = {"small": 0.10, "large": 0.40, "huge": 4.00}  # dollars
PLAN: list[dict[str, Any]] = [
    {"type": "small", "count": 3, "hours": 100},
    {"type": "huge", "count": 2, "hours": 5, "discount": 0.75},
    {"type": "large", "count": 1, "hours": 24},
]


@exercise("Correct. Ask it before you start something, and again at the end of the month.")
def cost(function):
    answer = call(function, [dict(row) for row in PLAN], dict(HOUR))
    if np.ndim(answer) or isinstance(answer, str):
        return "Return one number, the dollars of the whole plan; rows are added up."
    rows = [(HOUR[row["type"]], row["count"], row["hours"], row.get("discount", 0)) for row in PLAN]
    if np.isclose(answer, sum(price * count * hours * (1 - saved) for price, count, hours, saved in rows)):
        return None
    if np.isclose(answer, sum(price * count * hours for price, count, hours, _ in rows)):
        return "The discount of the second row is not used. It is the share that you save."
    if np.isclose(answer, sum(price * hours * (1 - saved) for price, _, hours, saved in rows)):
        return "Yours counts each row once. A row has several machines: its count."
    if np.isclose(answer, sum(price * count * (1 - saved) for price, count, _, saved in rows)):
        return "That is what the plan costs per hour. Each row runs for its hours."
    if np.isclose(answer, sum(price * count * hours * (saved or 1) for price, count, hours, saved in rows)):
        return "A discount of 0.75 saves three quarters: a quarter is left to pay, 1 - discount."
    prices = [price * count * hours * (1 - saved) for price, count, hours, saved in rows]
    if any(np.isclose(answer, price) for price in prices):
        return "That is one row of three. Add them up."
    each = ", ".join(f"${price:.2f}" for price in prices)
    return f"Three rows that cost {each} should give their sum; yours is {answer}."


PREFIX = "lesson-16-"
ENDPOINTS = [f"{PREFIX}{number:02}" for number in range(12)] + ["my-lesson-16-copy", "shop"]
RUNNING, DONE = f"{PREFIX}train", [f"{PREFIX}done-{number:02}" for number in range(12)]


@exercise("Correct. Run it when you go home; on AWS, for each region that you use.")
def left_running(function):
    answer = call(function, _account(), PREFIX)
    if isinstance(answer, str | dict) or not np.iterable(answer):
        return "Return a list of names."
    answer = list(answer)
    if any(not isinstance(name, str) for name in answer):
        return "The list should hold names: of each record, EndpointName or TrainingJobName."
    if "shop" in answer:
        return "'shop' belongs to somebody else. Keep the names that begin with the prefix."
    if "my-lesson-16-copy" in answer:
        return "'my-lesson-16-copy' only contains the prefix: NameContains looks anywhere. Check name.startswith."
    if set(DONE) & set(answer):
        return "A job that is done costs nothing any more. Ask for StatusEquals='InProgress'."
    mine = [name for name in ENDPOINTS if name.startswith(PREFIX)]
    found = set(answer) & set(mine)
    if not found:
        return "The endpoints are missing: list_endpoints."
    if found < set(mine):
        return f"There are {len(mine)} endpoints, yours has {len(found)}: an answer is one page. Use get_paginator."
    if RUNNING not in answer:
        return "The training job that runs is missing: list_training_jobs, and all of its pages."
    if len(answer) != len(mine) + 1:
        return "Each name should stand in the list once."
    return None


@functools.cache
def _account():
    """A SageMaker client that knows some endpoints and jobs, pages and filters as AWS does, and asks nobody."""
    now = datetime.now(UTC)
    endpoints: list[dict[str, Any]] = [{"EndpointName": name, "EndpointStatus": "InService"} for name in ENDPOINTS]
    jobs: list[dict[str, Any]] = [{"TrainingJobName": RUNNING, "TrainingJobStatus": "InProgress"}]
    jobs += [{"TrainingJobName": name, "TrainingJobStatus": "Completed"} for name in DONE]
    for age, record in enumerate([*endpoints, *jobs]):
        record["CreationTime"] = record["LastModifiedTime"] = now + timedelta(seconds=age)
    known = {
        "ListEndpoints": ("Endpoints", endpoints, "Endpoint"),
        "ListTrainingJobs": ("TrainingJobSummaries", jobs, "TrainingJob"),
    }

    def answer(model, params, **_):
        if model.name not in known:
            raise ValueError(f"{model.name} is not needed; the account answers ListEndpoints and ListTrainingJobs.")
        return SimpleNamespace(status_code=200), page(json.loads(params["body"]), *known[model.name])

    client = boto3.client("sagemaker", "us-east-1", aws_access_key_id="nobody", aws_secret_access_key="none")
    client.meta.events.register("before-call.sagemaker.*", answer)
    return client
