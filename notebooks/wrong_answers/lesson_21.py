"""Wrong answers to lesson 21, each with a piece of the hint that it deserves."""


def moves(before, after, labels):
    return [abs(before.count(name) / len(before) - after.count(name) / len(after)) for name in labels]


def newest(packages, statuses, key="ModelPackageVersion"):
    return max((p for p in packages if p["ModelApprovalStatus"] in statuses), key=lambda p: p[key])["ModelPackageArn"]


def newest_or(packages, otherwise):
    approved = [package for package in packages if package["ModelApprovalStatus"] == "Approved"]
    return newest(approved, ["Approved"]) if approved else otherwise


WRONG_ANSWERS = {
    "drift": [
        (0.5, "Hand over the function itself"),
        (lambda before, after: moves(before, after, {*before, *after}), "Return one number"),
        (lambda before, after: sum(moves(before, after, {*before, *after})), "Take half"),
        (lambda before, after: sum(moves(before, after, set(before))) / 2, "only in `after`"),
        (lambda before, after: sum(moves(before, after, set(before) ^ set(after))) / 2, "leaves labels out"),
        (lambda before, after: sum(abs(before.count(n) - after.count(n)) for n in {*before, *after}) / 2, "busy week"),
        (lambda before, after: max(moves(before, after, {*before, *after})), "moved most"),
        (lambda before, after: 0.0, "cancels out"),
        (lambda before, after: 0.75, "On a small example"),
        (lambda before, after: sum(moves(before, after, set(after))) / 2, "nothing in common"),
        (lambda before, after: None, "returns None"),
    ],
    "to_deploy": [
        ("arn", "Hand over the function itself"),
        (lambda packages: packages[0], "whole package"),
        (lambda packages: 10, "an ARN, which is a text"),
        (lambda packages: newest(packages, ["Approved", "Rejected", "PendingManualApproval"]), "nobody has approved"),
        (lambda packages: newest(packages, ["Approved", "Rejected"]), "was rejected"),
        (lambda packages: newest(packages, ["Approved"], "ModelPackageArn"), "as text"),
        (
            lambda packages: next(p for p in packages if p["ModelApprovalStatus"] == "Approved")["ModelPackageArn"],
            "order",
        ),
        (
            lambda packages: [p for p in packages if p["ModelApprovalStatus"] == "Approved"][-1]["ModelPackageArn"],
            "order",
        ),
        (lambda packages: "version 10 of them", "Version 10 is the newest"),
        (lambda packages: newest(packages, ["Approved"]), "When nothing is approved: Your function stopped"),
        (lambda packages: newest_or(packages, "nothing"), "return an empty text"),
    ],
}
