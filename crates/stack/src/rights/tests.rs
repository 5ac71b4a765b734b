//! What the policies allow, and what they leave out.

use std::collections::BTreeSet;

use insta::assert_snapshot;
use platctl_aws::Aws;
use platctl_engine::graph::Node;
use serde_json::{Value, json};

use super::{
    MOST_CHARACTERS, MOST_POLICIES, Rights, Run, Subject, actions, boundary, characters, rights,
};
use crate::{Context, Overrides, load_text};

const NETWORK: &str = include_str!("../../../../stacks/network.yaml");
const PREVIEW: &str = include_str!("../../../../stacks/preview.yaml");
const PROD: &str = include_str!("../../../../stacks/prod.yaml");

fn context() -> Context {
    Context {
        account: "111122223333".into(),
        ..Context::offline("eu-west-1")
    }
}

fn nodes(text: &str) -> Vec<Node> {
    let stack = load_text("stack.yaml", text, &Overrides::default(), &|_| None).unwrap();
    stack.nodes(&context(), &Aws::offline("eu-west-1")).unwrap()
}

fn of(stack: &str, text: &str, run: Run) -> Rights {
    let (nodes, context) = (nodes(text), context());
    rights(
        &Subject {
            stack,
            nodes: &nodes,
            context: &context,
            state: None,
        },
        run,
    )
}

/// All statements of all documents.
fn statements(rights: &Rights) -> Vec<Value> {
    let documents = rights.policies.iter();
    documents
        .flat_map(|document| document["Statement"].as_array().unwrap().clone())
        .collect()
}

fn listed(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items
            .iter()
            .map(|item| item.as_str().unwrap().to_owned())
            .collect(),
        one => vec![one.as_str().unwrap().to_owned()],
    }
}

fn allowed(rights: &Rights) -> BTreeSet<String> {
    let statements = statements(rights);
    statements
        .iter()
        .flat_map(|statement| listed(&statement["Action"]))
        .collect()
}

/// The statements that allow an action.
fn about(rights: &Rights, action: &str) -> Vec<Value> {
    let mut statements = statements(rights);
    statements.retain(|statement| listed(&statement["Action"]).iter().any(|a| a == action));
    statements
}

#[test]
fn every_permission_of_every_kind_in_use_is_allowed() {
    for (stack, text) in [("network", NETWORK), ("preview", PREVIEW), ("prod", PROD)] {
        for run in [Run::Plan, Run::Apply, Run::Destroy] {
            let allowed = allowed(&of(stack, text, run));
            for action in actions(&nodes(text), run) {
                assert!(allowed.contains(action), "{stack} {run:?} {action}");
            }
        }
    }
}

#[test]
fn documents_fit_into_managed_policies_and_a_role() {
    for (stack, text) in [("network", NETWORK), ("preview", PREVIEW), ("prod", PROD)] {
        let policies = of(stack, text, Run::Apply).policies;
        assert!(policies.len() <= MOST_POLICIES, "{stack}");
        for document in &policies {
            assert!(characters(document) <= MOST_CHARACTERS, "{stack}");
        }
    }
}

#[test]
fn a_plan_changes_nothing() {
    let allowed = allowed(&of("preview", PREVIEW, Run::Plan));
    let changes = allowed.iter().filter(|action| {
        let name = action.split(':').nth(1).unwrap();
        !["Describe", "Get", "List", "BatchGet"]
            .iter()
            .any(|word| name.starts_with(word))
    });
    assert_eq!(changes.collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn what_deletes_has_a_name_or_the_tag_of_the_stack() {
    for (stack, text) in [("network", NETWORK), ("preview", PREVIEW), ("prod", PROD)] {
        let rights = of(stack, text, Run::Destroy);
        let wide: BTreeSet<&str> = rights
            .wide
            .iter()
            .flat_map(|group| group.actions.iter().copied())
            .collect();
        for statement in statements(&rights) {
            for action in listed(&statement["Action"]) {
                if wide.contains(action.as_str()) {
                    continue;
                }
                let limited = statement["Resource"] != json!("*")
                    || statement["Condition"].to_string().contains("Tag/");
                assert!(limited, "{action}: {statement}");
            }
        }
    }
}

#[test]
fn names_of_the_stack_stand_for_all_that_begin_like_them() {
    let rights = of("network", NETWORK, Run::Apply);
    let found = about(&rights, "iam:CreateRole");
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        found[0]["Resource"],
        json!([
            "arn:aws:iam::111122223333:role/aws-service-role/*",
            "arn:aws:iam::111122223333:role/network-*"
        ])
    );
    let groups = about(&rights, "logs:CreateLogGroup");
    assert_eq!(
        groups[0]["Resource"],
        json!(["arn:aws:logs:eu-west-1:111122223333:log-group:/platctl/network/*"])
    );
}

#[test]
fn the_tag_of_a_request_counts_for_what_is_created_only() {
    let rights = of("network", NETWORK, Run::Apply);
    let found = about(&rights, "ec2:CreateSubnet");
    assert_eq!(found.len(), 2, "{found:?}");
    for statement in found {
        let of_request = statement["Condition"].to_string().contains("RequestTag");
        let has_vpcs = statement["Resource"].to_string().contains(":vpc/");
        assert!(!(of_request && has_vpcs), "{statement}");
        assert!(
            of_request || statement["Condition"].to_string().contains("ResourceTag"),
            "{statement}"
        );
    }
}

#[test]
fn roles_that_can_be_handed_over_are_those_of_the_stack() {
    for (stack, text) in [("network", NETWORK), ("preview", PREVIEW), ("prod", PROD)] {
        for statement in about(&of(stack, text, Run::Apply), "iam:PassRole") {
            assert_ne!(statement["Resource"], json!("*"), "{stack}");
        }
    }
}

#[test]
fn what_the_stack_file_refers_to_by_its_id_can_be_used() {
    let text = "stack: one\nregion: eu-west-1\nresources:\n  more: {kind: ec2.Subnet, vpc_id: vpc-0123456789abcdef0, \
                cidr_block: 10.0.9.0/24, availability_zone: eu-west-1a}\n";
    let rights = of("one", text, Run::Apply);
    let arn = json!(["arn:aws:ec2:*:111122223333:vpc/vpc-0123456789abcdef0"]);
    assert!(
        about(&rights, "ec2:CreateSubnet")
            .iter()
            .any(|statement| statement["Resource"] == arn)
    );
}

#[test]
fn with_the_boundary_no_role_is_created_without_it() {
    let (nodes, context) = (nodes(PROD), context());
    let subject = Subject {
        stack: "prod",
        nodes: &nodes,
        context: &context,
        state: None,
    };
    let document = boundary(&subject, "platctl-boundary");
    assert!(characters(&document) <= MOST_CHARACTERS);
    let statements = document["Statement"].as_array().unwrap();
    let denied = &statements[1];
    assert_eq!(denied["Effect"], "Deny");
    assert!(listed(&denied["Action"]).contains(&"iam:CreateRole".to_owned()));
    assert_eq!(
        denied["Condition"]["StringNotEquals"]["iam:PermissionsBoundary"],
        "arn:aws:iam::111122223333:policy/platctl-boundary"
    );
}

#[test]
fn the_policy_of_a_network() {
    let rights = of("network", NETWORK, Run::Apply);
    let documents: Vec<String> = rights
        .policies
        .iter()
        .map(|document| format!("{document:#}"))
        .collect();
    assert_snapshot!(documents.join("\n"), @r#"
    {
      "Version": "2012-10-17",
      "Statement": [
        {
          "Effect": "Allow",
          "Action": [
            "ec2:DescribeAddresses",
            "ec2:DescribeAvailabilityZones",
            "ec2:DescribeFlowLogs",
            "ec2:DescribeInternetGateways",
            "ec2:DescribeManagedPrefixLists",
            "ec2:DescribeNatGateways",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeRouteTables",
            "ec2:DescribeSecurityGroupRules",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcAttribute",
            "ec2:DescribeVpcEndpoints",
            "ec2:DescribeVpcPeeringConnections",
            "ec2:DescribeVpcs",
            "logs:CreateLogDelivery",
            "logs:DeleteLogDelivery",
            "logs:DescribeLogGroups",
            "route53:AssociateVPCWithHostedZone",
            "s3:GetBucketPolicy",
            "s3:PutBucketPolicy",
            "sts:GetCallerIdentity",
            "tag:GetResources"
          ],
          "Resource": "*",
          "Condition": {
            "StringEquals": {
              "aws:RequestedRegion": [
                "eu-west-1",
                "us-east-1"
              ]
            }
          }
        },
        {
          "Effect": "Allow",
          "Action": [
            "ec2:AllocateAddress",
            "ec2:CreateInternetGateway",
            "ec2:CreateVpc"
          ],
          "Resource": [
            "arn:aws:ec2:*:111122223333:elastic-ip/*",
            "arn:aws:ec2:*:111122223333:internet-gateway/*",
            "arn:aws:ec2:*:111122223333:launch-template/*",
            "arn:aws:ec2:*:111122223333:vpc/*"
          ],
          "Condition": {
            "StringEquals": {
              "aws:RequestTag/platctl:stack": "network"
            }
          }
        },
        {
          "Effect": "Allow",
          "Action": [
            "ec2:CreateRouteTable",
            "ec2:CreateSecurityGroup",
            "ec2:CreateSubnet"
          ],
          "Resource": [
            "arn:aws:ec2:*:111122223333:route-table/*",
            "arn:aws:ec2:*:111122223333:security-group/*",
            "arn:aws:ec2:*:111122223333:subnet/*"
          ],
          "Condition": {
            "StringEquals": {
              "aws:RequestTag/platctl:stack": "network"
            }
          }
        },
        {
          "Effect": "Allow",
          "Action": [
            "ec2:AuthorizeSecurityGroupEgress",
            "ec2:AuthorizeSecurityGroupIngress",
            "ec2:CreateFlowLogs",
            "ec2:CreateNatGateway",
            "ec2:CreateVpcEndpoint"
          ],
          "Resource": [
            "arn:aws:ec2:*:111122223333:natgateway/*",
            "arn:aws:ec2:*:111122223333:security-group-rule/*",
            "arn:aws:ec2:*:111122223333:vpc-endpoint/*",
            "arn:aws:ec2:*:111122223333:vpc-flow-log/*"
          ],
          "Condition": {
            "StringEquals": {
              "aws:RequestTag/platctl:stack": "network"
            }
          }
        },
        {
          "Effect": "Allow",
          "Action": [
            "ec2:CreateTags"
          ],
          "Resource": "arn:aws:ec2:*:111122223333:*/*",
          "Condition": {
            "StringEquals": {
              "aws:RequestTag/platctl:stack": "network"
            },
            "Null": {
              "ec2:CreateAction": "false"
            }
          }
        },
        {
          "Effect": "Allow",
          "Action": [
            "ec2:AllocateAddress",
            "ec2:AssociateRouteTable",
            "ec2:AttachInternetGateway",
            "ec2:AuthorizeSecurityGroupEgress",
            "ec2:AuthorizeSecurityGroupIngress",
            "ec2:CreateFlowLogs",
            "ec2:CreateInternetGateway",
            "ec2:CreateNatGateway",
            "ec2:CreateRoute",
            "ec2:CreateRouteTable",
            "ec2:CreateSecurityGroup",
            "ec2:CreateSubnet",
            "ec2:CreateTags",
            "ec2:CreateVpc",
            "ec2:CreateVpcEndpoint",
            "ec2:DeleteFlowLogs",
            "ec2:DeleteInternetGateway",
            "ec2:DeleteNatGateway",
            "ec2:DeleteRoute",
            "ec2:DeleteRouteTable",
            "ec2:DeleteSecurityGroup",
            "ec2:DeleteSubnet",
            "ec2:DeleteTags",
            "ec2:DeleteVpc",
            "ec2:DeleteVpcEndpoints",
            "ec2:DetachInternetGateway",
            "ec2:DisassociateRouteTable",
            "ec2:ModifySecurityGroupRules",
            "ec2:ModifySubnetAttribute",
            "ec2:ModifyVpcAttribute",
            "ec2:ModifyVpcEndpoint",
            "ec2:ModifyVpcTenancy",
            "ec2:ReleaseAddress",
            "ec2:ReplaceRoute",
            "ec2:ReplaceRouteTableAssociation",
            "ec2:RevokeSecurityGroupEgress",
            "ec2:RevokeSecurityGroupIngress"
          ],
          "Resource": "*",
          "Condition": {
            "StringEquals": {
              "aws:ResourceTag/platctl:stack": "network"
            }
          }
        },
        {
          "Effect": "Allow",
          "Action": [
            "iam:CreateRole",
            "iam:CreateServiceLinkedRole",
            "iam:DeleteRole",
            "iam:DeleteRolePermissionsBoundary",
            "iam:DeleteRolePolicy",
            "iam:GetRole",
            "iam:GetRolePolicy",
            "iam:ListAttachedRolePolicies",
            "iam:ListRolePolicies",
            "iam:PassRole",
            "iam:PutRolePermissionsBoundary",
            "iam:PutRolePolicy",
            "iam:TagRole",
            "iam:UntagRole",
            "iam:UpdateAssumeRolePolicy",
            "iam:UpdateRole"
          ],
          "Resource": [
            "arn:aws:iam::111122223333:role/aws-service-role/*",
            "arn:aws:iam::111122223333:role/network-*"
          ]
        },
        {
          "Effect": "Allow",
          "Action": [
            "logs:AssociateKmsKey",
            "logs:CreateLogGroup",
            "logs:DeleteLogGroup",
            "logs:DeleteRetentionPolicy",
            "logs:DisassociateKmsKey",
            "logs:ListTagsForResource",
            "logs:PutRetentionPolicy",
            "logs:TagResource",
            "logs:UntagResource"
          ],
          "Resource": [
            "arn:aws:logs:eu-west-1:111122223333:log-group:/platctl/network/*"
          ]
        }
      ]
    }
    "#);
}
