//! The names of node groups. A group and its replacement stand side by side until the pods have moved, so from the
//! second generation on a group's name says which one it is.

use platctl_engine::{Candidate, Claim, CloudResult, Id, Kind, Live, Wanted};

use super::id_in;
use super::node_group::NodeGroup;
use crate::Cloud;
use crate::bounded::try_join_all;
use crate::errors::{Asked, if_there};

/// What stands between the declared name and the generation.
const MARK: &str = "-gen";
/// What EKS takes (63 characters), less the mark and three digits.
pub(super) const LONGEST: usize = 63 - MARK.len() - 3;

/// The name of a generation in AWS.
pub(super) fn name(declared: &str, generation: u32) -> String {
    if generation < 2 {
        declared.to_owned()
    } else {
        format!("{declared}{MARK}{generation}")
    }
}

/// The declared name of a group that is called this in AWS.
pub(super) fn declared(name: &str) -> &str {
    let generation = |digits: &str| {
        digits
            .parse::<u32>()
            .is_ok_and(|n| n > 1 && n.to_string() == digits)
    };
    match name.rsplit_once(MARK) {
        Some((declared, digits)) if !declared.is_empty() && generation(digits) => declared,
        _ => name,
    }
}

/// All generations of a declared group that are there.
async fn all(cloud: &Cloud, cluster: &str, name: &str) -> CloudResult<Vec<Live<NodeGroup>>> {
    let pages = cloud
        .eks
        .list_nodegroups()
        .cluster_name(cluster)
        .into_paginator()
        .items()
        .send();
    let names: Result<Vec<String>, _> = pages.collect().await;
    let names = if_there(names.asked())?.unwrap_or_default();
    let ids: Vec<Id> = names
        .iter()
        .filter(|one| declared(one) == name)
        .map(|name| id_in(cluster, name))
        .collect();
    Ok(NodeGroup::describe(cloud, &ids)
        .await?
        .into_iter()
        .flatten()
        .collect())
}

/// Candidates: every generation that the wanted address owns, and whoever has its plain name.
pub(super) async fn find(
    cloud: &Cloud,
    wanted: &[Wanted<NodeGroup>],
) -> CloudResult<Vec<Vec<Candidate>>> {
    let looks = wanted.iter().map(|wanted| async move {
        let Some(spec) = &wanted.spec else {
            return Ok(Vec::new());
        };
        let plain = id_in(&spec.cluster_name, &spec.nodegroup_name);
        let ours = |live: &Live<NodeGroup>| {
            let owner = live.owner.as_ref();
            owner.is_some_and(|owner| {
                (&owner.stack, &owner.address) == (&wanted.owner.stack, &wanted.owner.address)
            })
        };
        let found = all(cloud, &spec.cluster_name, &spec.nodegroup_name).await?;
        let found = found
            .into_iter()
            .filter(|live| live.id == plain || ours(live));
        Ok(found
            .map(|live| Candidate {
                id: live.id,
                owner: live.owner,
            })
            .collect())
    });
    try_join_all(looks).await
}

/// How many nodes the generation before this one has: the new one begins with as many, so that the pods of the old
/// one find room at once. None when there is none.
pub(super) async fn nodes_before(
    cloud: &Cloud,
    cluster: &str,
    name: &str,
    claim: &Claim,
) -> CloudResult<Option<i32>> {
    if claim.owner.generation < 2 {
        return Ok(None);
    }
    let before = |live: &Live<NodeGroup>| {
        live.owner.as_ref().is_some_and(|owner| {
            (&owner.stack, &owner.address) == (&claim.owner.stack, &claim.owner.address)
                && owner.generation < claim.owner.generation
        })
    };
    let found = all(cloud, cluster, name).await?;
    Ok(found
        .iter()
        .filter(|live| before(live))
        .filter_map(|live| live.spec.desired_size)
        .max())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_its_generation_and_nothing_else() {
        assert_eq!(name("general", 1), "general");
        assert_eq!(name("general", 2), "general-gen2");
        for generation in [0, 1, 2, 10, 999] {
            let name = name("general", generation);
            assert_eq!(declared(&name), "general", "{name}");
            assert!(name.len() <= "general".len() + 63 - LONGEST);
        }
        for plain in [
            "general-gen",
            "general-gen1",
            "general-gen02",
            "general-gene2",
            "-gen2",
        ] {
            assert_eq!(declared(plain), plain);
        }
    }
}
