//! Pods that speak to AWS: one role each, by Pod Identity, for one service account of one namespace.

use platctl_engine::Address;
use platctl_gitops::Workload;

use crate::cluster;
use crate::cluster::{pod_identity, pod_trust};
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
    pod_identity(
        &format!("{name}.identity"),
        &cluster.cluster,
        (workload.namespace, name),
        (&role, policy.address()),
        declare,
    )
}
