//! `github.Files`: files that platctl writes into a repository on GitHub in which people work as well.

use platctl_engine::fields::Table;
use platctl_engine::{
    Changes, Claim, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase, Read,
    Replace, SpecError, Stage, Timing,
};
use serde_json::Value;

use super::api::OnGitHub;
use crate::Cloud;
use crate::host::{Place, credential_is_fixed};
use crate::hosted_files::{self, Hosted};

pub use crate::hosted_files::Spec;

/// Files on a branch of a repository on GitHub. Changes that people make after platctl has written a file
/// are never overwritten: if both sides changed a file, the update stops and names the file.
#[derive(Debug)]
pub struct Files;

platctl_engine::outputs! {
    /// Attributes of the files that other resources can reference.
    Files {
        /// The ID of the latest commit on the branch.
        COMMIT_ID: commit_id: String,
        /// The version of the secret with the credential. It changes if another value is written to the secret.
        CREDENTIAL_VERSION: credential_version: String,
    }
}

impl Hosted for Files {
    const URL: &'static str = "https://github.com";
    const PARTS: Option<usize> = Some(2);
    type On<'a> = OnGitHub<'a>;

    fn on(place: Place<'_>) -> OnGitHub<'_> {
        OnGitHub::new(place)
    }
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<Files>>> {
    let found = hosted_files::read::<Files>(cloud, id).await?;
    Ok(found.map(|found| Live {
        id: id.clone(),
        spec: found.spec,
        outputs: Outputs {
            commit_id: found.commit_id,
            credential_version: found.credential_version,
        },
        owner: found.owner,
        phase: Phase::Ready,
    }))
}

impl Kind for Files {
    const NAME: &'static str = "github.Files";
    const TAGS: Option<&'static str> = None;
    const FIELDS: &'static Table = hosted_files::FIELDS;
    // All of them are its identity.
    const REPLACE: Replace = Replace::CreateFirst;
    const VOLATILE: &'static [&'static str] = hosted_files::VOLATILE;
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const PERMISSIONS: Permissions = hosted_files::PERMISSIONS;
    const TIMING: Timing = Timing::SYNCHRONOUS;

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        hosted_files::example("example/github-app")
    }

    fn variations() -> Vec<(&'static str, Value)> {
        hosted_files::variations()
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        hosted_files::check::<Self>(spec)
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(hosted_files::id_of::<Self>(spec))
    }

    async fn vet(
        _cloud: &Cloud,
        _live: &Live<Self>,
        _spec: &Spec,
        changes: &Changes,
    ) -> CloudResult<Vec<SpecError>> {
        Ok(credential_is_fixed(changes).into_iter().collect())
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        hosted_files::create::<Self>(cloud, spec, claim).await
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        hosted_files::update::<Self>(cloud, &live.id, spec, changes, owner).await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        hosted_files::delete::<Self>(cloud, &live.id).await
    }
}

#[cfg(test)]
mod tests {
    use platctl_engine::Class;
    use serde_json::json;

    use super::*;
    use crate::branch::Text;
    use crate::cloud::tests::{changes, claim, owner};
    use crate::github::app::tests::app;
    use crate::host::tests::with_hosts;
    use crate::hosted_files::id_of;
    use crate::web::tests::{Line, script};

    const TOKEN: &str = "POST https://api.github.com/app/installations/34/access_tokens";
    const REF: &str = "GET https://api.github.com/repos/acme/example-gitops/git/ref/heads/main";
    const BASE: &str =
        "GET https://api.github.com/repos/acme/example-gitops/contents/.platctl/files.json?ref=c1";
    const README: &str =
        "GET https://api.github.com/repos/acme/example-gitops/contents/README.md?ref=c1";
    const ROOT: &str = "GET https://api.github.com/repos/acme/example-gitops/contents/clusters/prod/root.yaml?ref=c1";
    const COMMIT: &str = "GET https://api.github.com/repos/acme/example-gitops/git/commits/c1";
    const TREES: &str = "POST https://api.github.com/repos/acme/example-gitops/git/trees";
    const COMMITS: &str = "POST https://api.github.com/repos/acme/example-gitops/git/commits";
    const MOVE: &str = "PATCH https://api.github.com/repos/acme/example-gitops/git/refs/heads/main";

    fn token() -> Line {
        (TOKEN, 201, json!({"token": "ghs_1"}))
    }

    fn at(commit: &str) -> Line {
        (REF, 200, json!({"object": {"sha": commit}}))
    }

    fn base(owner: &Owner, files: &Value) -> Line {
        let text = json!({"owner": owner, "files": files}).to_string();
        (BASE, 200, Value::from(text))
    }

    /// What a commit takes from its parent to the branch.
    fn committed() -> [Line; 4] {
        [
            (COMMIT, 200, json!({"tree": {"sha": "t1"}})),
            (TREES, 201, json!({"sha": "t2"})),
            (COMMITS, 201, json!({"sha": "c2"})),
            (MOVE, 200, json!({"object": {"sha": "c2"}})),
        ]
    }

    fn missing(line: &'static str) -> Line {
        (line, 404, json!({"message": "Not Found"}))
    }

    #[tokio::test]
    async fn an_empty_repository_begins_with_one_file_and_gets_all_in_one_commit() {
        let mut lines = vec![
            token(),
            (REF, 409, json!({"message": "Git Repository is empty."})),
            (
                "GET https://api.github.com/repos/acme/example-gitops",
                200,
                json!({"default_branch": "main"}),
            ),
            (REF, 409, json!({"message": "Git Repository is empty."})),
            (
                "PUT https://api.github.com/repos/acme/example-gitops/contents/.platctl/files.json",
                201,
                json!({"commit": {"sha": "c1"}}),
            ),
            base(&owner(), &json!({})),
            missing(README),
            missing(ROOT),
        ];
        lines.extend(committed());
        let (hosts, asked) = script(lines);
        let cloud = with_hosts(hosts, &app());
        Files::create(&cloud, &Files::example(), &claim())
            .await
            .unwrap();
        let asked = asked.lock().unwrap();
        assert!(
            asked[1..]
                .iter()
                .all(|one| one.authorization == "Bearer ghs_1")
        );
        let tree = asked.iter().find(|one| one.line == TREES).unwrap();
        let paths: Vec<&str> = tree.body["tree"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|entry| entry["path"].as_str())
            .collect();
        assert_eq!(
            paths,
            [
                "README.md",
                "clusters/prod/root.yaml",
                ".platctl/files.json"
            ]
        );
        assert_eq!(tree.body["base_tree"], "t1");
        let commit = asked.iter().find(|one| one.line == COMMITS).unwrap();
        assert_eq!(commit.body["parents"], json!(["c1"]));
        let moved = asked.last().unwrap();
        assert_eq!(moved.body, json!({"sha": "c2", "force": false}));
    }

    #[tokio::test]
    async fn what_was_written_is_read_with_its_owner_and_the_version_of_the_secret() {
        let files = json!({"README.md": "# What runs\n"});
        let (hosts, _) = script(vec![token(), at("c1"), base(&owner(), &files)]);
        let cloud = with_hosts(hosts, &app());
        let id = id_of::<Files>(&Files::example());
        let found = Files::describe(&cloud, std::slice::from_ref(&id))
            .await
            .unwrap();
        let live = found[0].as_ref().unwrap();
        assert_eq!(live.owner, Some(owner()));
        assert_eq!(live.outputs.commit_id, "c1");
        assert_eq!(live.outputs.credential_version, "v1");
        assert_eq!(live.spec.files["README.md"].as_str(), "# What runs\n");
        assert_eq!(live.spec.credential, Files::example().credential);
    }

    async fn updated(lines: Vec<Line>, spec: &Spec) -> CloudResult<()> {
        let (hosts, _) = script(lines);
        let cloud = with_hosts(hosts, &app());
        let live = Live {
            id: id_of::<Files>(spec),
            spec: spec.clone(),
            outputs: Outputs {
                commit_id: "c1".into(),
                credential_version: "v1".into(),
            },
            owner: Some(owner()),
            phase: Phase::Ready,
        };
        let change = changes(&[("/files/README.md", json!("old"), json!("new"))]);
        Files::update(&cloud, &live, spec, &change, &owner()).await
    }

    #[tokio::test]
    async fn what_a_person_changed_is_a_conflict_and_nothing_is_written() {
        let mut spec = Files::example();
        spec.files.remove("clusters/prod/root.yaml");
        let lines = vec![
            token(),
            at("c1"),
            base(&owner(), &json!({"README.md": "old"})),
            (README, 200, json!("theirs")),
        ];
        let error = updated(lines, &spec).await.unwrap_err();
        assert_eq!(error.class, Class::Protected);
        assert!(
            error.message.contains(
                "conflict in README.md (branch main of acme/example-gitops on github.com)"
            ),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_commit_in_between_is_for_the_next_try() {
        let mut spec = Files::example();
        spec.files.remove("clusters/prod/root.yaml");
        let mut lines = vec![
            token(),
            at("c1"),
            base(&owner(), &json!({"README.md": "old"})),
            (README, 200, json!("old")),
        ];
        lines.extend(committed());
        if let Some(last) = lines.last_mut() {
            *last = (
                MOVE,
                422,
                json!({"message": "Update is not a fast forward"}),
            );
        }
        let error = updated(lines, &spec).await.unwrap_err();
        assert_eq!(error.class, Class::Busy, "{error}");
    }

    /// Workflows are another permission, for which only a commit of workflows asks: an App need not have it.
    #[tokio::test]
    async fn a_workflow_is_committed_with_a_token_that_may() {
        let spec = Spec {
            files: [(
                ".github/workflows/check.yml".to_owned(),
                Text("on: push".into()),
            )]
            .into(),
            ..Files::example()
        };
        let mut lines = vec![
            token(),
            at("c1"),
            base(&owner(), &json!({})),
            missing(
                "GET https://api.github.com/repos/acme/example-gitops/contents/.github/workflows/check.yml?ref=c1",
            ),
            (TOKEN, 201, json!({"token": "ghs_2"})),
        ];
        lines.extend(committed());
        let (hosts, asked) = script(lines);
        let cloud = with_hosts(hosts, &app());
        let keep = std::collections::BTreeSet::new();
        let id = id_of::<Files>(&spec);
        let place = Place::of(&cloud, &id);
        crate::branch::write(&Files::on(place), &spec.files, &keep, Some(&owner()))
            .await
            .unwrap();
        let asked = asked.lock().unwrap();
        let tokens: Vec<&Value> = asked
            .iter()
            .filter(|one| one.line == TOKEN)
            .map(|one| &one.body["permissions"])
            .collect();
        assert_eq!(
            tokens,
            [
                &json!({"contents": "write"}),
                &json!({"contents": "write", "workflows": "write"})
            ]
        );
        let tree = asked.iter().find(|one| one.line == TREES).unwrap();
        assert_eq!(tree.authorization, "Bearer ghs_2");
    }

    /// What GitHub says of the repository and of the permission is told apart: each is mended elsewhere.
    #[tokio::test]
    async fn a_permission_that_the_app_lacks_is_named() {
        for (said, expected) in [
            (
                "The permissions requested are not granted to this installation.",
                "needs: `Contents: read and write`. Add it in the settings of the App",
            ),
            (
                "There is at least one repository that does not exist or is not accessible.",
                "the repository acme/example-gitops does not exist",
            ),
        ] {
            let (hosts, _) = script(vec![(TOKEN, 422, json!({"message": said}))]);
            let cloud = with_hosts(hosts, &app());
            let id = id_of::<Files>(&Files::example());
            let found = Files::describe(&cloud, std::slice::from_ref(&id)).await;
            let error = found.unwrap_err();
            assert_eq!(error.class, Class::Denied, "{error}");
            let message = &error.message;
            assert!(message.contains(expected), "{message}");
            assert!(message.contains(said), "{message}");
        }
    }

    #[tokio::test]
    async fn files_of_another_stack_are_left_alone() {
        let staging = Owner {
            stack: "staging".into(),
            ..owner()
        };
        let lines = vec![token(), at("c1"), base(&staging, &json!({"a": "b"}))];
        let error = updated(lines, &Files::example()).await.unwrap_err();
        assert_eq!(error.class, Class::Protected);
        assert!(error.message.contains("of the stack staging"), "{error}");
    }

    #[tokio::test]
    async fn a_repository_out_of_reach_is_said_with_what_to_do() {
        let words = "There is at least one repository that does not exist or is not accessible";
        let (hosts, _) = script(vec![(TOKEN, 422, json!({"message": words}))]);
        let cloud = with_hosts(hosts, &app());
        let error = Files::create(&cloud, &Files::example(), &claim())
            .await
            .unwrap_err();
        assert_eq!(error.class, Class::Denied);
        for part in ["acme/example-gitops", "install the GitHub App", words] {
            assert!(error.message.contains(part), "{error}");
        }
    }

    #[test]
    fn a_server_of_ones_own_is_a_place_of_its_own() {
        let own = Spec {
            url: Some("https://git.example.com".into()),
            ..Files::example()
        };
        assert!(Files::check(&own).is_ok());
        assert_ne!(id_of::<Files>(&own), id_of::<Files>(&Files::example()));
        let nested = Spec {
            repository: "acme/platform/gitops".into(),
            ..own
        };
        assert_eq!(Files::check(&nested).unwrap_err().path, "/repository");
    }
}
