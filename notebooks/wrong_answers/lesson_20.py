"""What learners answer in lesson 20, and the part of the hint that each mistake must get."""


def still_paid(job):
    return job["BillableTimeInSeconds"] / job["TrainingTimeInSeconds"]


def in_percent(job):
    return 100 * (1 - still_paid(job))


def in_seconds(job):
    return job["TrainingTimeInSeconds"] - job["BillableTimeInSeconds"]


def upside_down(job):
    return 1 - job["TrainingTimeInSeconds"] / job["BillableTimeInSeconds"]


def as_text(job):
    return f"{in_percent(job):.0f} %"


WRONG_ANSWERS = {
    "pattern": [
        (0.776, "quotation marks"),
        ("accuracy=([0-9.]+)", "learned from"),
        ("validation-accuracy=[0-9.]+", "0 groups"),
        ("validation_accuracy=([0-9.]+)", "finds nothing"),
        ("validation-accuracy=([0-9]+)", "digits and the point"),
        ("validation-accuracy=(.*)", "digits and the point"),
        ("validation-accuracy=([0-9.]+", "not a regular expression"),
        (".*accuracy=([0-9.]+)", "in full"),
    ],
    "spot_saving": [
        (still_paid, "still pay"),
        (in_percent, "percent"),
        (in_seconds, "Those are seconds"),
        (upside_down, "not with those that you pay"),
        (as_text, "Return a number"),
        (lambda job: 0.7, "should be 0.75"),
    ],
    "share": [
        (lambda order, rank, workers: order[rank::workers], "hold 4, 4, 3"),
        (lambda order, rank, workers: order[: len(order) // workers], "same pictures"),
        (lambda order, rank, workers: order[rank : rank + len(order) // workers], "two workers"),
        (lambda order, rank, workers: [order[rank]], "can use 9"),
        (lambda order, rank, workers: [100 * rank], "not in order"),
    ],
}
