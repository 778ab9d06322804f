"""The label drawer: tags on anything that the cloud has made."""

from local_sagemaker.control.api import ApiError, operation


@operation
def add_tags(cloud, request):
    """Add or replace tags."""
    tags = _tags(cloud, request)
    tags.update((tag["Key"], tag["Value"]) for tag in request["Tags"])
    return {"Tags": _listed(tags)}


@operation
def list_tags(cloud, request):
    """List the tags of one resource."""
    return {"Tags": _listed(_tags(cloud, request))}


@operation
def delete_tags(cloud, request):
    """Remove tags."""
    for key in request["TagKeys"]:
        _tags(cloud, request).pop(key, None)


def _tags(cloud, request):
    arn = request["ResourceArn"]
    if arn not in cloud.tags:
        raise ApiError("ValidationException", f"Could not find resource {arn}.")
    return cloud.tags[arn]


def _listed(tags):
    return [{"Key": key, "Value": value} for key, value in tags.items()]
