//! A permissions boundary for whoever runs platctl.

use serde_json::{Value, json};

use super::{Run, Subject, actions, service_of};
use crate::common::policy;

/// What changes what a role may do. With the boundary, only for roles that have it, too.
const ROLES: [&str; 4] = [
    "iam:AttachRolePolicy",
    "iam:CreateRole",
    "iam:PutRolePermissionsBoundary",
    "iam:PutRolePolicy",
];
/// What would give somebody credentials that the boundary does not limit, or take it away.
const NEVER: [&str; 8] = [
    "iam:AddUserToGroup",
    "iam:AttachUserPolicy",
    "iam:CreateAccessKey",
    "iam:CreateLoginProfile",
    "iam:DeleteRolePermissionsBoundary",
    "iam:DeleteUserPermissionsBoundary",
    "iam:UpdateAccessKey",
    "iam:UpdateLoginProfile",
];
/// What changes the boundary itself.
const CHANGES: [&str; 4] = [
    "iam:CreatePolicyVersion",
    "iam:DeletePolicy",
    "iam:DeletePolicyVersion",
    "iam:SetDefaultPolicyVersion",
];

/// A permissions boundary in the managed policy of this name: the services of the stack, and no roles without the same
/// boundary. What it allows is still limited by the policies for the stack.
#[must_use]
pub fn boundary(subject: &Subject<'_>, name: &str) -> Value {
    let context = subject.context;
    let own = format!(
        "arn:{}:iam::{}:policy/{name}",
        context.partition, context.account
    );
    let used = actions(subject.nodes, Run::Apply);
    // The roles of the stack have the boundary as well: it has to allow what pods, builds and nodes do.
    let mut services: Vec<String> = used
        .iter()
        .map(|action| format!("{}:*", service_of(action)))
        .chain(
            [
                "ecr-public:*",
                "eks-auth:*",
                "ssmmessages:*",
                "ec2messages:*",
                "sts:*",
            ]
            .map(String::from),
        )
        .collect();
    services.sort();
    services.dedup();
    policy([
        json!({"Effect": "Allow", "Action": services, "Resource": "*"}),
        json!({
            "Effect": "Deny", "Action": ROLES, "Resource": "*",
            "Condition": {"StringNotEquals": {"iam:PermissionsBoundary": own}},
        }),
        json!({"Effect": "Deny", "Action": NEVER, "Resource": "*"}),
        json!({"Effect": "Deny", "Action": CHANGES, "Resource": own}),
    ])
}
