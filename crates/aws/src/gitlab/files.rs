//! `gitlab.Files`: files that platctl writes into a repository on GitLab in which people work as well.

use platctl_engine::fields::Table;
use platctl_engine::{
    Changes, Claim, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase, Read,
    Replace, SpecError, Stage, Timing,
};
use serde_json::Value;

use super::api::OnGitLab;
use crate::Cloud;
use crate::host::{Place, credential_is_fixed};
use crate::hosted_files::{self, Hosted};

pub use crate::hosted_files::Spec;

/// Files on a branch of a repository on GitLab. Changes that people make after platctl has written a file
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
    const URL: &'static str = "https://gitlab.com";
    const PARTS: Option<usize> = None;
    type On<'a> = OnGitLab<'a>;

    fn on(place: Place<'_>) -> OnGitLab<'_> {
        OnGitLab(place)
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
    const NAME: &'static str = "gitlab.Files";
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
        hosted_files::example("example/gitlab-token")
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
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use platctl_engine::Class;
    use serde_json::json;

    use super::*;
    use crate::cloud::tests::{claim, owner};
    use crate::host::tests::with_hosts;
    use crate::web::tests::{Line, script};

    const PROJECT: &str = "GET https://gitlab.com/api/v4/projects/acme%2Fexample-gitops";
    const BRANCH: &str =
        "GET https://gitlab.com/api/v4/projects/acme%2Fexample-gitops/repository/branches/main";
    const BASE: &str = "GET https://gitlab.com/api/v4/projects/acme%2Fexample-gitops/repository/files/.platctl%2Ffiles.json?ref=c1";
    const README: &str = "GET https://gitlab.com/api/v4/projects/acme%2Fexample-gitops/repository/files/README.md?ref=c1";
    const COMMITS: &str =
        "POST https://gitlab.com/api/v4/projects/acme%2Fexample-gitops/repository/commits";

    fn missing(line: &'static str) -> Line {
        (line, 404, json!({"message": "404 Not Found"}))
    }

    fn file(line: &'static str, text: &str) -> Line {
        let content = STANDARD.encode(text);
        (
            line,
            200,
            json!({"content": content, "last_commit_id": "c0"}),
        )
    }

    fn at(commit: &str) -> Line {
        (BRANCH, 200, json!({"commit": {"id": commit}}))
    }

    fn readme_only() -> Spec {
        let mut spec = Files::example();
        spec.files.remove("clusters/prod/root.yaml");
        spec
    }

    #[tokio::test]
    async fn the_first_commit_of_an_empty_project_makes_the_branch() {
        let (hosts, asked) = script(vec![
            missing(BRANCH),
            (
                PROJECT,
                200,
                json!({"empty_repo": true, "default_branch": null}),
            ),
            (COMMITS, 201, json!({"id": "c1"})),
        ]);
        let cloud = with_hosts(hosts, &json!({"token": "glpat-CANARY"}));
        Files::create(&cloud, &Files::example(), &claim())
            .await
            .unwrap();
        let asked = asked.lock().unwrap();
        let commit = asked.last().unwrap();
        assert_eq!(commit.authorization, "glpat-CANARY");
        assert_eq!(commit.body["branch"], "main");
        let actions = commit.body["actions"].as_array().unwrap();
        assert_eq!(actions.len(), 3);
        assert!(actions.iter().all(|one| one["action"] == "create"));
    }

    #[tokio::test]
    async fn a_change_says_what_it_is_a_change_of() {
        let base = json!({"owner": owner(), "files": {"README.md": "old"}}).to_string();
        let (hosts, asked) = script(vec![
            at("c1"),
            file(BASE, &base),
            file(README, "old"),
            file(README, "old"),
            file(BASE, &base),
            (
                COMMITS,
                400,
                json!({"message": "You are attempting to update a file that has changed since you started editing it."}),
            ),
        ]);
        let cloud = with_hosts(hosts, &json!({"token": "glpat-CANARY"}));
        let error = Files::create(&cloud, &readme_only(), &claim())
            .await
            .unwrap_err();
        assert_eq!(error.class, Class::Busy);
        assert!(!error.to_string().contains("CANARY"), "{error}");
        let asked = asked.lock().unwrap();
        let actions = asked.last().unwrap().body["actions"].clone();
        assert_eq!(actions[0]["action"], "update");
        assert_eq!(actions[0]["last_commit_id"], "c0");
    }

    #[tokio::test]
    async fn what_people_changed_and_platctl_has_nothing_new_for_stays() {
        let files = json!({"README.md": "# What runs\n"});
        let base = json!({"owner": owner(), "files": files}).to_string();
        let (hosts, _) = script(vec![at("c1"), file(BASE, &base)]);
        let cloud = with_hosts(hosts, &json!({"token": "glpat-1"}));
        Files::create(&cloud, &readme_only(), &claim())
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn a_project_out_of_reach_is_said_with_what_to_do() {
        let (hosts, _) = script(vec![missing(BRANCH), missing(PROJECT)]);
        let cloud = with_hosts(hosts, &json!({"token": "glpat-1"}));
        let error = Files::create(&cloud, &Files::example(), &claim())
            .await
            .unwrap_err();
        assert_eq!(error.class, Class::Denied);
        assert!(error.message.contains("role Maintainer"), "{error}");
    }

    #[test]
    fn groups_can_be_in_other_groups() {
        let nested = Spec {
            repository: "acme/platform/gitops".into(),
            ..Files::example()
        };
        assert!(Files::check(&nested).is_ok());
    }
}
