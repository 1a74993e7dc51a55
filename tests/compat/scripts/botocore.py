"""Service models and endpoints from its data files, and signed requests."""

from botocore.loaders import Loader
from botocore.session import Session
from botocore.stub import Stubber


def main():
    session = Session()
    session.set_credentials("AKIDEXAMPLE", "secret")
    services = session.get_available_services()
    assert len(services) > 300, len(services)
    s3 = session.create_client("s3", region_name="eu-central-1")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "a key"}, ExpiresIn=60)
    assert url.startswith("https://bucket.s3."), url
    assert "a%20key" in url and "X-Amz-Signature=" in url or "Signature=" in url
    ec2 = session.create_client("ec2", region_name="us-east-1")
    assert ec2.meta.endpoint_url == "https://ec2.us-east-1.amazonaws.com"
    with Stubber(ec2) as stub:
        stub.add_response("describe_regions", {"Regions": [{"RegionName": "xx"}]})
        assert ec2.describe_regions()["Regions"][0]["RegionName"] == "xx"
    assert "DescribeInstances" in Loader().load_service_model("ec2", "service-2")["operations"]
    assert session.create_client("dynamodb", region_name="us-west-2").get_paginator("scan")
    print("as expected")
