//! Argo CD in the cluster, and its way into the repository.

use platctl_engine::{Address, Handle};
use platctl_gitops::{Component, Inputs, Settings, bootstrap};
use platctl_kubernetes::{Objects, key_of};
use serde_json::{Map, Value, json};

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

/// Objects by their keys, as a set takes them.
fn keyed(objects: impl IntoIterator<Item = Value>) -> Map<String, Value> {
    objects
        .into_iter()
        .filter_map(|object| Some((key_of(&object)?, object)))
        .collect()
}

/// Argo CD, and then what it is to follow.
pub(super) fn declare(wish: &Wish<'_>, declare: &mut Declare<'_>) -> Checked<()> {
    let repository = bootstrap::repository_secret(wish.inputs, &wish.login.read);
    let write = wish.login.write.as_ref();
    let write = write.and_then(bootstrap::write_secret);
    let (url, sha256) = bootstrap::argo_cd(wish.settings);
    let after: Vec<&Address> = wish.after.iter().collect();
    let argo: Handle<Objects> = declare.make_after(
        "argo_cd",
        json!({
            "cluster_name": cluster_name(wish.base.cluster),
            "name": "argo-cd",
            "manifest": {"url": url, "sha256": sha256, "namespace": bootstrap::NAMESPACE},
            "objects": keyed(
                [bootstrap::namespace(wish.settings), repository]
                    .into_iter()
                    .chain(write)
                    .chain(bootstrap::additions(wish.settings)),
            ),
        }),
        &after,
    )?;
    let mut after = after;
    after.extend([argo.address(), &wish.files]);
    after.extend(&wish.identities);
    declare.make_after::<Objects>(
        "root",
        json!({
            "cluster_name": cluster_name(wish.base.cluster),
            "name": "root",
            "objects": keyed(bootstrap::root(wish.inputs, wish.components)),
        }),
        &after,
    )?;
    Ok(())
}
