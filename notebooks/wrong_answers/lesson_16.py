"""What learners answer in lesson 16, and the part of the hint that each mistake must get."""


def cost_of(row_cost, total=sum):
    return lambda plan, hour: total([row_cost(row, hour[row["type"]]) for row in plan])


def endpoints(client, **request):
    return [one["EndpointName"] for one in client.list_endpoints(**request)["Endpoints"]]


def jobs(client, **request):
    return [one["TrainingJobName"] for one in client.list_training_jobs(**request)["TrainingJobSummaries"]]


def begins(names, prefix):
    return [name for name in names if name.startswith(prefix)]


def all_in_one(client, prefix):
    return begins(endpoints(client, NameContains=prefix, MaxResults=100), prefix)


WRONG_ANSWERS = {
    "cost": [
        (cost_of(lambda row, price: price * row["count"] * row["hours"]), "discount of the second row"),
        (cost_of(lambda row, price: price * row["hours"] * (1 - row.get("discount", 0))), "its count"),
        (cost_of(lambda row, price: price * row["count"] * (1 - row.get("discount", 0))), "per hour"),
        (cost_of(lambda row, price: price * row["count"] * row["hours"] * row.get("discount", 1)), "1 - discount"),
        (cost_of(lambda row, price: price * row["count"] * row["hours"] * (1 - row["discount"])), "KeyError"),
        (cost_of(lambda row, price: price * row["count"] * row["hours"], total=list), "one number"),
        (cost_of(lambda row, price: price * row["count"] * row["hours"], total=lambda rows: rows[0]), "one row"),
        (cost_of(lambda row, price: price + row["count"]), "their sum"),
    ],
    "left_running": [
        (lambda client, prefix: endpoints(client), "somebody else"),
        (lambda client, prefix: endpoints(client, NameContains=prefix), "only contains the prefix"),
        (lambda client, prefix: begins(endpoints(client, NameContains=prefix), prefix), "get_paginator"),
        (all_in_one, "training job that runs is missing"),
        (lambda client, prefix: begins(jobs(client, StatusEquals="InProgress"), prefix), "endpoints are missing"),
        (lambda client, prefix: all_in_one(client, prefix) + jobs(client), "that is done"),
        (lambda client, prefix: client.list_endpoints()["Endpoints"], "should hold names"),
        (lambda client, prefix: ", ".join(all_in_one(client, prefix)), "list of names"),
        (lambda client, prefix: 2 * all_in_one(client, prefix) + jobs(client, StatusEquals="InProgress"), "once"),
    ],
}
