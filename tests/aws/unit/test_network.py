"""Ways out of the network, as its template has them."""

import unittest

import yaml

from operate.stacks import TEMPLATES


class Loader(yaml.SafeLoader):
    """Reads `!Ref it` and its like as what is written behind them."""


def written(loader: Loader, _tag: str, node: yaml.Node):
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    return loader.construct_sequence(node, deep=True)


Loader.add_multi_constructor("!", written)
RESOURCES = yaml.load((TEMPLATES / "network.yaml").read_text(), Loader)["Resources"]


def gateways(routes: str, service: str) -> list[dict]:
    """What the ways to a service let through that a route table leads to."""
    found = [
        it["Properties"]
        for it in RESOURCES.values()
        if it["Type"] == "AWS::EC2::VPCEndpoint" and it["Properties"]["VpcEndpointType"] == "Gateway"
    ]
    return [
        statement
        for it in found
        if routes in it["RouteTableIds"] and it["ServiceName"].endswith(f".{service}")
        for statement in it["PolicyDocument"]["Statement"]
    ]


class Network(unittest.TestCase):
    def test_functions_reach_no_bucket_but_to_write_and_none_of_another_account(self):
        (write,) = gateways("FunctionsRoutes", "s3")
        self.assertEqual(write["Action"], "s3:PutObject")
        accounts = {"aws:PrincipalAccount": "AWS::AccountId", "aws:ResourceAccount": "AWS::AccountId"}
        self.assertEqual(write["Condition"], {"StringEquals": accounts})

    def test_hosts_write_into_no_bucket(self):
        (read,) = gateways("HostsRoutes", "s3")
        self.assertEqual(read["Action"], ["s3:GetObject", "s3:GetObjectVersion"])

    def test_nothing_but_the_hosts_has_a_route_to_the_internet(self):
        routes = {
            it["Properties"]["RouteTableId"]
            for it in RESOURCES.values()
            if it["Type"] == "AWS::EC2::Route"
        }
        self.assertEqual(routes, {"HostsRoutes", "OutsideRoutes"})
