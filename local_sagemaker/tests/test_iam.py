"""Rights mean what they say: of users, of roles that jobs and endpoints have, of those who hand a role on."""

import json

import boto3
import pytest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from gate_kit import Guest, allow, clients
from jobs_kit import train, wait
from local_sagemaker.gate import policy
from local_sagemaker.gate.policy import judge
from serving_kit import IMAGE, multiplier, unique

ACCOUNT = "123456789012"
TRUST = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}


def role(policy_text=None, *statements, **members):
    """Create a role and return its ARN."""
    name = unique("role")
    document = json.dumps({"Version": "2012-10-17", "Statement": list(statements or [TRUST])})
    iam = boto3.client("iam")
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document, **members)["Role"]["Arn"]
    if policy_text:
        iam.put_role_policy(RoleName=name, PolicyName="only", PolicyDocument=policy_text)
    return arn


def model(client, role_arn, address):
    container = {"Image": IMAGE, "ModelDataUrl": address}
    return client.create_model(ModelName=unique("model"), ExecutionRoleArn=role_arn, PrimaryContainer=container)


@pytest.fixture(scope="module")
def address(aws):
    return aws.upload(multiplier(2))


def test_a_role_that_may_not_read_serves_nothing(aws, address):
    words = r'Could not access model data at s3://.*Also ensure that the role has "s3:GetObject" permissions'
    with pytest.raises(ClientError, match=words):
        model(aws.sagemaker, role(), address)
    elsewhere = allow("s3:GetObject", resource="arn:aws:s3:::elsewhere/*")
    with pytest.raises(ClientError, match=words):
        model(aws.sagemaker, role(elsewhere), address)
    arn = f"arn:aws:s3:::{address.removeprefix('s3://')}"
    model(aws.sagemaker, role(allow("s3:GetObject", resource=arn)), address)


@pytest.mark.parametrize(
    "statement",
    [
        TRUST | {"Principal": {"Service": "ec2.amazonaws.com"}},
        TRUST | {"Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Sid": "sagemaker.amazonaws.com"},
        TRUST | {"Effect": "Deny"},
        TRUST | {"Action": "sts:TagSession"},
        TRUST | {"Condition": {"StringEquals": {"aws:SourceAccount": "999999999999"}}},
    ],
)
def test_a_role_that_does_not_trust_sagemaker_cannot_be_used(aws, address, statement):
    with pytest.raises(ClientError, match="Could not assume role"):
        model(aws.sagemaker, role(allow("*"), statement), address)


def test_a_role_that_trusts_sagemaker_for_this_account_can_be_used(aws, address):
    condition = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    model(aws.sagemaker, role(allow("s3:*"), TRUST | {"Condition": condition}), address)


def test_handing_a_role_on_needs_a_right_of_its_own(aws, address):
    arn = role(allow("s3:GetObject"))
    guest = Guest(allow("sagemaker:*"))
    with pytest.raises(ClientError, match=f"not authorized to perform: iam:PassRole on resource: {arn}"):
        model(guest.client("sagemaker"), arn, address)
    for service in ("lambda.amazonaws.com", "sagemaker.amazonaws.com"):
        guest.may(
            json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {"Effect": "Allow", "Action": "sagemaker:*", "Resource": "*"},
                        {
                            "Effect": "Allow",
                            "Action": "iam:PassRole",
                            "Resource": arn,
                            "Condition": {"StringEquals": {"iam:PassedToService": service}},
                        },
                    ],
                }
            )
        )
        if service.startswith("lambda"):
            with pytest.raises(ClientError, match="iam:PassRole"):
                model(guest.client("sagemaker"), arn, address)
    model(guest.client("sagemaker"), arn, address)
    with pytest.raises(ClientError, match="iam:PassRole"):
        model(guest.client("sagemaker"), role(allow("s3:GetObject")), address)


WHO = """
import boto3, json, os, pathlib
about = {"arn": boto3.client("sts").get_caller_identity()["Arn"]}
for name, call in {
    "own": lambda: boto3.client("s3").put_object(Bucket="BUCKET", Key="may/x", Body=b""),
    "other": lambda: boto3.client("s3").put_object(Bucket="BUCKET", Key="may-not/x", Body=b""),
    "iam": lambda: boto3.client("iam").create_user(UserName="job"),
}.items():
    try:
        call()
        about[name] = "done"
    except Exception as error:
        about[name] = str(error)
about["files"] = [os.environ.get("AWS_SHARED_CREDENTIALS_FILE"), os.environ.get("AWS_PROFILE")]
pathlib.Path("/opt/ml/model/about.json").write_text(json.dumps(about))
"""


def test_a_job_has_the_rights_of_its_role_and_no_others(cloud):
    from jobs_kit import members

    bucket = f"arn:aws:s3:::{cloud.bucket}"
    rights = [f"{bucket}/{part}/*" for part in ("may", "output")]
    statements = [
        {"Effect": "Allow", "Action": "s3:PutObject", "Resource": rights},
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"{bucket}/*"},
        {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": bucket},
    ]
    arn = role(json.dumps({"Version": "2012-10-17", "Statement": statements}))
    name = train(cloud, WHO.replace("BUCKET", cloud.bucket), RoleArn=arn)
    done = wait("training", name)
    assert done["TrainingJobStatus"] == "Completed", done.get("FailureReason")
    about = json.loads(members(done["ModelArtifacts"]["S3ModelArtifacts"])["about.json"])
    assert about["arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/{arn.rpartition('/')[2]}/SageMaker"
    assert about["own"] == "done"
    assert "is not authorized to perform: s3:PutObject" in about["other"]
    assert "is not authorized to perform: iam:CreateUser" in about["iam"]
    assert about["files"] == ["/dev/null", None]


def test_a_job_whose_role_may_not_write_fails_and_says_so(cloud):
    arn = role(allow("s3:GetObject", "s3:ListBucket"))
    done = wait("training", train(cloud, "open('/opt/ml/model/x', 'w').write('x')", RoleArn=arn))
    assert done["TrainingJobStatus"] == "Failed"
    assert "not authorized to perform: s3:PutObject" in done["FailureReason"]


def test_a_job_whose_role_may_not_read_is_refused(cloud):
    with pytest.raises(ClientError, match='the role has "s3:GetObject" permissions'):
        train(cloud, "pass", RoleArn=role(allow("s3:PutObject")))


def test_awss_own_policies_can_be_attached(aws, address):
    iam = boto3.client("iam")
    arn = role(None)
    iam.attach_role_policy(
        RoleName=arn.rpartition("/")[2], PolicyArn="arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"
    )
    guest = Guest()
    iam.attach_user_policy(UserName=guest.name, PolicyArn="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")
    bucket, _, key = address.removeprefix("s3://").partition("/")
    assert guest.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    with pytest.raises(ClientError, match="AccessDenied"):
        guest.client("s3").put_object(Bucket=bucket, Key="x", Body=b"")
    # It allows what the bucket's name or a tag gives to SageMaker.
    model(aws.sagemaker, arn, address)


def test_assuming_a_role_takes_both_sides(cloud):
    guest, other = Guest(), Guest(allow("sts:AssumeRole"))
    user = f"arn:aws:iam::{ACCOUNT}:user/{guest.name}"
    statement = {"Effect": "Allow", "Principal": {"AWS": user}, "Action": "sts:AssumeRole"}
    arn = role(allow("s3:ListAllMyBuckets"), statement)
    keys = guest.client("sts").assume_role(RoleArn=arn, RoleSessionName="xx")["Credentials"]
    for stranger in (other, Guest()):
        with pytest.raises(ClientError, match="not authorized to perform: sts:AssumeRole"):
            stranger.client("sts").assume_role(RoleArn=arn, RoleSessionName="xx")
    session = clients(Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"]))
    assert session("s3").list_buckets()["Buckets"]
    with pytest.raises(ClientError, match=r"assumed-role/.*/xx is not authorized to perform: iam:ListUsers"):
        session("iam").list_users()
    shared = role(None, {**statement, "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}})
    assert other.client("sts").assume_role(RoleArn=shared, RoleSessionName="xx")
    with pytest.raises(ClientError, match="sts:AssumeRole"):
        guest.client("sts").assume_role(RoleArn=shared, RoleSessionName="xx")
    narrow = other.client("sts").assume_role(
        RoleArn=shared, RoleSessionName="xx", Policy=allow("s3:GetObject", resource="arn:aws:s3:::none/*")
    )["Credentials"]
    narrowed = clients(Credentials(narrow["AccessKeyId"], narrow["SecretAccessKey"], narrow["SessionToken"]))
    with pytest.raises(ClientError, match="AccessDenied"):
        narrowed("s3").list_buckets()


def test_policies_on_concrete_arns_hold_for_every_service(cloud):
    guest = Guest(
        json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
                        "Resource": [f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/mine/*"],
                    },
                    {
                        "Effect": "Allow",
                        "Action": ["iam:GetUser", "iam:ListAccessKeys"],
                        "Resource": f"arn:aws:iam::{ACCOUNT}:user/${{aws:username}}",
                    },
                    {
                        "Effect": "Allow",
                        "Action": ["sagemaker:AddTags", "sagemaker:ListTags"],
                        "Resource": f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:model-package-group/mine-*",
                    },
                ],
            }
        )
    )
    logs, iam, sagemaker = (guest.client(name) for name in ("logs", "iam", "sagemaker"))
    group = f"/mine/{guest.name}"
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="x")
    with pytest.raises(ClientError, match="AccessDenied"):
        logs.create_log_group(logGroupName="/theirs")
    assert iam.get_user(UserName=guest.name)
    with pytest.raises(ClientError, match="user/learner"):
        iam.get_user(UserName="learner")
    name = unique("mine-group")
    arn = boto3.client("sagemaker").create_model_package_group(ModelPackageGroupName=name)["ModelPackageGroupArn"]
    with pytest.raises(ClientError, match="AccessDenied"):
        sagemaker.add_tags(ResourceArn=arn.replace("mine-", "yours-"), Tags=[{"Key": "a", "Value": "b"}])
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "b"}])


def test_a_buckets_own_policy_counts(cloud):
    bucket, guest = unique("shared"), Guest()
    s3, arn = boto3.client("s3"), f"arn:aws:s3:::{bucket}"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="open", Body=b"x")
    s3.put_object(Bucket=bucket, Key="shut", Body=b"x")
    user = {"AWS": f"arn:aws:iam::{ACCOUNT}:user/{guest.name}"}
    statements = [
        {"Effect": "Allow", "Principal": user, "Action": "s3:GetObject", "Resource": f"{arn}/*"},
        {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": f"{arn}/shut"},
    ]
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}))
    assert guest.client("s3").get_object(Bucket=bucket, Key="open")
    for who in (guest.client("s3"), s3, Guest(allow("s3:*")).client("s3")):
        with pytest.raises(ClientError, match="AccessDenied"):
            who.get_object(Bucket=bucket, Key="shut")
    with pytest.raises(ClientError, match="AccessDenied"):
        Guest().client("s3").get_object(Bucket=bucket, Key="open")


def test_rights_can_be_asked_beforehand(cloud):
    arn = role(allow("s3:Get*", resource="arn:aws:s3:::a/*"))
    answer = boto3.client("iam").simulate_principal_policy(
        PolicySourceArn=arn, ActionNames=["s3:GetObject", "s3:PutObject"], ResourceArns=["arn:aws:s3:::a/b"]
    )
    found = {r["EvalActionName"]: r["EvalDecision"] for r in answer["EvaluationResults"]}
    assert found == {"s3:GetObject": "allowed", "s3:PutObject": "implicitDeny"}
    text = allow("s3:GetObject", Condition={"StringEquals": {"aws:x": "y"}})
    for value, expected in (("y", "allowed"), ("z", "implicitDeny")):
        entry = {"ContextKeyName": "aws:x", "ContextKeyValues": [value], "ContextKeyType": "string"}
        answer = boto3.client("iam").simulate_custom_policy(
            PolicyInputList=[text], ActionNames=["s3:GetObject"], ContextEntries=[entry]
        )
        assert answer["EvaluationResults"][0]["EvalDecision"] == expected
    with pytest.raises(ClientError, match="NoSuchEntity"):
        boto3.client("iam").simulate_principal_policy(PolicySourceArn=f"{arn}x", ActionNames=["s3:GetObject"])


CONTEXT = {
    "aws:username": ["ada"],
    "aws:sourceip": ["127.0.0.1"],
    "aws:currenttime": ["2026-11-29T12:00:00Z"],
    "s3:max-keys": ["10"],
    "s3:prefix": ["home/ada/x"],
    "aws:tagkeys": ["team", "cost"],
    "aws:securetransport": ["false"],
}


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"StringEquals": {"aws:username": "ada"}}, True),
        ({"StringEquals": {"aws:UserName": ["eve", "ada"]}}, True),
        ({"StringEquals": {"aws:username": "a*"}}, False),
        ({"StringLike": {"aws:username": "a*"}}, True),
        ({"StringNotEquals": {"aws:username": ["ada", "eve"]}}, False),
        ({"StringNotLike": {"aws:username": "e*"}}, True),
        ({"StringEqualsIgnoreCase": {"aws:username": "ADA"}}, True),
        ({"StringLike": {"s3:prefix": "home/${aws:username}/*"}}, True),
        ({"StringLike": {"s3:prefix": "home/${aws:nobody}/*"}}, False),
        ({"StringLike": {"s3:prefix": "home/${aws:nobody, 'ada'}/*"}}, True),
        ({"StringEquals": {"s3:prefix": "home/${*}"}}, False),
        ({"NumericLessThan": {"s3:max-keys": "11"}}, True),
        ({"NumericGreaterThanEquals": {"s3:max-keys": 11}}, False),
        ({"NumericNotEquals": {"s3:max-keys": "10.0"}}, False),
        ({"DateGreaterThan": {"aws:CurrentTime": "2026-11-29T11:00:00Z"}}, True),
        ({"DateLessThan": {"aws:CurrentTime": "2026-11-29T11:00:00Z"}}, False),
        ({"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, True),
        ({"NotIpAddress": {"aws:SourceIp": ["10.0.0.0/8"]}}, True),
        ({"IpAddress": {"aws:SourceIp": "no address"}}, False),
        ({"Bool": {"aws:SecureTransport": False}}, True),
        ({"Bool": {"aws:SecureTransport": "true"}}, False),
        ({"Null": {"aws:username": "false"}}, True),
        ({"Null": {"aws:nothing": True}}, True),
        ({"Null": {"aws:username": "true"}}, False),
        ({"StringEquals": {"aws:nothing": "x"}}, False),
        ({"StringEqualsIfExists": {"aws:nothing": "x"}}, True),
        ({"StringEqualsIfExists": {"aws:username": "x"}}, False),
        ({"StringNotEquals": {"aws:nothing": "x"}}, True),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["team", "cost", "x"]}}, True),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}}, False),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["team"]}}, True),
        ({"ForAnyValue:StringEquals": {"aws:nothing": ["team"]}}, False),
        ({"ForAllValues:StringEquals": {"aws:nothing": ["team"]}}, True),
        ({"StringEquals": {"aws:username": "ada", "s3:prefix": "x"}}, False),
        ({"StringEquals": {"aws:username": "ada"}, "Bool": {"aws:SecureTransport": "true"}}, False),
        ({"StringMakesNoSense": {"aws:username": "ada"}}, False),
    ],
)
def test_conditions_are_evaluated_as_iam_evaluates_them(condition, holds):
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": condition}
    assert judge([{"Statement": statement}], "s3:GetObject", "arn:aws:s3:::a/b", CONTEXT) == (
        policy.ALLOWED if holds else policy.NEITHER
    )
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    denial = [{"Statement": [everything, {**statement, "Effect": "Deny"}]}]
    assert judge(denial, "s3:GetObject", "arn:aws:s3:::a/b", CONTEXT) == (policy.DENIED if holds else policy.ALLOWED)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}{}",
        '{"Statement": "x"}',
        '{"Statement": [1]}',
        '{"Statement": {"Effect": "Perhaps", "Action": "*", "Resource": "*", "Principal": "*"}}',
        '{"Statement": {"Effect": "Allow", "Resource": "*", "Principal": "*"}}',
        '{"Statement": {"Effect": "Allow", "Action": 1, "Resource": "*", "Principal": "*"}}',
        '{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}',
        '{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Principal": "*", "Condition": ["x"]}}',
    ],
)
def test_a_bucket_takes_no_policy_that_cannot_be_read(cloud, text):
    s3 = boto3.client("s3")
    with pytest.raises(ClientError, match="MalformedPolicy"):
        s3.put_bucket_policy(Bucket=cloud.bucket, Policy=text)
    assert s3.list_objects_v2(Bucket=cloud.bucket)
