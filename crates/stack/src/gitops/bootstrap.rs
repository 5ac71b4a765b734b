//! Argo CD in the cluster, and its way into the repository.

use std::collections::BTreeMap;

use platctl_engine::{Address, Handle, Input};
use platctl_gitops::{Component, Inputs, Settings, bootstrap};
use platctl_kubernetes::{Objects, key_of, objects};
use serde_json::Value;

use super::repository::Login;
use super::{Base, cluster_name};
use crate::declare::{Checked, Declare};

/// What the bootstrap is made from.
pub(super) struct Wish<'a> {
    pub(super) settings: &'a Settings,
    pub(super) inputs: &'a Inputs,
    pub(super) components: &'a [&'static Component],
    pub(super) base: &'a Base<'a>,
    /// How Argo CD and Image Updater get into the repository.
    pub(super) login: Login,
    /// The files of the repository.
    pub(super) files: Address,
    /// What has to be there before.
    pub(super) after: Vec<Address>,
    /// What gives pods their roles. A pod gets its role when it is made, so this comes before the first one is.
    pub(super) identities: Vec<Address>,
}

/// Objects by their keys, as a set takes them. They are documents of Kubernetes, in which references can stand.
fn keyed(objects: impl IntoIterator<Item = Value>) -> Input<BTreeMap<String, Value>> {
    let objects = objects.into_iter();
    Input::Expr(
        objects
            .filter_map(|object| Some((key_of(&object)?, object)))
            .collect(),
    )
}

/// Argo CD, and then what it is to follow.
pub(super) fn declare(wish: &Wish<'_>, declare: &mut Declare<'_>) -> Checked<()> {
    let repository = bootstrap::repository_secret(wish.inputs, &wish.login.read);
    let write = wish.login.write.as_ref();
    let write = write.and_then(bootstrap::write_secret);
    let (url, sha256) = bootstrap::argo_cd(wish.settings);
    let after: Vec<&Address> = wish.after.iter().collect();
    let objects = [bootstrap::namespace(wish.settings), repository].into_iter();
    let additions = bootstrap::additions(wish.settings);
    let spec = objects::Spec {
        cluster_name: cluster_name(wish.base.cluster),
        name: "argo-cd".to_owned(),
        manifest: Some(objects::Manifest {
            url,
            sha256,
            namespace: Some(bootstrap::NAMESPACE.to_owned()),
        }),
        objects: keyed(objects.chain(write).chain(additions)),
        drifted: Vec::new(),
    };
    let argo: Handle<Objects> = declare.add_after("argo_cd", &spec, &after)?;
    let mut after = after;
    after.extend([argo.address(), &wish.files]);
    after.extend(&wish.identities);
    let spec = objects::Spec {
        cluster_name: cluster_name(wish.base.cluster),
        name: "root".to_owned(),
        manifest: None,
        objects: keyed(bootstrap::root(wish.inputs, wish.components)),
        drifted: Vec::new(),
    };
    declare
        .add_after::<Objects>("root", &spec, &after)
        .map(drop)
}
