"""Load balancers, their listeners, rules and target groups."""

import json

from things import balancer, group, listener, place, subnet, target_group


def state(aws, arn):
    return aws.elbv2.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"][0]["State"]["Code"]


def test_a_balancer_takes_its_time_and_lingers(aws):
    network, subnets = place(aws)
    held = group(aws, network)
    gateway = aws.ec2.describe_internet_gateways()["InternetGateways"][0]["InternetGatewayId"]
    aws.slow()
    arn = balancer(aws, subnets, SecurityGroups=[held])
    assert state(aws, arn) == "provisioning"
    aws.pass_by(151)
    assert state(aws, arn) == "active"
    for after in ("while it is there", "while its interfaces are"):
        with aws.refused("DependencyViolation"):
            aws.ec2.delete_security_group(GroupId=held)
        with aws.refused("DependencyViolation"):
            aws.ec2.delete_subnet(SubnetId=subnets[0])
        with aws.refused("DependencyViolation", "mapped public address"):
            aws.ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=network)
        if after == "while it is there":
            aws.elbv2.delete_load_balancer(LoadBalancerArn=arn)
    aws.pass_by(121)
    aws.ec2.delete_security_group(GroupId=held)
    aws.ec2.delete_subnet(SubnetId=subnets[0])
    aws.ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=network)


def test_a_protected_balancer_stays(aws):
    _, subnets = place(aws)
    arn = balancer(aws, subnets)
    protection = {"LoadBalancerArn": arn, "Attributes": [{"Key": "deletion_protection.enabled", "Value": "true"}]}
    aws.elbv2.modify_load_balancer_attributes(**protection)
    with aws.refused("OperationNotPermitted"):
        aws.elbv2.delete_load_balancer(LoadBalancerArn=arn)
    protection["Attributes"][0]["Value"] = "false"
    aws.elbv2.modify_load_balancer_attributes(**protection)
    aws.elbv2.delete_load_balancer(LoadBalancerArn=arn)
    with aws.refused("LoadBalancerNotFound"):
        state(aws, arn)


def test_equal_settings_make_the_same_balancer(aws):
    network, subnets = place(aws)
    assert balancer(aws, subnets) == balancer(aws, subnets[::-1])
    with aws.refused("DuplicateLoadBalancerName"):
        balancer(aws, subnets, Scheme="internal")


def test_what_a_balancer_needs(aws):
    network, subnets = place(aws)
    with aws.refused("InvalidConfigurationRequest", "same Availability Zone"):
        balancer(aws, [*subnets, subnet(aws, network, 3)])
    with aws.refused("ValidationError", "two different Availability Zones"):
        balancer(aws, subnets[:1])
    with aws.refused("SubnetNotFound"):
        balancer(aws, [subnets[0], "subnet-0123456789abcdef0"])
    with aws.refused("InvalidSecurityGroup"):
        balancer(aws, subnets, SecurityGroups=["sg-0123456789abcdef0"])
    arn = balancer(aws, subnets)
    with aws.refused("ValidationError"):
        aws.elbv2.set_subnets(LoadBalancerArn=arn, Subnets=subnets[:1])


def test_a_public_balancer_needs_an_internet_gateway(aws):
    network, subnets = place(aws, gateway=False)
    with aws.refused("InvalidSubnet", "no internet gateway"):
        balancer(aws, subnets)
    balancer(aws, subnets, Scheme="internal")


def test_a_balancer_without_groups_gets_the_default_one(aws):
    network, subnets = place(aws)
    arn = balancer(aws, subnets)
    groups = aws.elbv2.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"][0]["SecurityGroups"]
    of_it = [{"Name": "vpc-id", "Values": [network]}, {"Name": "group-name", "Values": ["default"]}]
    assert groups == [aws.ec2.describe_security_groups(Filters=of_it)["SecurityGroups"][0]["GroupId"]]
    attributes = aws.elbv2.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]
    assert {one["Key"]: one["Value"] for one in attributes}["client_keep_alive.seconds"] == "3600"


def test_a_network_load_balancer_has_an_arn_of_its_kind(aws):
    _, subnets = place(aws)
    tags = [{"Key": "a", "Value": "b"}]
    arn = balancer(aws, subnets[:1], Type="network", Tags=tags)
    assert ":loadbalancer/net/web/" in arn
    assert aws.elbv2.describe_tags(ResourceArns=[arn])["TagDescriptions"][0]["Tags"] == tags


def test_a_target_group_has_one_balancer(aws):
    network, subnets = place(aws)
    target, first, second = target_group(aws, network), balancer(aws, subnets), balancer(aws, subnets, "other")
    held = listener(aws, first, target)
    with aws.refused("TargetGroupAssociationLimit"):
        listener(aws, second, target)
    other = listener(aws, second, target_group(aws, network, "other"))
    forward = [{"Type": "forward", "TargetGroupArn": target}]
    condition = [{"Field": "path-pattern", "Values": ["/a"]}]
    with aws.refused("TargetGroupAssociationLimit"):
        aws.elbv2.modify_listener(ListenerArn=other, DefaultActions=forward)
    with aws.refused("TargetGroupAssociationLimit"):
        aws.elbv2.create_rule(ListenerArn=other, Priority=1, Conditions=condition, Actions=forward)
    own = [{"Type": "forward", "TargetGroupArn": target_group(aws, network, "third")}]
    rule = aws.elbv2.create_rule(ListenerArn=other, Priority=1, Conditions=condition, Actions=own)["Rules"][0]
    with aws.refused("TargetGroupAssociationLimit"):
        aws.elbv2.modify_rule(RuleArn=rule["RuleArn"], Actions=forward)
    # The same balancer may have it several times.
    aws.elbv2.create_rule(ListenerArn=held, Priority=1, Conditions=condition, Actions=forward)
    listener(aws, first, target, port=81)


def test_target_groups(aws):
    network, subnets = place(aws)
    arn = target_group(aws, network)
    assert target_group(aws, network) == arn
    with aws.refused("DuplicateTargetGroupName"):
        target_group(aws, network, Port=81)
    aws.elbv2.modify_target_group(TargetGroupArn=arn, Matcher={"HttpCode": "200-299"})
    seen = aws.elbv2.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"][0]
    assert seen["Matcher"] == {"HttpCode": "200-299"}
    held = listener(aws, balancer(aws, subnets), arn)
    with aws.refused("ResourceInUse"):
        aws.elbv2.delete_target_group(TargetGroupArn=arn)
    aws.elbv2.delete_listener(ListenerArn=held)
    for _ in range(2):
        # To delete what is not there is no fault.
        aws.elbv2.delete_target_group(TargetGroupArn=arn)
    with aws.refused("TargetGroupNotFound"):
        aws.elbv2.describe_target_groups(TargetGroupArns=[arn])


def test_a_port_has_one_listener(aws):
    network, subnets = place(aws)
    where, target = balancer(aws, subnets), target_group(aws, network)
    arn = listener(aws, where, target)
    assert listener(aws, where, target) == arn
    with aws.refused("DuplicateListener"):
        listener(aws, where, target_group(aws, network, "other"))
    with aws.refused("ListenerNotFound"):
        aws.elbv2.describe_listeners(ListenerArns=[arn, f"{arn[:-1]}x"])


def test_rules(aws):
    network, subnets = place(aws)
    target = target_group(aws, network)
    arn = listener(aws, balancer(aws, subnets), target)
    actions, condition = [{"Type": "forward", "TargetGroupArn": target}], [{"Field": "path-pattern", "Values": ["/a"]}]
    about = {"ListenerArn": arn, "Conditions": condition, "Actions": actions}
    with aws.refused("ValidationError", "between 1 and 50000"):
        aws.elbv2.create_rule(**about, Priority=50001)
    made = [aws.elbv2.create_rule(**about, Priority=priority)["Rules"][0]["RuleArn"] for priority in (1, 2)]
    with aws.refused("PriorityInUse"):
        aws.elbv2.set_rule_priorities(RulePriorities=[{"RuleArn": made[0], "Priority": 2}])
    # Both at once may change places.
    aws.elbv2.set_rule_priorities(
        RulePriorities=[{"RuleArn": made[0], "Priority": 2}, {"RuleArn": made[1], "Priority": 1}]
    )
    rules = aws.elbv2.describe_rules(ListenerArn=arn)["Rules"]
    assert {one["Priority"]: one["RuleArn"] for one in rules if not one["IsDefault"]} == {"1": made[1], "2": made[0]}
    default = next(one["RuleArn"] for one in rules if one["IsDefault"])
    with aws.refused("OperationNotPermitted"):
        aws.elbv2.delete_rule(RuleArn=default)
    aws.elbv2.delete_rule(RuleArn=made[0])
    with aws.refused("RuleNotFound"):
        aws.elbv2.delete_rule(RuleArn=made[0])
    aws.forgive()


def test_tags_of_what_is_not_there(aws):
    _, subnets = place(aws)
    arn = balancer(aws, subnets)
    aws.elbv2.add_tags(ResourceArns=[arn], Tags=[{"Key": "a", "Value": "b"}])
    with aws.refused("LoadBalancerNotFound"):
        aws.elbv2.describe_tags(ResourceArns=[arn, f"{arn}x"])
    with aws.refused("LoadBalancerNotFound"):
        aws.elbv2.add_tags(ResourceArns=[f"{arn}x"], Tags=[{"Key": "a", "Value": "b"}])


def test_access_logs_go_where_they_may(aws):
    _, subnets = place(aws)
    arn = balancer(aws, subnets)
    attributes = {"enabled": "true", "bucket": "access-logs", "prefix": "web"}
    on = [{"Key": f"access_logs.s3.{key}", "Value": value} for key, value in attributes.items()]
    with aws.refused("InvalidConfigurationRequest", "Access Denied for bucket"):
        aws.elbv2.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=on)
    aws.s3.create_bucket(Bucket="access-logs", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    for prefix, fits in (("other", False), ("web", True)):
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
            "Action": "s3:PutObject",
            "Resource": f"arn:aws:s3:::access-logs/{prefix}/AWSLogs/123456789012/*",
        }
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        aws.s3.put_bucket_policy(Bucket="access-logs", Policy=json.dumps(policy))
        if not fits:
            with aws.refused("InvalidConfigurationRequest", "Access Denied for bucket"):
                aws.elbv2.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=on)
    aws.elbv2.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=on)
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
    aws.s3.put_bucket_encryption(Bucket="access-logs", ServerSideEncryptionConfiguration={"Rules": [rule]})
    with aws.refused("InvalidConfigurationRequest", "Access Denied for bucket"):
        aws.elbv2.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=on)
