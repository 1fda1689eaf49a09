"""The CloudFormation template that SAM makes of the one given as argument, as JSON on standard output."""
import json
import sys

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse


class Policies:
    def load(self):
        names = ["AWSLambdaBasicExecutionRole", "AWSLambdaDynamoDBExecutionRole", "AWSLambdaSQSQueueExecutionRole"]
        return {name: "arn:aws:iam::aws:policy/service-role/" + name for name in names}


with open(sys.argv[1]) as file:
    template = yaml_parse(file)
code = template.get("Globals", {}).get("Function", {})
if "CodeUri" in code:
    code["CodeUri"] = "s3://bucket/code.zip"  # as `sam package` writes it
for resource in template["Resources"].values():
    for name in ("CodeUri", "ContentUri"):
        if name in resource.get("Properties", {}):
            resource["Properties"][name] = "s3://bucket/code.zip"
print(json.dumps(transform(template, {}, Policies())))
