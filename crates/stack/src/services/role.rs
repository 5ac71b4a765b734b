//! The role of a service's pods.

use platctl_aws::eks::cluster as eks_cluster;
use platctl_aws::iam::oidc_provider;
use platctl_aws::iam::role::Role;
use platctl_aws::rds::db_cluster;
use platctl_aws::regions::dns_suffix;
use platctl_engine::Handle;
use serde_json::{Value, json};

use super::spec::{Method, SecretSource, Service};
use crate::common::{allow, join, permit, role, secret_arn};
use crate::declare::{Checked, Declare};
use crate::{cluster, database};

/// What a role is made from.
pub(super) struct Wish<'a> {
    pub(super) name: &'a str,
    pub(super) cluster: &'a cluster::Parts,
    pub(super) database: Option<&'a database::Parts>,
}

impl Service {
    /// The role that the service's pods take on, and nobody else's.
    pub(super) fn role(&self, wish: &Wish<'_>, declare: &mut Declare<'_>) -> Checked<Handle<Role>> {
        let name = wish.name;
        let issuer = wish
            .cluster
            .cluster
            .json(eks_cluster::out::OIDC_ISSUER_HOST);
        let namespace = self.owner().unwrap_or(name);
        let trust = web_identity(
            wish.cluster.oidc.json(oidc_provider::out::ARN),
            &issuer,
            &format!("system:serviceaccount:{namespace}:{name}"),
        );
        let description = format!("The pods of {name}");
        let role = role(
            &format!("{name}.role"),
            &format!("service-{name}"),
            &description,
            trust,
            declare,
        )?;
        let mut statements: Vec<Value> = self
            .permissions
            .iter()
            .map(|wanted| {
                let resources = wanted.value.resources.iter();
                let resources: Vec<Value> = resources.map(|one| one.value.value()).collect();
                json!({"Effect": "Allow", "Action": wanted.value.actions, "Resource": resources})
            })
            .collect();
        statements.extend(self.reads(wish.database, declare));
        if let (Some(Method::Iam), Some(database)) = (self.login(), wish.database) {
            statements.push(connects(&super::database_user(name), database, declare));
        }
        if !statements.is_empty() {
            permit(&format!("{name}.permissions"), &role, statements, declare)?;
        }
        Ok(role)
    }

    /// Reads its own secrets and parameters, and decrypts nothing else.
    fn reads(&self, database: Option<&database::Parts>, declare: &Declare<'_>) -> Vec<Value> {
        let sources = || self.secrets.values().map(|source| &source.value);
        let mut secrets: Vec<Value> = sources()
            .filter_map(|source| arn_of_secret(source, declare))
            .collect();
        if let (Some(Method::Password), Some(database)) = (self.login(), database) {
            secrets.push(
                database
                    .cluster
                    .json(db_cluster::out::MASTER_USER_SECRET_ARN),
            );
        }
        let parameters: Vec<Value> = sources()
            .filter_map(|source| parameter_arn(source, declare))
            .collect();
        let mut statements = Vec::new();
        if !secrets.is_empty() {
            let actions = &[
                "secretsmanager:DescribeSecret",
                "secretsmanager:GetSecretValue",
            ];
            statements.push(allow(actions, secrets.clone()));
            statements.push(decrypts("secretsmanager", "SecretARN", secrets, declare));
        }
        if !parameters.is_empty() {
            let actions = &["ssm:GetParameter", "ssm:GetParameters"];
            statements.push(allow(actions, parameters.clone()));
            statements.push(decrypts("ssm", "PARAMETER_ARN", parameters, declare));
        }
        statements
    }
}

/// What is known later is an ARN.
fn arn_of_secret(source: &SecretSource, declare: &Declare<'_>) -> Option<Value> {
    let secret = &source.secret.as_ref()?.value;
    let known: Option<Value> = secret
        .literal()
        .map(|name| secret_arn(name, declare).into());
    Some(known.unwrap_or_else(|| secret.value()))
}

fn parameter_arn(source: &SecretSource, declare: &Declare<'_>) -> Option<Value> {
    let name = source.parameter.as_ref()?.value.trim_start_matches('/');
    Some(declare.arn("ssm", &format!("parameter/{name}")).into())
}

/// Whatever key they are encrypted under, it decrypts them, for its reader, and nothing else.
fn decrypts(service: &str, context: &str, arns: Vec<Value>, declare: &Declare<'_>) -> Value {
    let suffix = dns_suffix(&declare.context().partition);
    let via = format!("{service}.{}.{suffix}", declare.context().region);
    let mut statement = allow(&["kms:Decrypt"], declare.arn("kms", "key/*"));
    statement["Condition"] = json!({
        "StringEquals": {"kms:ViaService": via},
        "StringLike": {(format!("kms:EncryptionContext:{context}")): arns},
    });
    statement
}

/// Logs in to the database as this user, with a token instead of a password.
fn connects(user: &str, database: &database::Parts, declare: &Declare<'_>) -> Value {
    let prefix = declare.arn("rds-db", "dbuser:");
    let id = database.cluster.json(db_cluster::out::CLUSTER_RESOURCE_ID);
    let arn = join([prefix.into(), id, format!("/{user}").into()]);
    allow(&["rds-db:connect"], arn)
}

/// Keys of a policy cannot be references, so the document is composed as a text.
fn web_identity(provider: Value, issuer: &Value, account: &str) -> Value {
    join([
        json!(
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":""#
        ),
        provider,
        json!(r#""},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{""#),
        issuer.clone(),
        json!(format!(r#":sub":"{account}",""#)),
        issuer.clone(),
        json!(r#":aud":"sts.amazonaws.com"}}}]}"#),
    ])
}
