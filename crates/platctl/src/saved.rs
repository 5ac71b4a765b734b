//! Saved plans: what was shown is what is applied, or nothing is.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use platctl_engine::Address;
use platctl_engine::plan::{Plan, Step};
use platctl_engine::planner::DataLoss;
use platctl_engine::select::Selection;
use serde::{Deserialize, Serialize};

use crate::error::CliError;

/// The format of the file.
const FORMAT: u32 = 2;

/// How a plan begins, as [`SavedPlan::save`] writes it.
const MARK: &[u8] = b"{\n  \"platctl_plan\":";

/// No plan is that large; a file that is, is something else.
const LIMIT: u64 = 64 << 20;

/// A plan with what it takes to carry it out elsewhere, later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SavedPlan {
    /// Marks the file as a plan and tells its format.
    platctl_plan: u32,
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
    pub(crate) plan: Plan,
}

impl SavedPlan {
    pub(crate) fn new(plan: Plan, digest: String, account: String, region: String) -> Self {
        Self {
            platctl_plan: FORMAT,
            digest,
            account,
            region,
            state: None,
            moved: BTreeMap::new(),
            data_loss: DataLoss::default(),
            destroy: false,
            selection: Selection::default(),
            plan,
        }
    }

    /// Writes the plan, readable by its owner only.
    pub(crate) fn save(&self, path: &Path) -> Result<(), CliError> {
        let failed = |source| CliError::File { path: path.to_owned(), source };
        let text = serde_json::to_vec_pretty(self).map_err(|e| CliError::other(e.to_string()))?;
        // A file of that name may be open to others: the new one must not.
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        file.and_then(|mut file| file.write_all(&text).and_then(|()| file.sync_all())).map_err(failed)
    }

    /// Reads a plan; none when the file is something else, such as a stack file.
    pub(crate) fn load(path: &Path) -> Result<Option<Self>, CliError> {
        let failed = |source| CliError::File { path: path.to_owned(), source };
        let file = std::fs::File::open(path).map_err(failed)?;
        let mut text = Vec::new();
        (&file).take(MARK.len() as u64).read_to_end(&mut text).map_err(failed)?;
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
            return Err(broken(format!("it is larger than {} MiB, the limit for a plan", LIMIT >> 20)));
        }
        let saved: Self = serde_json::from_slice(&text).map_err(|e| broken(e.to_string()))?;
        if saved.platctl_plan != FORMAT {
            return Err(broken(format!("its format is {}, expected {FORMAT}", saved.platctl_plan)));
        }
        Ok(Some(saved))
    }

    /// Whether a fresh plan would do exactly what this one says.
    pub(crate) fn still_holds(&self, now: &Plan) -> bool {
        // What is not managed changes nothing of what is done.
        let managed = |step: Step| Step { unmanaged: Vec::new(), ..step };
        let acts = |plan: &Plan| -> Vec<_> {
            plan.steps.iter().filter(|step| step.acts()).cloned().map(managed).collect()
        };
        acts(&self.plan) == acts(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn load_text(text: &[u8]) -> Result<Option<SavedPlan>, CliError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.plan");
        std::fs::write(&path, text).unwrap();
        SavedPlan::load(&path)
    }

    /// What a plan's file looks like.
    fn text() -> Vec<u8> {
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
            refusals: Vec::new(),
        };
        let saved = SavedPlan::new(plan, "digest".into(), "123456789012".into(), "eu-west-1".into());
        serde_json::to_vec_pretty(&saved).unwrap()
    }

    #[test]
    fn a_plan_holds_while_only_what_is_not_managed_changes() {
        let saved = load_text(&text()).unwrap().unwrap();
        let mut now = saved.plan.clone();
        now.steps[0].unmanaged = vec!["rule emergency-block".into()];
        assert!(saved.still_holds(&now));
        now.steps[0].changes.clear();
        assert!(!saved.still_holds(&now));
    }

    #[test]
    fn a_file_without_an_end_is_no_plan() {
        assert!(SavedPlan::load(Path::new("/dev/zero")).unwrap().is_none());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.plan");
        let file = std::fs::File::create(&path).unwrap();
        (&file).write_all(MARK).unwrap();
        file.set_len(LIMIT + 100).unwrap();
        assert!(SavedPlan::load(&path).unwrap_err().to_string().contains("larger than"));
    }

    #[test]
    fn a_spoilt_plan_is_refused_and_never_half_read() {
        let whole = text();
        let read = load_text(&whole).unwrap().unwrap();
        for at in 0..whole.len() {
            for put in [&b""[..], b"\"", b"}", b"\0", b"[[[[", b"9", b"\xff"] {
                let mut spoilt = whole.clone();
                spoilt.splice(at..=at, put.iter().copied());
                // Where it is still a plan, only a word or a number within it has changed.
                if let Ok(Some(plan)) = load_text(&spoilt) {
                    let counts = |plan: &SavedPlan| (plan.plan.steps.len(), plan.plan.nodes.len());
                    assert_eq!(counts(&plan), counts(&read), "{at} {put:?}");
                }
            }
        }
        for length in 0..whole.len() {
            assert!(!matches!(load_text(&whole[..length]), Ok(Some(_))), "cut at {length}");
        }
    }
}
