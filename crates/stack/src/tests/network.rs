//! What a `network:` block declares.

use insta::assert_snapshot;

use platctl_engine::graph::Node;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{load, nodes};

/// The nodes that `network:` with this below it declares.
fn declared(network: &str) -> Vec<Node> {
    let stack = load(
        &format!("stack: prod\nregion: eu-west-1\nnetwork: {network}"),
        &[],
    )
    .unwrap();
    nodes(&stack).unwrap()
}

fn spec<'a>(nodes: &'a [Node], address: &str) -> &'a Value {
    let found = nodes.iter().find(|node| node.address.as_str() == address);
    &found
        .unwrap_or_else(|| panic!("{address} is not declared"))
        .spec
}

fn addresses(nodes: &[Node], start: &str) -> Vec<String> {
    let all = nodes.iter().map(|node| node.address.to_string());
    all.filter(|address| address.starts_with(start)).collect()
}

/// One line a node: address, kind, what it waits for, and its spec without the tags that all have.
fn shown(nodes: &[Node]) -> String {
    let line = |node: &Node| {
        let mut spec = node.spec.clone();
        let common = |key: &String| key == "owner" || key == "Name";
        if let Some(tags) = spec.get_mut("tags").and_then(Value::as_object_mut) {
            tags.retain(|key, _| !common(key));
        }
        let after: Vec<_> = node.after.iter().map(ToString::to_string).collect();
        let after = if after.is_empty() {
            String::new()
        } else {
            format!(" after {}", after.join(", "))
        };
        format!("{} {}{after} {spec}", node.address, node.kind)
    };
    nodes.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_ten_line_stack() {
    let text = include_str!("../../../../stacks/network.yaml");
    assert!(text.lines().count() <= 10);
    let stack = load(text, &[]).unwrap();
    assert_eq!(
        (stack.name(), stack.region()),
        ("network", Some("eu-west-1"))
    );
    let nodes = nodes(&stack).unwrap();
    for node in nodes.iter().filter(|node| node.spec.get("tags").is_some()) {
        assert_eq!(
            node.spec["tags"]["owner"], "platform-team",
            "{}",
            node.address
        );
        assert!(
            node.spec["tags"]["Name"]
                .as_str()
                .unwrap()
                .starts_with("network-"),
            "{}",
            node.address
        );
    }
    assert_snapshot!(shown(&nodes), @r#"
    network.vpc ec2.Vpc {"cidr_block":"10.10.0.0/16","enable_dns_support":true,"enable_dns_hostnames":true,"default_security_group_rules":false,"tags":{}}
    network.internet_gateway ec2.InternetGateway {"vpc_id":{"$ref":"network.vpc.vpc_id"},"tags":{}}
    network.public.a ec2.Subnet {"vpc_id":{"$ref":"network.vpc.vpc_id"},"cidr_block":"10.10.192.0/23","availability_zone":"eu-west-1a","map_public_ip_on_launch":false,"tags":{"kubernetes.io/role/elb":"1"}}
    network.public.b ec2.Subnet {"vpc_id":{"$ref":"network.vpc.vpc_id"},"cidr_block":"10.10.194.0/23","availability_zone":"eu-west-1b","map_public_ip_on_launch":false,"tags":{"kubernetes.io/role/elb":"1"}}
    network.public.c ec2.Subnet {"vpc_id":{"$ref":"network.vpc.vpc_id"},"cidr_block":"10.10.196.0/23","availability_zone":"eu-west-1c","map_public_ip_on_launch":false,"tags":{"kubernetes.io/role/elb":"1"}}
    network.private.a ec2.Subnet {"vpc_id":{"$ref":"network.vpc.vpc_id"},"cidr_block":"10.10.0.0/19","availability_zone":"eu-west-1a","map_public_ip_on_launch":false,"tags":{"kubernetes.io/role/internal-elb":"1"}}
    network.private.b ec2.Subnet {"vpc_id":{"$ref":"network.vpc.vpc_id"},"cidr_block":"10.10.32.0/19","availability_zone":"eu-west-1b","map_public_ip_on_launch":false,"tags":{"kubernetes.io/role/internal-elb":"1"}}
    network.private.c ec2.Subnet {"vpc_id":{"$ref":"network.vpc.vpc_id"},"cidr_block":"10.10.64.0/19","availability_zone":"eu-west-1c","map_public_ip_on_launch":false,"tags":{"kubernetes.io/role/internal-elb":"1"}}
    network.database.a ec2.Subnet {"vpc_id":{"$ref":"network.vpc.vpc_id"},"cidr_block":"10.10.208.0/23","availability_zone":"eu-west-1a","map_public_ip_on_launch":false,"tags":{}}
    network.database.b ec2.Subnet {"vpc_id":{"$ref":"network.vpc.vpc_id"},"cidr_block":"10.10.210.0/23","availability_zone":"eu-west-1b","map_public_ip_on_launch":false,"tags":{}}
    network.database.c ec2.Subnet {"vpc_id":{"$ref":"network.vpc.vpc_id"},"cidr_block":"10.10.212.0/23","availability_zone":"eu-west-1c","map_public_ip_on_launch":false,"tags":{}}
    network.route_table.public ec2.RouteTable {"vpc_id":{"$ref":"network.vpc.vpc_id"},"tags":{}}
    network.association.public.a ec2.RouteTableAssociation {"subnet_id":{"$ref":"network.public.a.subnet_id"},"route_table_id":{"$ref":"network.route_table.public.route_table_id"}}
    network.association.public.b ec2.RouteTableAssociation {"subnet_id":{"$ref":"network.public.b.subnet_id"},"route_table_id":{"$ref":"network.route_table.public.route_table_id"}}
    network.association.public.c ec2.RouteTableAssociation {"subnet_id":{"$ref":"network.public.c.subnet_id"},"route_table_id":{"$ref":"network.route_table.public.route_table_id"}}
    network.route.public ec2.Route {"route_table_id":{"$ref":"network.route_table.public.route_table_id"},"destination_cidr_block":"0.0.0.0/0","gateway_id":{"$ref":"network.internet_gateway.internet_gateway_id"}}
    network.route_table.database ec2.RouteTable {"vpc_id":{"$ref":"network.vpc.vpc_id"},"tags":{}}
    network.association.database.a ec2.RouteTableAssociation {"subnet_id":{"$ref":"network.database.a.subnet_id"},"route_table_id":{"$ref":"network.route_table.database.route_table_id"}}
    network.association.database.b ec2.RouteTableAssociation {"subnet_id":{"$ref":"network.database.b.subnet_id"},"route_table_id":{"$ref":"network.route_table.database.route_table_id"}}
    network.association.database.c ec2.RouteTableAssociation {"subnet_id":{"$ref":"network.database.c.subnet_id"},"route_table_id":{"$ref":"network.route_table.database.route_table_id"}}
    network.eip.a ec2.ElasticIp after network.internet_gateway {"tags":{}}
    network.nat.a ec2.NatGateway after network.internet_gateway {"subnet_id":{"$ref":"network.public.a.subnet_id"},"allocation_id":{"$ref":"network.eip.a.allocation_id"},"connectivity_type":"public","tags":{}}
    network.eip.b ec2.ElasticIp after network.internet_gateway {"tags":{}}
    network.nat.b ec2.NatGateway after network.internet_gateway {"subnet_id":{"$ref":"network.public.b.subnet_id"},"allocation_id":{"$ref":"network.eip.b.allocation_id"},"connectivity_type":"public","tags":{}}
    network.eip.c ec2.ElasticIp after network.internet_gateway {"tags":{}}
    network.nat.c ec2.NatGateway after network.internet_gateway {"subnet_id":{"$ref":"network.public.c.subnet_id"},"allocation_id":{"$ref":"network.eip.c.allocation_id"},"connectivity_type":"public","tags":{}}
    network.route_table.private.a ec2.RouteTable {"vpc_id":{"$ref":"network.vpc.vpc_id"},"tags":{}}
    network.route.private.a ec2.Route {"route_table_id":{"$ref":"network.route_table.private.a.route_table_id"},"destination_cidr_block":"0.0.0.0/0","nat_gateway_id":{"$ref":"network.nat.a.nat_gateway_id"}}
    network.association.private.a ec2.RouteTableAssociation {"subnet_id":{"$ref":"network.private.a.subnet_id"},"route_table_id":{"$ref":"network.route_table.private.a.route_table_id"}}
    network.route_table.private.b ec2.RouteTable {"vpc_id":{"$ref":"network.vpc.vpc_id"},"tags":{}}
    network.route.private.b ec2.Route {"route_table_id":{"$ref":"network.route_table.private.b.route_table_id"},"destination_cidr_block":"0.0.0.0/0","nat_gateway_id":{"$ref":"network.nat.b.nat_gateway_id"}}
    network.association.private.b ec2.RouteTableAssociation {"subnet_id":{"$ref":"network.private.b.subnet_id"},"route_table_id":{"$ref":"network.route_table.private.b.route_table_id"}}
    network.route_table.private.c ec2.RouteTable {"vpc_id":{"$ref":"network.vpc.vpc_id"},"tags":{}}
    network.route.private.c ec2.Route {"route_table_id":{"$ref":"network.route_table.private.c.route_table_id"},"destination_cidr_block":"0.0.0.0/0","nat_gateway_id":{"$ref":"network.nat.c.nat_gateway_id"}}
    network.association.private.c ec2.RouteTableAssociation {"subnet_id":{"$ref":"network.private.c.subnet_id"},"route_table_id":{"$ref":"network.route_table.private.c.route_table_id"}}
    network.endpoint.s3 ec2.VpcEndpoint {"vpc_id":{"$ref":"network.vpc.vpc_id"},"service_name":"com.amazonaws.eu-west-1.s3","vpc_endpoint_type":"Gateway","route_table_ids":[{"$ref":"network.route_table.public.route_table_id"},{"$ref":"network.route_table.database.route_table_id"},{"$ref":"network.route_table.private.a.route_table_id"},{"$ref":"network.route_table.private.b.route_table_id"},{"$ref":"network.route_table.private.c.route_table_id"}],"policy_document":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceAccount":"000000000000"}}},{"Effect":"Allow","Principal":"*","Action":["s3:GetObject","s3:GetObjectVersion","s3:ListAllMyBuckets"],"Resource":"*"}]},"tags":{}}
    network.endpoint_security_group ec2.SecurityGroup {"vpc_id":{"$ref":"network.vpc.vpc_id"},"group_name":"network-endpoints","description":"HTTPS to the endpoints of AWS services","allow_all_egress":false,"tags":{}}
    network.endpoint_rule.https ec2.SecurityGroupRule {"group_id":{"$ref":"network.endpoint_security_group.group_id"},"direction":"ingress","ip_protocol":"tcp","from_port":443,"to_port":443,"cidr_ipv4":"10.10.0.0/16","description":"HTTPS from the VPC","tags":{}}
    network.endpoint.ecr-api ec2.VpcEndpoint {"vpc_id":{"$ref":"network.vpc.vpc_id"},"service_name":"com.amazonaws.eu-west-1.ecr.api","vpc_endpoint_type":"Interface","subnet_ids":[{"$ref":"network.private.a.subnet_id"},{"$ref":"network.private.b.subnet_id"},{"$ref":"network.private.c.subnet_id"}],"security_group_ids":[{"$ref":"network.endpoint_security_group.group_id"}],"private_dns_enabled":true,"policy_document":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalAccount":"000000000000"}}}]},"tags":{}}
    network.endpoint.ecr-dkr ec2.VpcEndpoint {"vpc_id":{"$ref":"network.vpc.vpc_id"},"service_name":"com.amazonaws.eu-west-1.ecr.dkr","vpc_endpoint_type":"Interface","subnet_ids":[{"$ref":"network.private.a.subnet_id"},{"$ref":"network.private.b.subnet_id"},{"$ref":"network.private.c.subnet_id"}],"security_group_ids":[{"$ref":"network.endpoint_security_group.group_id"}],"private_dns_enabled":true,"tags":{}}
    network.endpoint.logs ec2.VpcEndpoint {"vpc_id":{"$ref":"network.vpc.vpc_id"},"service_name":"com.amazonaws.eu-west-1.logs","vpc_endpoint_type":"Interface","subnet_ids":[{"$ref":"network.private.a.subnet_id"},{"$ref":"network.private.b.subnet_id"},{"$ref":"network.private.c.subnet_id"}],"security_group_ids":[{"$ref":"network.endpoint_security_group.group_id"}],"private_dns_enabled":true,"policy_document":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalAccount":"000000000000"}}}]},"tags":{}}
    network.endpoint.sts ec2.VpcEndpoint {"vpc_id":{"$ref":"network.vpc.vpc_id"},"service_name":"com.amazonaws.eu-west-1.sts","vpc_endpoint_type":"Interface","subnet_ids":[{"$ref":"network.private.a.subnet_id"},{"$ref":"network.private.b.subnet_id"},{"$ref":"network.private.c.subnet_id"}],"security_group_ids":[{"$ref":"network.endpoint_security_group.group_id"}],"private_dns_enabled":true,"policy_document":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalAccount":"000000000000"}}},{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRoleWithWebIdentity","Resource":"arn:aws:iam::000000000000:role/*"}]},"tags":{}}
    network.flow_log_group logs.LogGroup {"log_group_name":"/platctl/network/flow-logs","retention_in_days":30,"tags":{},"kms_key_id":null}
    network.flow_log_role iam.Role {"role_name":"network-eu-west-1-flow-logs","assume_role_policy_document":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"vpc-flow-logs.amazonaws.com"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"aws:SourceAccount":"000000000000"},"ArnLike":{"aws:SourceArn":"arn:aws:ec2:eu-west-1:000000000000:vpc-flow-log/*"}}}]},"description":"Writes the flow logs of the VPC","tags":{}}
    network.flow_log_policy iam.RolePolicy {"role_name":{"$ref":"network.flow_log_role.role_name"},"policy_name":"write","policy_document":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["logs:CreateLogStream","logs:DescribeLogStreams","logs:PutLogEvents"],"Resource":[{"$ref":"network.flow_log_group.arn"},{"$join":[{"$ref":"network.flow_log_group.arn"},":*"]}]},{"Effect":"Allow","Action":["logs:DescribeLogGroups"],"Resource":"arn:aws:logs:eu-west-1:000000000000:log-group:*"}]}}
    network.flow_log ec2.FlowLog after network.flow_log_policy {"vpc_id":{"$ref":"network.vpc.vpc_id"},"traffic_type":"ALL","log_destination_type":"cloud-watch-logs","log_destination":{"$ref":"network.flow_log_group.arn"},"deliver_logs_permission_arn":{"$ref":"network.flow_log_role.arn"},"tags":{}}
    "#);
}

#[test]
fn the_smallest_stack_is_highly_available() {
    for text in ["stack: network\nnetwork:", "stack: network\nnetwork: {}"] {
        let nodes = nodes(&load(text, &[]).unwrap()).unwrap();
        assert_eq!(
            addresses(&nodes, "network.nat."),
            ["network.nat.a", "network.nat.b", "network.nat.c"]
        );
    }
}

#[test]
fn protection_and_tags_reach_every_resource() {
    let text =
        "stack: prod\nprotect: true\ntags: {a: stack, b: stack}\nnetwork: {tags: {b: network}}";
    let nodes = nodes(&load(text, &[]).unwrap()).unwrap();
    assert!(nodes.iter().all(|node| node.protect));
    assert_eq!(
        spec(&nodes, "network.nat.a")["tags"],
        json!({"Name": "prod-nat-a", "a": "stack", "b": "network"})
    );
}

#[test]
fn a_single_nat_gateway_serves_every_zone() {
    let nodes = declared("{nat: single}");
    assert_eq!(addresses(&nodes, "network.nat."), ["network.nat.a"]);
    for zone in ["a", "b", "c"] {
        let route = spec(&nodes, &format!("network.route.private.{zone}"));
        assert_eq!(
            route["nat_gateway_id"],
            json!({"$ref": "network.nat.a.nat_gateway_id"})
        );
    }
}

#[test]
fn without_nat_private_subnets_have_no_way_out() {
    let nodes = declared("{nat: none}");
    for start in ["network.nat", "network.eip", "network.route.private"] {
        assert!(addresses(&nodes, start).is_empty(), "{start}");
    }
    assert_eq!(addresses(&nodes, "network.route_table.private").len(), 3);
    assert_eq!(
        addresses(&nodes, "network.route."),
        ["network.route.public"]
    );
}

#[test]
fn endpoints_can_be_chosen_and_left_out() {
    let nodes = declared("{endpoints: [dynamodb, cn.com.amazonaws.cn-north-1.sts]}");
    assert_eq!(
        spec(&nodes, "network.endpoint.dynamodb")["vpc_endpoint_type"],
        "Gateway"
    );
    let address = "network.endpoint.cn-com-amazonaws-cn-north-1-sts";
    assert_eq!(
        spec(&nodes, address)["service_name"],
        "cn.com.amazonaws.cn-north-1.sts"
    );
    let nodes = declared("{endpoints: []}");
    assert!(addresses(&nodes, "network.endpoint").is_empty());
}

#[test]
fn flow_logs_can_go_to_a_bucket_encrypted() {
    let nodes = declared(
        "{flow_logs: {destination: s3, retention_days: 31, traffic: reject, encrypt: true}}",
    );
    let logs: Vec<_> = nodes
        .into_iter()
        .filter(|node| node.address.as_str().contains("flow_log"))
        .collect();
    assert_snapshot!(shown(&logs), @r#"
    network.flow_log_key kms.Key {"description":"Encrypts the flow logs of the VPC","policy":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:root"},"Action":"kms:*","Resource":"*"},{"Effect":"Allow","Principal":{"Service":"delivery.logs.amazonaws.com"},"Action":["kms:Decrypt","kms:DescribeKey","kms:Encrypt","kms:GenerateDataKey*","kms:ReEncrypt*"],"Resource":"*","Condition":{"StringEquals":{"aws:SourceAccount":"000000000000"},"ArnLike":{"aws:SourceArn":"arn:aws:logs:eu-west-1:000000000000:*"}}}]},"enable_key_rotation":true,"enabled":true,"tags":{}}
    network.flow_log_alias kms.Alias {"alias_name":"alias/prod-flow-logs","target_key_id":{"$ref":"network.flow_log_key.key_id"}}
    network.flow_log_bucket s3.Bucket {"bucket":"prod-flow-logs-000000000000-eu-west-1","encryption":{"sse_algorithm":"aws:kms","kms_master_key_id":{"$ref":"network.flow_log_key.arn"}},"block_public_access":true,"lifecycle_rules":[{"id":"expire","enabled":true,"prefix":"","expiration_days":31,"abort_incomplete_multipart_upload_days":1}],"policy":{"Version":"2012-10-17","Statement":[{"Sid":"AWSLogDeliveryWrite","Effect":"Allow","Principal":{"Service":"delivery.logs.amazonaws.com"},"Action":"s3:PutObject","Resource":"arn:aws:s3:::prod-flow-logs-000000000000-eu-west-1/AWSLogs/000000000000/*","Condition":{"StringEquals":{"aws:SourceAccount":"000000000000","s3:x-amz-acl":"bucket-owner-full-control"},"ArnLike":{"aws:SourceArn":"arn:aws:logs:eu-west-1:000000000000:*"}}},{"Sid":"AWSLogDeliveryAclCheck","Effect":"Allow","Principal":{"Service":"delivery.logs.amazonaws.com"},"Action":"s3:GetBucketAcl","Resource":"arn:aws:s3:::prod-flow-logs-000000000000-eu-west-1","Condition":{"StringEquals":{"aws:SourceAccount":"000000000000"},"ArnLike":{"aws:SourceArn":"arn:aws:logs:eu-west-1:000000000000:*"}}},{"Sid":"TlsOnly","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::prod-flow-logs-000000000000-eu-west-1","arn:aws:s3:::prod-flow-logs-000000000000-eu-west-1/*"],"Condition":{"Bool":{"aws:SecureTransport":"false"}}}]},"logging":{"target_bucket":"","target_prefix":""},"force_destroy":true,"tags":{}}
    network.flow_log ec2.FlowLog {"vpc_id":{"$ref":"network.vpc.vpc_id"},"traffic_type":"REJECT","log_destination_type":"s3","log_destination":{"$ref":"network.flow_log_bucket.arn"},"tags":{}}
    "#);
}

#[test]
fn flow_logs_can_be_encrypted_in_cloudwatch() {
    let nodes = declared("{flow_logs: {encrypt: true}}");
    let key = spec(&nodes, "network.flow_log_key");
    assert_eq!(
        key["policy"]["Statement"][1]["Principal"]["Service"],
        json!("logs.eu-west-1.amazonaws.com")
    );
    let group = spec(&nodes, "network.flow_log_group");
    assert_eq!(
        group["kms_key_id"],
        json!({"$ref": "network.flow_log_key.arn"})
    );
    // The key's policy names the very group that it is for.
    let context = key["policy"]["Statement"][1]["Condition"]["ArnEquals"].to_string();
    assert!(
        context.contains(group["log_group_name"].as_str().unwrap()),
        "{context}"
    );
}

/// Its key is deleted, and what went on using it could not be written to.
#[test]
fn flow_logs_that_are_no_longer_encrypted_let_go_of_the_key() {
    let nodes = declared("{flow_logs: {encrypt: false}}");
    let group = spec(&nodes, "network.flow_log_group");
    assert_eq!(group.get("kms_key_id"), Some(&Value::Null));
    let nodes = declared("{flow_logs: {encrypt: false, destination: s3}}");
    let bucket = spec(&nodes, "network.flow_log_bucket");
    assert_eq!(bucket["encryption"], json!({"sse_algorithm": "AES256"}));
}

#[test]
fn flow_logs_can_be_switched_off() {
    assert!(addresses(&declared("{flow_logs: false}"), "network.flow_log").is_empty());
    assert_eq!(declared("{flow_logs: true}"), declared("{}"));
}

#[test]
fn said_ranges_and_sizes_are_taken() {
    let nodes = declared(
        "{availability_zones: 2, subnets: {public: {cidrs: [10.10.224.0/24, 10.10.225.0/24]}, database: {prefix: 24}}}",
    );
    let range = |address: &str| {
        spec(&nodes, address)["cidr_block"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(range("network.public.b"), "10.10.225.0/24");
    assert_eq!(range("network.database.b"), "10.10.210.0/24");
}

#[test]
fn zones_are_those_of_the_context() {
    let stack = load("stack: prod\nnetwork: {availability_zones: 2}", &[]).unwrap();
    let context = crate::Context {
        region: "us-west-1".into(),
        zones: vec![crate::Zone::of("us-west-1c"), crate::Zone::of("us-west-1a")],
        settled: std::collections::BTreeSet::new(),
        block: None,
        account: "123456789012".into(),
        partition: "aws".into(),
        cloudfront_prefix_list: None,
    };
    let nodes = stack
        .nodes(&context, &platctl_aws::Aws::offline("us-west-1"))
        .unwrap();
    assert_eq!(
        addresses(&nodes, "network.private."),
        ["network.private.a", "network.private.c"]
    );
    // The third letter's place, though it is the second zone.
    assert_eq!(
        spec(&nodes, "network.private.c")["cidr_block"],
        "10.10.64.0/19"
    );
    assert!(nodes.iter().all(|node| node.scope == "us-west-1"));
}

#[test]
fn a_block_of_a_pool_is_laid_out_as_any_other() {
    let text =
        "stack: pr-42\nnetwork: {cidr: {pool: 10.64.0.0/10, prefix: 20}, availability_zones: 1}";
    let stack = load(text, &[]).unwrap();
    // Without AWS, the first one stands for it.
    let offline = nodes(&stack).unwrap();
    assert_eq!(spec(&offline, "network.vpc")["cidr_block"], "10.64.0.0/20");
    let context = crate::Context {
        block: "10.100.16.0/20".parse().ok(),
        ..crate::Context::offline("eu-west-1")
    };
    let catalog = platctl_aws::Aws::offline("eu-west-1");
    let nodes = stack.nodes(&context, &catalog).unwrap();
    assert_eq!(spec(&nodes, "network.vpc")["cidr_block"], "10.100.16.0/20");
    assert_eq!(
        spec(&nodes, "network.private.a")["cidr_block"],
        "10.100.16.0/23"
    );
    // A stated block does not come from anywhere else.
    let stated = load(text, &["network.cidr=10.30.0.0/16"]).unwrap();
    assert_eq!(stated.pool(), None);
    let nodes = stated.nodes(&context, &catalog).unwrap();
    assert_eq!(spec(&nodes, "network.vpc")["cidr_block"], "10.30.0.0/16");
}

/// The zones of a stack that is in some zones already, in a region of which one zone is impaired.
fn zones_in(wanted: &str, settled: &[&str]) -> Result<Vec<String>, crate::StackErrors> {
    let stack = load(
        &format!("stack: prod\nnetwork: {{availability_zones: {wanted}}}"),
        &[],
    )
    .unwrap();
    let mut context = crate::Context::offline("eu-west-1");
    context.zones.truncate(4);
    for (number, zone) in context.zones.iter_mut().enumerate() {
        zone.id = format!("euw1-az{}", 4 - number);
        zone.available = zone.name != "eu-west-1b";
    }
    context.settled = settled
        .iter()
        .map(|letter| format!("eu-west-1{letter}"))
        .collect();
    let nodes = stack.nodes(&context, &platctl_aws::Aws::offline("eu-west-1"))?;
    let letter = |address: String| address.rsplit('.').next().unwrap().to_owned();
    Ok(addresses(&nodes, "network.private.")
        .into_iter()
        .map(|address| letter(address.to_string()))
        .collect())
}

#[test]
fn a_network_stays_in_the_zones_that_it_is_in() {
    // Nothing new is made in a zone that is impaired, and nothing that is there moves out of it.
    assert_eq!(zones_in("3", &[]).unwrap(), ["a", "c", "d"]);
    assert_eq!(zones_in("3", &["a", "b", "c"]).unwrap(), ["a", "b", "c"]);
    assert_eq!(zones_in("2", &["c", "d"]).unwrap(), ["c", "d"]);
    assert_eq!(zones_in("3", &["c", "d"]).unwrap(), ["a", "c", "d"]);
    assert!(zones_in("4", &[]).is_err());
}

#[test]
fn zones_can_be_named() {
    assert_eq!(
        zones_in("[eu-west-1d, eu-west-1a]", &[]).unwrap(),
        ["a", "d"]
    );
    assert_eq!(zones_in("[euw1-az4, eu-west-1c]", &[]).unwrap(), ["a", "c"]);
    assert_eq!(
        zones_in("[eu-west-1a, eu-west-1b]", &["a", "b"]).unwrap(),
        ["a", "b"]
    );
    for wrong in [
        "[eu-west-1a, eu-west-1b]",
        "[eu-west-1a, euw1-az4]",
        "[eu-west-1z]",
        "[]",
    ] {
        assert!(
            load(
                &format!("stack: prod\nnetwork: {{availability_zones: {wrong}}}"),
                &[]
            )
            .is_err()
                || zones_in(wrong, &[]).is_err(),
            "{wrong}"
        );
    }
}

proptest! {
    #[test]
    fn more_zones_change_nothing_of_those_that_are_there(
        address: u32,
        prefix in 16u8..=21,
        fewer in 1usize..6,
        nat in prop::sample::select(vec!["per_az", "single", "none"]),
    ) {
        let net = ipnet::Ipv4Net::new((0x0a00_0000 | address & 0x00ff_ffff).into(), prefix).unwrap().trunc();
        let of = |zones: usize| declared(&format!("{{cidr: {net}, availability_zones: {zones}, nat: {nat}}}"));
        let more = of(fewer + 1);
        for node in of(fewer) {
            // Endpoints are in every zone; all else stays as it is.
            if !node.kind.ends_with("VpcEndpoint") {
                prop_assert_eq!(&node.spec, spec(&more, node.address.as_str()));
            }
        }
    }
}
