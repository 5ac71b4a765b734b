//! `platctl sweep`

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use platctl_aws::leftovers::{self, Leftover, Search};
use platctl_aws::sweep::{self, Found, Seen, Tag, Tool};
use platctl_engine::flow::{Request, prepare};
use platctl_engine::planner::DataLoss;
use platctl_engine::retry::call_with_retries;
use platctl_engine::state::{Object, Record, State, Store};
use platctl_engine::{Address, CloudResult, Owner};
use serde_json::Value;

use super::apply::{Ask, converge};
use super::list;
use crate::cli::{Consent, Data, Global, Sweep};
use crate::cloud::Site;
use crate::ending::is_kept_of;
use crate::error::CliError;
use crate::exit::Exit;
use crate::place::locked;
use crate::render;

/// What was found, by what can be done about it.
#[derive(Debug, Default)]
pub(crate) struct Orphans {
    /// Where it was looked for.
    pub(crate) regions: BTreeSet<String>,
    /// Has the ownership tags of a stack, and is in no state here.
    pub(crate) owned: Vec<Found>,
    /// Was made for a cluster that is not there any more.
    pub(crate) leftovers: Vec<Leftover>,
    /// Was made by another tool, or has a tag that was asked for.
    pub(crate) foreign: Vec<Found>,
    /// The stacks whose state could not be read: what they own may be listed as nobody's.
    pub(crate) unread: Vec<String>,
}

impl Orphans {
    /// Whether nothing of platctl is left. What other tools made may well be in use.
    fn is_empty(&self) -> bool {
        self.owned.is_empty() && self.leftovers.is_empty()
    }
}

/// Searches, and deletes what is named.
pub(crate) async fn run(wish: &Sweep, global: &Global) -> Result<Exit, CliError> {
    let list::Existing { stacks, unread } = list::existing(global).await?;
    let site = Site::connect(None, global).await?;
    let states: Vec<State> = stacks.into_iter().map(|(_, state)| state).collect();
    let mut orphans = search(wish, &site, &states).await?;
    orphans.unread = unread.into_iter().map(|(name, _)| name).collect();
    if wish.delete.is_empty() {
        render::orphans(&orphans, global);
        return Ok(match orphans.is_empty() {
            true => Exit::Done,
            false => Exit::Changes,
        });
    }
    delete(wish, &site, &orphans, global).await
}

async fn search(wish: &Sweep, site: &Site, states: &[State]) -> CloudResult<Orphans> {
    let regions = sweep::regions(&site.aws, [site.region.as_str()]);
    let tag = wish
        .stack
        .as_deref()
        .map_or_else(Tag::of_any_stack, Tag::of_stack);
    let known = |owner: &Owner, arn: &str| is_known(states, owner, arn);
    let mut owned = sweep::sweep(&site.aws, &regions, &tag, known).await?;
    owned.retain(|one| !matches!(one.seen, Seen::Scheduled(..)));
    let leftovers = match &wish.stack {
        Some(_) => Vec::new(),
        None => of_dead_clusters(wish, site).await?,
    };
    let foreign = foreign(wish, site, &regions).await?;
    Ok(Orphans {
        regions,
        owned,
        leftovers,
        foreign,
        unread: Vec::new(),
    })
}

/// What other tools made, and what has the tags that were asked for.
async fn foreign(wish: &Sweep, site: &Site, regions: &BTreeSet<String>) -> CloudResult<Vec<Found>> {
    let mut tags: Vec<Tag> = wish.tags.iter().map(|text| tag_of(text)).collect();
    if wish.stack.is_none() {
        tags.extend(Tool::marks().map(|key| Tag {
            key: key.into(),
            value: None,
        }));
    }
    let mut foreign: Vec<Found> = Vec::new();
    for tag in &tags {
        let found = sweep::sweep(&site.aws, regions, tag, |_, _| true).await?;
        foreign.extend(found.into_iter().filter(|one| one.owner.is_none()));
    }
    foreign.sort_by(|one, other| one.arn.cmp(&other.arn));
    foreign.dedup_by(|one, other| one.arn == other.arn);
    let mut alive = Clusters::default();
    let mut abandoned = Vec::new();
    for one in foreign {
        // A cluster that is there is somebody's.
        let used = match &one.tool {
            Some(Tool::Eksctl(cluster)) => alive.has(site, &one.region, cluster).await?,
            _ => false,
        };
        abandoned.extend((!used).then_some(one));
    }
    Ok(abandoned)
}

/// `KEY` or `KEY=VALUE`.
fn tag_of(text: &str) -> Tag {
    let (key, value) = text
        .split_once('=')
        .map_or((text, None), |(key, value)| (key, Some(value.to_owned())));
    Tag {
        key: key.to_owned(),
        value,
    }
}

/// What programs made for clusters that do not exist any more.
async fn of_dead_clusters(wish: &Sweep, site: &Site) -> CloudResult<Vec<Leftover>> {
    let cloud = site.aws.cloud(&site.region);
    let search = Search {
        vpc: wish.vpc.clone(),
        ..Search::default()
    };
    let what = "searching for what workloads of clusters made";
    let find = || leftovers::find(&cloud, &search);
    let found = call_with_retries(site.aws.teller(), what, find).await?;
    let (mut alive, mut dead) = (Clusters::default(), Vec::new());
    for one in found {
        let used = alive.has(site, &site.region, &one.made.cluster).await?;
        dead.extend((!used).then_some(one));
    }
    Ok(dead)
}

/// Whether clusters exist, by region and name; each is asked for once.
#[derive(Default)]
struct Clusters(BTreeMap<(String, String), bool>);

impl Clusters {
    async fn has(&mut self, site: &Site, region: &str, name: &str) -> CloudResult<bool> {
        let which = (region.to_owned(), name.to_owned());
        if let Some(known) = self.0.get(&which) {
            return Ok(*known);
        }
        let found = sweep::has_cluster(&site.aws.cloud(region), name).await?;
        self.0.insert(which, found);
        Ok(found)
    }
}

/// Whether a state has the object, or one that still carries the tags that it had at another address; or whether its
/// receipt names it as kept on purpose.
fn is_known(states: &[State], owner: &Owner, arn: &str) -> bool {
    // Not every identifier is in the ARN.
    let is = |object: &Object| {
        let known = object.outputs.get("arn").and_then(Value::as_str);
        known == Some(arn) || sweep::is_of(arn, &object.id)
    };
    states
        .iter()
        .filter(|state| state.stack == owner.stack)
        .any(|state| {
            let records = state.resources.values();
            let mut objects =
                records.flat_map(|record| record.object.iter().chain(&record.deposed));
            objects.any(is) || state.receipt.iter().any(|one| is_kept_of(one, arn))
        })
}

/// Deletes what is named, as a destroy would: with the order, the waiting and the receipt of one.
async fn delete(
    wish: &Sweep,
    site: &Site,
    orphans: &Orphans,
    global: &Global,
) -> Result<Exit, CliError> {
    let chosen = chosen(&wish.delete, &orphans.owned)?;
    let mut worst = Exit::Done;
    for state in states_of(&chosen) {
        let stack = state.stack.clone();
        match delete_of(wish, site, state, global).await? {
            Exit::Done => {}
            exit @ (Exit::Interrupted | Exit::Terminated) => return Ok(exit),
            _ => {
                tracing::info!(stack, "not everything was deleted");
                worst = Exit::Changes;
            }
        }
    }
    Ok(worst)
}

/// What the user named, each of which must be something that platctl may delete.
fn chosen<'a>(named: &[String], owned: &'a [Found]) -> Result<Vec<&'a Found>, CliError> {
    named
        .iter()
        .map(|name| {
            let is = |one: &&Found| {
                one.arn == *name || one.named.as_ref().is_some_and(|(_, id)| id.as_str() == name)
            };
            let found = owned.iter().find(is).filter(|one| one.seen == Seen::There);
            found.ok_or_else(|| {
                CliError::other(format!(
                    "--delete {name}: the search lists nothing with this ID that has the ownership tags of a stack and \
                     that platctl can delete; nothing was changed. To see what there is, run `platctl sweep`"
                ))
            })
        })
        .collect()
}

/// The objects as a state would know them, one state for each stack: what owns an object is its stack, lineage and
/// region.
fn states_of(chosen: &[&Found]) -> Vec<State> {
    let mut states: BTreeMap<(String, Option<String>, Option<String>), State> = BTreeMap::new();
    for found in chosen {
        let (Some(owner), Some((kind, id))) = (&found.owner, &found.named) else {
            continue;
        };
        let Ok(address) = Address::new(&owner.address) else {
            continue;
        };
        let whose = (
            owner.stack.clone(),
            owner.lineage.clone(),
            owner.region.clone(),
        );
        let state = states.entry(whose).or_insert_with(|| state_of(owner));
        let object = Object {
            outputs: found.outputs.clone(),
            ..Object::new(id.clone(), owner.generation)
        };
        let record = state
            .resources
            .entry(address)
            .or_insert_with(|| Record::new(*kind, &*found.region));
        record.generation = record.generation.max(owner.generation);
        match record.object {
            None => record.object = Some(object),
            Some(_) => record.deposed.push(object),
        }
    }
    states.into_values().collect()
}

fn state_of(owner: &Owner) -> State {
    let new = State::new(&owner.stack);
    State {
        lineage: owner.lineage.clone().unwrap_or_else(|| new.lineage.clone()),
        region: owner.region.clone(),
        ..new
    }
}

async fn delete_of(
    wish: &Sweep,
    site: &Site,
    state: State,
    global: &Global,
) -> Result<Exit, CliError> {
    // Nothing is lost with this state: whatever is not deleted still has its tags, and the next search finds it.
    // Its name is drawn by lot, as a lineage is: nobody else can have made it before.
    let stack = state.stack.clone();
    let name = format!("platctl-sweep-{}", State::new(&stack).lineage);
    let folder = std::env::temp_dir().join(name);
    state.write(&folder.join(format!("{stack}.json")))?;
    let store = Store::at(&folder, &stack);
    let consent = Consent {
        yes: wish.yes,
        data: Data::default(),
        detach_foreign: Vec::new(),
    };
    let result = locked(&store, None, "sweep", global, async |session| {
        let request = Request {
            // Each of them was named.
            data_loss: DataLoss::all(),
            read_options: site.read_options(false),
            ..Request::default()
        };
        let prepared = prepare(request, session.state(), &*site.aws).await?;
        let ask = Ask {
            consent: &consent,
            question: "Do you want to delete all of these resources, with their data? This cannot be undone.",
            destroys: true,
            stack: Path::new(&stack),
            ttl: None,
        };
        converge(site, session, prepared, ask, global).await
    })
    .await;
    // Only files of this run are in it.
    let _ = std::fs::remove_dir_all(&folder);
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use platctl_engine::Id;
    use serde_json::json;

    fn found(id: &str, owner: Owner) -> Found {
        Found {
            arn: format!("arn:aws:ec2:eu-west-1:123456789012:vpc/{id}"),
            region: "eu-west-1".into(),
            named: Some(("ec2.Vpc", Id::from(id))),
            owner: Some(owner),
            tool: None,
            outputs: Value::Null,
            seen: Seen::There,
        }
    }

    fn owner(stack: &str, lineage: &str, generation: u32) -> Owner {
        Owner {
            stack: stack.into(),
            address: "network.vpc".into(),
            generation,
            region: Some("eu-west-1".into()),
            lineage: Some(lineage.into()),
        }
    }

    #[test]
    fn what_a_state_has_is_no_orphan() {
        let mut state = State::new("one");
        let mut record = Record::new("ec2.Vpc", "eu-west-1");
        record.object = Some(Object::new("vpc-1".into(), 1));
        state
            .resources
            .insert(Address::new("network.vpc").unwrap(), record);
        let known = |stack: &str, id: &str| {
            let arn = format!("arn:aws:ec2:eu-west-1:123456789012:vpc/{id}");
            is_known(std::slice::from_ref(&state), &owner(stack, "a", 1), &arn)
        };
        assert!(known("one", "vpc-1"));
        assert!(!known("one", "vpc-2"));
        assert!(!known("two", "vpc-1"));
    }

    #[test]
    fn what_is_not_named_in_its_arn_is_known_by_the_arn_that_it_gave() {
        let arn = "arn:aws:application-autoscaling:eu-west-1:123456789012:scalable-target/0a1b";
        let mut state = State::new("one");
        let mut record = Record::new("applicationautoscaling.ScalableTarget", "eu-west-1");
        record.object = Some(Object {
            outputs: json!({"arn": arn}),
            ..Object::new("rds|rds:cluster:ReadReplicaCount|cluster:a".into(), 1)
        });
        state
            .resources
            .insert(Address::new("database.scaling_target").unwrap(), record);
        let states = [state];
        assert!(is_known(&states, &owner("one", "a", 1), arn));
        let other = arn.replace("0a1b", "2c3d");
        assert!(!is_known(&states, &owner("one", "a", 1), &other));
    }

    #[test]
    fn only_what_was_found_and_is_there_can_be_deleted() {
        let mut all = vec![
            found("vpc-1", owner("one", "a", 1)),
            found("vpc-2", owner("one", "a", 1)),
        ];
        all[1].seen = Seen::Unread;
        assert_eq!(chosen(&["vpc-1".into()], &all).unwrap().len(), 1);
        assert_eq!(chosen(&[all[0].arn.clone()], &all).unwrap().len(), 1);
        for name in ["vpc-2", "vpc-3", "vpc"] {
            let error = chosen(&[name.into()], &all).unwrap_err().to_string();
            assert!(error.contains("nothing was changed"), "{error}");
        }
    }

    #[test]
    fn objects_of_one_address_and_of_two_states_are_kept_apart() {
        let all = [
            found("vpc-1", owner("one", "a", 1)),
            found("vpc-2", owner("one", "a", 2)),
            found("vpc-3", owner("one", "b", 1)),
        ];
        let states = states_of(&all.iter().collect::<Vec<_>>());
        assert_eq!(states.len(), 2);
        let record = states[0].resources.values().next().unwrap();
        assert_eq!((record.deposed.len(), record.generation), (1, 2));
        assert_eq!(states[1].lineage, "b");
    }

    #[test]
    fn a_tag_is_a_key_or_a_key_and_a_value() {
        assert_eq!(
            tag_of("managed-by=terraform").value.as_deref(),
            Some("terraform")
        );
        assert_eq!(
            tag_of("terraform"),
            Tag {
                key: "terraform".into(),
                value: None
            }
        );
    }
}
