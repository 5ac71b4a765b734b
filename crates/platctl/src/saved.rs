//! Saved plans: what was shown is what is applied, or nothing is.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::ops::Range;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use platctl_engine::Address;
use platctl_engine::plan::{Plan, Step};
use platctl_engine::planner::DataLoss;
use platctl_engine::select::Selection;
use platctl_stack::check_names;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::CliError;

/// The format of the file.
const FORMAT: u32 = 3;

/// How a plan begins, as [`SavedPlan::save`] writes it.
const MARK: &[u8] = b"{\n  \"platctl_plan\":";

/// What stands before the digest of all the rest.
const SEAL: &[u8] = b"\"sha256\": \"";
/// The length of a SHA-256 digest in hexadecimal digits.
const DIGITS: usize = 64;

/// No plan is that large; a file that is, is something else.
const LIMIT: u64 = 64 << 20;

/// A plan with what it takes to carry it out elsewhere, later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SavedPlan {
    /// Marks the file as a plan and tells its format.
    platctl_plan: u32,
    /// The digest of the whole file but for these digits. It tells damage and edits; whoever can write the file can
    /// write the digest, too, so that it is no proof of who made the plan.
    sha256: String,
    /// The digest of the stack file that it was made from.
    pub(crate) digest: String,
    pub(crate) account: String,
    pub(crate) region: String,
    /// Where the stack file has its state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) state: Option<String>,
    pub(crate) moved: BTreeMap<Address, Address>,
    pub(crate) data_loss: DataLoss,
    pub(crate) destroy: bool,
    #[serde(default)]
    pub(crate) selection: Selection,
    /// How long the stack is wanted once it is applied; none for one that stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ttl: Option<Duration>,
    /// The block of addresses from a pool that the network would get; none where it is there, or is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) block: Option<String>,
    pub(crate) plan: Plan,
}

impl SavedPlan {
    pub(crate) fn new(plan: Plan, digest: String, account: String, region: String) -> Self {
        Self {
            platctl_plan: FORMAT,
            sha256: "0".repeat(DIGITS),
            digest,
            account,
            region,
            state: None,
            moved: BTreeMap::new(),
            data_loss: DataLoss::default(),
            destroy: false,
            selection: Selection::default(),
            ttl: None,
            block: None,
            plan,
        }
    }

    /// The file: the plan with its digest.
    fn sealed(&self) -> Result<Vec<u8>, CliError> {
        let mut text =
            serde_json::to_vec_pretty(self).map_err(|e| CliError::other(e.to_string()))?;
        if let Some((digits, digest)) = seal(&text) {
            text.splice(digits, digest.into_bytes());
        }
        Ok(text)
    }

    /// Writes the plan, readable by its owner only; answers the file's SHA-256.
    pub(crate) fn save(&self, path: &Path) -> Result<String, CliError> {
        let failed = |source| CliError::File {
            path: path.to_owned(),
            source,
        };
        let text = self.sealed()?;
        // A file of that name may be open to others: the new one must not.
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(failed(error));
            }
            _ => {}
        }
        let file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path);
        file.and_then(|mut file| file.write_all(&text).and_then(|()| file.sync_all()))
            .map_err(failed)?;
        Ok(hex(&text))
    }

    /// Reads a plan; none when the file is something else, such as a stack file. With `expected`, only the file with
    /// this SHA-256.
    pub(crate) fn load(path: &Path, expected: Option<&str>) -> Result<Option<Self>, CliError> {
        let failed = |source| CliError::File {
            path: path.to_owned(),
            source,
        };
        let file = std::fs::File::open(path).map_err(failed)?;
        let mut text = Vec::new();
        (&file)
            .take(MARK.len() as u64)
            .read_to_end(&mut text)
            .map_err(failed)?;
        if text != MARK {
            return Ok(None);
        }
        file.take(LIMIT).read_to_end(&mut text).map_err(failed)?;
        let broken = |why: String| {
            CliError::other(format!(
                "{} is not a plan that this version of platctl can read: {why}; run `platctl plan` again",
                path.display()
            ))
        };
        if text.len() as u64 >= LIMIT {
            return Err(broken(format!(
                "it is larger than {} MiB, the limit for a plan",
                LIMIT >> 20
            )));
        }
        let found = hex(&text);
        if let Some(expected) = expected.filter(|expected| !expected.eq_ignore_ascii_case(&found)) {
            return Err(CliError::other(format!(
                "{} is not the plan that was approved: its SHA-256 is {found}, but --plan-sha256 is {expected}; nothing \
                 was changed",
                path.display()
            )));
        }
        let saved: Self = serde_json::from_slice(&text).map_err(|e| broken(e.to_string()))?;
        if saved.platctl_plan != FORMAT {
            return Err(broken(format!(
                "its format is {}, expected {FORMAT}",
                saved.platctl_plan
            )));
        }
        if seal(&text).is_none_or(|(digits, digest)| text.get(digits) != Some(digest.as_bytes())) {
            return Err(broken(
                "it was changed after `platctl plan` wrote it (its digest does not match)".into(),
            ));
        }
        saved.check_names().map_err(broken)?;
        Ok(Some(saved))
    }

    /// Names become paths and addresses of hosts.
    fn check_names(&self) -> Result<(), String> {
        check_names(&self.plan.stack, &self.region)?;
        let scope = |scope: &str| {
            scope
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        let mut scopes = self.plan.nodes.iter().map(|node| node.scope.as_str());
        match scopes.find(|text| !scope(text)) {
            Some(text) => Err(format!("{text:?} is not a region")),
            None => Ok(()),
        }
    }

    /// Whether a fresh plan would do exactly what this one says.
    pub(crate) fn still_holds(&self, now: &Plan) -> bool {
        // What is not managed changes nothing of what is done, and what an update comes to is not saved.
        let compared = |step: Step| Step {
            unmanaged: Vec::new(),
            target: None,
            ..step
        };
        let acts = |plan: &Plan| -> Vec<_> {
            plan.steps
                .iter()
                .filter(|step| step.acts())
                .cloned()
                .map(compared)
                .collect()
        };
        acts(&self.plan) == acts(now)
    }
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Where the digest of a plan's text stands, and the digest of all the rest of it.
fn seal(text: &[u8]) -> Option<(Range<usize>, String)> {
    let start = text.windows(SEAL.len()).position(|window| window == SEAL)? + SEAL.len();
    let end = start.checked_add(DIGITS).filter(|end| *end <= text.len())?;
    let rest = [text.get(..start)?, text.get(end..)?].concat();
    Some((start..end, hex(&rest)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn load_text(text: &[u8]) -> Result<Option<SavedPlan>, CliError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.plan");
        std::fs::write(&path, text).unwrap();
        SavedPlan::load(&path, None)
    }

    /// What a plan's file looks like.
    fn plan() -> SavedPlan {
        let node = serde_json::from_value(json!({
            "address": "a.b", "kind": "ec2.Vpc", "scope": "eu-west-1", "after": ["a.c"], "protect": true,
            "spec": {"cidr_block": "10.0.0.0/16", "tags": {"of": {"$ref": "a.c.id"}}},
        }));
        let step = serde_json::from_value(json!({
            "address": "a.b", "kind": "ec2.Vpc", "scope": "eu-west-1", "action": "update", "reasons": [],
            "changes": [{"path": "/cidr_block", "before": "10.0.0.0/8", "after": "10.0.0.0/16"}],
            "id": "vpc-1", "deposed": ["vpc-0"], "settling": true,
        }));
        let (node, step): (platctl_engine::graph::Node, Step) = (node.unwrap(), step.unwrap());
        let plan = Plan {
            stack: "toys".into(),
            lineage: "lineage".into(),
            serial: 3,
            nodes: vec![node],
            steps: vec![step],
            released: BTreeMap::new(),
            behind: BTreeMap::new(),
            contents: BTreeMap::new(),
            refusals: Vec::new(),
        };
        SavedPlan::new(
            plan,
            "digest".into(),
            "123456789012".into(),
            "eu-west-1".into(),
        )
    }

    #[test]
    fn names_that_no_stack_file_could_say_are_refused() {
        for (stack, region, scope) in [
            ("../../escaped", "eu-west-1", "eu-west-1"),
            ("/tmp/escaped", "eu-west-1", "eu-west-1"),
            ("toys", "evil.example/", "eu-west-1"),
            ("toys", "eu-west-1", "x.evil.example/#"),
        ] {
            let mut plan = plan();
            (plan.plan.stack, plan.region) = (stack.into(), region.into());
            plan.plan.nodes[0].scope = scope.into();
            assert!(
                load_text(&plan.sealed().unwrap()).is_err(),
                "{stack} {region} {scope}"
            );
        }
        assert!(load_text(&plan().sealed().unwrap()).unwrap().is_some());
    }

    #[test]
    fn only_the_plan_that_was_approved_is_read_where_its_digest_is_stated() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.plan");
        let approved = plan().save(&path).unwrap();
        assert_eq!(approved, hex(&std::fs::read(&path).unwrap()));
        assert!(
            SavedPlan::load(&path, Some(&approved.to_uppercase()))
                .unwrap()
                .is_some()
        );
        let mut other = plan();
        other.destroy = true;
        other.save(&path).unwrap();
        let error = SavedPlan::load(&path, Some(&approved))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("not the plan that was approved") && error.contains(&approved),
            "{error}"
        );
    }

    #[test]
    fn a_plan_holds_while_only_what_is_not_managed_changes() {
        let saved = plan();
        let mut now = saved.plan.clone();
        now.steps[0].unmanaged = vec!["rule emergency-block".into()];
        assert!(saved.still_holds(&now));
        // Only a fresh plan knows it.
        now.steps[0].target = Some(json!({"cidr_block": "10.0.0.0/16"}));
        assert!(saved.still_holds(&now));
        now.steps[0].changes.clear();
        assert!(!saved.still_holds(&now));
    }

    #[test]
    fn a_file_without_an_end_is_no_plan() {
        assert!(
            SavedPlan::load(Path::new("/dev/zero"), None)
                .unwrap()
                .is_none()
        );
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.plan");
        let file = std::fs::File::create(&path).unwrap();
        (&file).write_all(MARK).unwrap();
        file.set_len(LIMIT + 100).unwrap();
        assert!(
            SavedPlan::load(&path, None)
                .unwrap_err()
                .to_string()
                .contains("larger than")
        );
    }

    #[test]
    fn a_spoilt_plan_is_refused_and_never_half_read() {
        let whole = plan().sealed().unwrap();
        for at in 0..whole.len() {
            for put in [&b""[..], b"\"", b"}", b"\0", b"[[[[", b"9", b"\xff"] {
                let mut spoilt = whole.clone();
                spoilt.splice(at..=at, put.iter().copied());
                assert!(
                    spoilt == whole || !matches!(load_text(&spoilt), Ok(Some(_))),
                    "{at} {put:?}"
                );
            }
        }
        for length in 0..whole.len() {
            assert!(
                !matches!(load_text(&whole[..length]), Ok(Some(_))),
                "cut at {length}"
            );
        }
    }
}
