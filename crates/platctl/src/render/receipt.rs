//! What became of a stack that was deleted: four lists, each of what was seen, and what a search found afterwards.

use std::fmt::Write;

use platctl_aws::leftovers::{Leftover, Thing};
use platctl_aws::prices;
use platctl_aws::sweep::{Found, Seen};
use platctl_engine::Id;
use platctl_engine::state::{Ended, Fate};
use serde_json::{Value, json};

use super::value::clean;
use crate::ending::Sweep;

/// One line of a list.
#[derive(Debug, PartialEq)]
struct Line {
    address: String,
    what: String,
    /// What else is to be said of it.
    about: Option<String>,
}

/// The four lists.
#[derive(Debug, Default, PartialEq)]
struct Lists {
    deleted: Vec<Line>,
    kept: Vec<Line>,
    scheduled: Vec<Line>,
    others: Vec<Line>,
}

fn id(one: &Ended) -> String {
    one.id
        .as_ref()
        .map_or_else(String::new, |id| clean(id.as_str()))
}

impl Lists {
    fn of(receipt: &[Ended]) -> Self {
        let mut lists = Self::default();
        for one in receipt {
            lists.add(one, receipt);
            if let Some(what) = &one.leaves {
                lists.kept.extend(seen(one).then(|| Line {
                    address: one.address.to_string(),
                    what: clean(what),
                    about: Some("complete; what it stores is billed as backup storage".into()),
                }));
            }
        }
        lists
    }

    fn add(&mut self, one: &Ended, receipt: &[Ended]) {
        let line = |about: Option<String>| Line {
            address: one.address.to_string(),
            what: id(one),
            about: about.map(|about| clean(&about)),
        };
        match &one.fate {
            Fate::Deleted | Fate::Missing => self.deleted.push(line(None)),
            // It is gone if what it was in is.
            Fate::Inside { home } => {
                let gone = receipt.iter().any(|two| two.address == *home && seen(two));
                let about = || line(Some(format!("deleted with {home}")));
                self.deleted.extend(gone.then(about));
            }
            Fate::Scheduled { status, cancel } => {
                let cancel = cancel
                    .as_ref()
                    .map(|command| format!("; to cancel: {command}"));
                let about = format!("{status}{}", cancel.unwrap_or_default());
                self.scheduled.push(line(Some(about)));
            }
            Fate::Lapses => {
                let about = "AWS deletes it by itself; it costs nothing until then";
                self.scheduled.push(line(Some(about.into())));
            }
            Fate::Kept { for_what } => self.kept.push(line(kept(one, for_what.as_deref()))),
            Fate::LeftAlone { why } => self.others.push(line(Some(why.clone()))),
            Fate::Begun => {}
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (head, lines) in [
            ("Deleted (verified)", &self.deleted),
            ("Kept on purpose", &self.kept),
            ("Scheduled by AWS", &self.scheduled),
            ("Not ours, left alone", &self.others),
        ] {
            if lines.is_empty() {
                continue;
            }
            let _ = writeln!(text, "\n{head}:");
            for line in lines {
                let about = line.about.as_ref().map(|about| format!("  # {about}"));
                let (address, what) = (&line.address, &line.what);
                let _ = writeln!(text, "  {address}  {what}{}", about.unwrap_or_default());
            }
        }
        if self.kept.iter().any(priced) {
            let _ = writeln!(text, "Prices: {}.", prices::AS_OF);
        }
        text
    }
}

fn priced(line: &Line) -> bool {
    line.about
        .as_ref()
        .is_some_and(|about| about.contains(" a month"))
}

/// Whether a read did not find the object any more.
const fn seen(one: &Ended) -> bool {
    matches!(one.fate, Fate::Deleted | Fate::Missing)
}

/// What a kept object is for, and what it costs.
fn kept(one: &Ended, for_what: Option<&str>) -> Option<String> {
    let price = prices::monthly(&one.kind).map(prices::words);
    let about: Vec<String> = for_what
        .map(|what| match one.kind.as_str() {
            "backup.Vault" => what.to_owned(),
            _ => format!("needed by {what}"),
        })
        .into_iter()
        .chain(price)
        .collect();
    (!about.is_empty()).then(|| about.join("; "))
}

/// The receipt as text.
pub(crate) fn text(receipt: &[Ended], sweep: Option<&Sweep>) -> String {
    let mut lists = Lists::of(receipt);
    if let Some(sweep) = sweep {
        lists.others.extend(sweep.others.iter().map(stranger));
        lists.kept.extend(sweep.copies.iter().map(copy));
    }
    let mut text = lists.text();
    if let Some(sweep) = sweep {
        text.push_str(&swept(sweep));
    }
    text
}

fn copy(found: &Found) -> Line {
    let owner = found.owner.as_ref();
    let name = found.arn.rsplit(':').next().unwrap_or_default();
    Line {
        address: owner.map_or_else(String::new, |owner| clean(&owner.address)),
        what: format!("snapshot {}", clean(name)),
        about: Some("made earlier; what it stores is billed as backup storage".into()),
    }
}

fn stranger(found: &Found) -> Line {
    let owner = found.owner.as_ref();
    Line {
        address: owner.map_or_else(String::new, |owner| clean(&owner.address)),
        what: clean(&found.arn),
        about: Some("of another stack of this name".into()),
    }
}

/// What the search found.
fn swept(sweep: &Sweep) -> String {
    let regions: Vec<&str> = sweep.regions.iter().map(String::as_str).collect();
    let regions = regions.join(", ");
    if sweep.is_empty() {
        return format!(
            "\nSweep: nothing else with the tags of this stack was found (index of tags of {regions}).\n"
        );
    }
    let mut text = String::new();
    if let Some(why) = &sweep.failed {
        let _ = writeln!(
            text,
            "\nSweep: not complete, so that something may be left: {}. The credentials need tag:GetResources. To \
             search again, run `platctl sweep`.",
            clean(why)
        );
    }
    if sweep.ours.is_empty() && sweep.leftovers.is_empty() {
        return text;
    }
    let _ = writeln!(text, "\nStill there:");
    for found in &sweep.ours {
        let _ = writeln!(text, "  {}", found_text(found));
    }
    for leftover in &sweep.leftovers {
        let _ = writeln!(text, "  {}", leftover_text(leftover));
    }
    text.push_str(
        "Each of them may cost money. To search again, run `platctl sweep`; it names what can be deleted, and how.\n",
    );
    text
}

/// One object that a program in a cluster made, with what it costs, where that is known.
pub(crate) fn leftover_text(leftover: &Leftover) -> String {
    let size = leftover
        .size_gib
        .filter(|_| leftover.thing == Thing::Volume);
    let price = size.map(|gib| prices::words(prices::volume(gib.unsigned_abs())));
    let price = price.map_or_else(String::new, |price| format!("{price}; "));
    format!(
        "{}  # {price}to delete: {}",
        clean(&leftover.to_string()),
        clean(&leftover.command())
    )
}

/// One object that a search found.
pub(crate) fn found_text(found: &Found) -> String {
    let kind = found.named.as_ref().map(|(kind, id)| (*kind, id));
    let object = kind.map_or_else(
        || clean(&found.arn),
        |(kind, id): (_, &Id)| format!("{kind}  {}", clean(id.as_str())),
    );
    let whose = match (&found.owner, &found.tool) {
        (Some(owner), _) => format!("`{}` of stack `{}`", owner.address, owner.stack),
        (None, Some(tool)) => tool.to_string(),
        (None, None) => "no stack".to_owned(),
    };
    let seen = match &found.seen {
        Seen::There => String::new(),
        Seen::Scheduled(when, _) => format!("; {when}"),
        Seen::Unread => "; listed in the index of tags only: it may be gone already".to_owned(),
    };
    format!(
        "{object}  ({}; {})",
        found.region,
        clean(&format!("{whose}{seen}"))
    )
}

/// The receipt as a JSON object.
pub(crate) fn json(receipt: &[Ended], sweep: Option<&Sweep>) -> Value {
    let lists = Lists::of(receipt);
    let lines = |lines: &[Line]| -> Vec<Value> {
        lines
            .iter()
            .map(|line| json!({"address": line.address, "what": line.what, "about": line.about}))
            .collect()
    };
    let scheduled: Vec<Value> = receipt.iter().filter_map(scheduled).collect();
    let kept: Vec<Value> = lists
        .kept
        .iter()
        .map(|line| {
            let of = receipt.iter().find(|one| {
                one.address.as_str() == line.address && matches!(one.fate, Fate::Kept { .. })
            });
            let cents = of.and_then(|one| prices::monthly(&one.kind));
            json!({
                "address": line.address, "what": line.what, "about": line.about,
                "usd_a_month": cents.map(|cents| f64::from(cents) / 100.0),
            })
        })
        .collect();
    json!({
        "type": "receipt",
        "deleted": lines(&lists.deleted),
        "kept": kept,
        "scheduled": scheduled,
        "left_alone": lines(&lists.others),
        "prices": prices::AS_OF,
        "sweep": sweep.map(sweep_json),
    })
}

fn scheduled(one: &Ended) -> Option<Value> {
    match &one.fate {
        Fate::Scheduled { status, cancel } => Some(json!({
            "address": one.address, "id": one.id, "status": status, "cancel": cancel,
        })),
        Fate::Lapses => {
            Some(json!({"address": one.address, "id": one.id, "status": "goes by itself"}))
        }
        _ => None,
    }
}

fn sweep_json(sweep: &Sweep) -> Value {
    json!({
        "empty": sweep.is_empty(),
        "regions": sweep.regions,
        "still_there": sweep.ours.iter().map(found_json).collect::<Vec<_>>(),
        "of_other_stacks": sweep.others.iter().map(found_json).collect::<Vec<_>>(),
        "kept_earlier": sweep.copies.iter().map(found_json).collect::<Vec<_>>(),
        "leftovers": sweep.leftovers.iter().map(|one| json!({
            "what": one.to_string(), "id": one.id, "delete": one.command(),
        })).collect::<Vec<_>>(),
        "failed": sweep.failed,
    })
}

/// One object that a search found, as JSON.
pub(crate) fn found_json(found: &Found) -> Value {
    let seen = match &found.seen {
        Seen::There => "there",
        Seen::Scheduled(..) => "scheduled",
        Seen::Unread => "unread",
    };
    json!({
        "arn": found.arn,
        "region": found.region,
        "kind": found.named.as_ref().map(|(kind, _)| kind),
        "id": found.named.as_ref().map(|(_, id)| id),
        "stack": found.owner.as_ref().map(|owner| &owner.stack),
        "address": found.owner.as_ref().map(|owner| &owner.address),
        "tool": found.tool.as_ref().map(ToString::to_string),
        "seen": seen,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use platctl_engine::Address;

    fn ended(address: &str, kind: &str, id: &str, fate: Fate) -> Ended {
        Ended {
            address: Address::new(address).unwrap(),
            kind: kind.into(),
            scope: "eu-west-1".into(),
            id: Some(id.into()),
            at: 0,
            fate,
            leaves: None,
        }
    }

    fn receipt() -> Vec<Ended> {
        let date = "it is scheduled for deletion on 2026-12-28";
        vec![
            Ended {
                leaves: Some("snapshot prod-database-final-1a2b3c4d".into()),
                ..ended("database.cluster", "rds.DbCluster", "prod-database", Fate::Deleted)
            },
            ended(
                "gitops.argo_cd",
                "kubernetes.Objects",
                "prod-cluster/argo-cd",
                Fate::Inside { home: Address::new("cluster.cluster").unwrap() },
            ),
            ended("cluster.cluster", "eks.Cluster", "prod-cluster", Fate::Deleted),
            ended(
                "cluster.key",
                "kms.Key",
                "0a1b2c3d-5678-90ab-cdef-1234567890ab",
                Fate::Scheduled {
                    status: date.into(),
                    cancel: Some("aws kms cancel-key-deletion --key-id 0a1b2c3d-5678-90ab-cdef-1234567890ab --region eu-west-1".into()),
                },
            ),
            ended(
                "database.key",
                "kms.Key",
                "1b2c3d4e-5678-90ab-cdef-1234567890ab",
                Fate::Kept { for_what: Some("snapshot prod-database-final-1a2b3c4d".into()) },
            ),
            ended(
                "edge.record.www",
                "route53.RecordSet",
                "Z123|www.example.com|A",
                Fate::LeftAlone { why: "it points elsewhere now, so it no longer belongs to this stack".into() },
            ),
            ended("network.vpc", "ec2.Vpc", "vpc-0a1b2c3d", Fate::Deleted),
        ]
    }

    /// The same text is in docs/operations.md.
    const TEXT: &str = "
Deleted (verified):
  database.cluster  prod-database
  gitops.argo_cd  prod-cluster/argo-cd  # deleted with cluster.cluster
  cluster.cluster  prod-cluster
  network.vpc  vpc-0a1b2c3d

Kept on purpose:
  database.cluster  snapshot prod-database-final-1a2b3c4d  # complete; what it stores is billed as backup storage
  database.key  1b2c3d4e-5678-90ab-cdef-1234567890ab  # needed by snapshot prod-database-final-1a2b3c4d; $1.00 a month

Scheduled by AWS:
  cluster.key  0a1b2c3d-5678-90ab-cdef-1234567890ab  # it is scheduled for deletion on 2026-12-28; to cancel: aws kms cancel-key-deletion --key-id 0a1b2c3d-5678-90ab-cdef-1234567890ab --region eu-west-1

Not ours, left alone:
  edge.record.www  Z123|www.example.com|A  # it points elsewhere now, so it no longer belongs to this stack
Prices: list price in us-east-1, November 2026.

Sweep: nothing else with the tags of this stack was found (index of tags of eu-west-1, us-east-1).
";

    fn clean_sweep() -> Sweep {
        Sweep {
            regions: ["eu-west-1".to_owned(), "us-east-1".to_owned()].into(),
            ..Sweep::default()
        }
    }

    #[test]
    fn a_receipt_has_each_object_in_the_list_that_is_true_of_it() {
        assert_eq!(text(&receipt(), Some(&clean_sweep())), TEXT);
    }

    #[test]
    fn the_documentation_has_this_receipt() {
        let page = include_str!("../../../../docs/operations.md");
        assert!(
            page.contains(TEXT.trim()),
            "docs/operations.md has another receipt"
        );
    }

    #[test]
    fn what_was_in_a_cluster_that_is_still_there_is_not_called_deleted() {
        let mut lines = receipt();
        lines.retain(|one| one.address.as_str() != "cluster.cluster");
        assert!(!text(&lines, None).contains("gitops.argo_cd"));
    }

    #[test]
    fn programs_read_dates_commands_and_prices() {
        let value = json(&receipt(), Some(&clean_sweep()));
        assert_eq!(value["deleted"].as_array().map(Vec::len), Some(4));
        assert_eq!(value["kept"][1]["usd_a_month"], 1.0);
        let key = &value["scheduled"][0];
        assert_eq!(key["status"], "it is scheduled for deletion on 2026-12-28");
        assert!(
            key["cancel"]
                .as_str()
                .unwrap()
                .starts_with("aws kms cancel-key-deletion")
        );
        assert_eq!(value["sweep"]["empty"], true);
    }

    #[test]
    fn a_search_that_failed_or_found_something_says_so() {
        let failed = Sweep {
            failed: Some("tag:GetResources failed with AccessDenied".into()),
            ..clean_sweep()
        };
        assert!(!failed.is_empty());
        let said = text(&[], Some(&failed));
        assert!(
            said.contains("not complete") && said.contains("AccessDenied"),
            "{said}"
        );
        let found = Found {
            arn: "arn:aws:ec2:eu-west-1:123456789012:vpc/vpc-2".into(),
            region: "eu-west-1".into(),
            named: Some(("ec2.Vpc", "vpc-2".into())),
            owner: None,
            tool: None,
            outputs: Value::Null,
            seen: Seen::There,
        };
        let left = Sweep {
            ours: vec![found],
            ..clean_sweep()
        };
        let said = text(&[], Some(&left));
        assert!(
            said.contains("Still there:\n  ec2.Vpc  vpc-2  (eu-west-1; no stack)"),
            "{said}"
        );
    }
}
