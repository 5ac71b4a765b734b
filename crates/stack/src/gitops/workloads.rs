//! Pods that speak to AWS: one role each, by Pod Identity, for one service account of one namespace.

use platctl_aws::eks::pod_identity_association::PodIdentityAssociation;
use platctl_aws::iam::role;
use platctl_engine::{Address, Handle};
use platctl_gitops::Workload;
use serde_json::json;

use super::cluster_name;
use crate::cluster;
use crate::cluster::pod_trust;
use crate::common::{permit, role as make_role};
use crate::declare::{Checked, Declare};

/// Answers what has to be there before its pods are made.
pub(super) fn declare(
    workload: &Workload,
    cluster: &cluster::Parts,
    declare: &mut Declare<'_>,
) -> Checked<Address> {
    let name = workload.service_account;
    let description = format!("Service account {name} of namespace {}", workload.namespace);
    let trust = pod_trust(workload.namespace, name, declare);
    let role = make_role(
        &format!("{name}.role"),
        &format!("pod-{name}"),
        &description,
        trust,
        declare,
    )?;
    let policy = permit(
        &format!("{name}.permissions"),
        &role,
        workload.statements.clone(),
        declare,
    )?;
    let identity: Handle<PodIdentityAssociation> = declare.make_after(
        &format!("{name}.identity"),
        json!({
            "cluster_name": cluster_name(cluster),
            "namespace": workload.namespace,
            "service_account": name,
            "role_arn": role.json(role::out::ARN),
        }),
        &[policy.address()],
    )?;
    Ok(identity.address().clone())
}
