//! `codecommit.ApprovalRuleTemplate`

use std::collections::BTreeSet;

use platctl_engine::fields::Fact::{Immutable, Name};
use platctl_engine::fields::Table;
use platctl_engine::{
    Changes, Claim, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase, Read,
    Replace, Resolved, SpecError, Stage, Timing,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::errors::{Ask, Asked, if_there};
use crate::types::unless_same;
use crate::{Cloud, Document};

/// A CodeCommit approval rule template: how many approvals new pull requests in its repositories need.
#[derive(Debug)]
pub struct ApprovalRuleTemplate;

/// A CodeCommit approval rule template: how many approvals new pull requests in its repositories need.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the template. Must be unique within the account and region. Up to 100 characters.
    pub approval_rule_template_name: String,
    /// A description of the template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval_rule_template_description: Option<String>,
    /// The rule, in the structure that the CodeCommit documentation defines. Existing pull requests keep theirs.
    pub approval_rule_template_content: Document,
    /// The names of the repositories to which the template applies. It is removed from all others.
    pub repository_names: S::In<BTreeSet<String>>,
}

platctl_engine::outputs! {
    /// Attributes of the template that other resources can reference.
    ApprovalRuleTemplate {
        /// The ID of the template.
        APPROVAL_RULE_TEMPLATE_ID: approval_rule_template_id: String,
    }
}

async fn repositories(cloud: &Cloud, name: &str) -> CloudResult<BTreeSet<String>> {
    let call = cloud
        .codecommit
        .list_repositories_for_approval_rule_template();
    let pages = call.approval_rule_template_name(name).into_paginator();
    let found: Result<Vec<_>, _> = pages.send().collect().await;
    let pages = found.asked()?.into_iter();
    Ok(pages
        .flat_map(|page| page.repository_names.unwrap_or_default())
        .collect())
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<ApprovalRuleTemplate>>> {
    let name = id.as_str();
    let call = cloud.codecommit.get_approval_rule_template();
    let answer = call.approval_rule_template_name(name).send().ask().await?;
    let Some(found) = answer.approval_rule_template else {
        return Ok(None);
    };
    let content = found.approval_rule_template_content();
    let description = found.approval_rule_template_description();
    let spec = Spec {
        approval_rule_template_name: name.to_owned(),
        approval_rule_template_description: Some(description.unwrap_or_default().to_owned()),
        approval_rule_template_content: content
            .and_then(Document::parse)
            .unwrap_or(Document::new(&Value::Null)),
        repository_names: repositories(cloud, name).await?,
    };
    let outputs = Outputs {
        approval_rule_template_id: found.approval_rule_template_id.unwrap_or_default(),
    };
    Ok(Some(Live {
        id: id.clone(),
        spec,
        outputs,
        owner: None,
        phase: Phase::Ready,
    }))
}

async fn remove(cloud: &Cloud, template: &str, repository: &str) -> CloudResult<()> {
    let call = cloud
        .codecommit
        .disassociate_approval_rule_template_from_repository()
        .approval_rule_template_name(template)
        .repository_name(repository);
    if_there(call.send().ask().await).map(drop)
}

async fn sync_repositories(
    cloud: &Cloud,
    template: &str,
    old: &BTreeSet<String>,
    new: &BTreeSet<String>,
) -> CloudResult<()> {
    for repository in new.difference(old) {
        let call = cloud
            .codecommit
            .associate_approval_rule_template_with_repository()
            .approval_rule_template_name(template)
            .repository_name(repository);
        call.send().ask().await?;
    }
    for repository in old.difference(new) {
        remove(cloud, template, repository).await?;
    }
    Ok(())
}

impl Kind for ApprovalRuleTemplate {
    const NAME: &'static str = "codecommit.ApprovalRuleTemplate";
    const FIELDS: &'static Table = &[("/approval_rule_template_name", &[Immutable, Name])];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const TAGGED: bool = false;
    const PERMISSIONS: Permissions = Permissions {
        read: &[
            "codecommit:GetApprovalRuleTemplate",
            "codecommit:ListRepositoriesForApprovalRuleTemplate",
        ],
        create: &["codecommit:CreateApprovalRuleTemplate"],
        update: &[
            "codecommit:UpdateApprovalRuleTemplateContent",
            "codecommit:UpdateApprovalRuleTemplateDescription",
            "codecommit:AssociateApprovalRuleTemplateWithRepository",
            "codecommit:DisassociateApprovalRuleTemplateFromRepository",
        ],
        delete: &[
            "codecommit:DisassociateApprovalRuleTemplateFromRepository",
            "codecommit:DeleteApprovalRuleTemplate",
        ],
    };
    const TIMING: Timing = Timing::SYNCHRONOUS;

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        let content = json!({
            "Version": "2018-11-08",
            "DestinationReferences": ["refs/heads/main"],
            "Statements": [{"Type": "Approvers", "NumberOfApprovalsNeeded": 1}],
        });
        Spec {
            approval_rule_template_name: "example".into(),
            approval_rule_template_description: Some("Another person has to approve".into()),
            approval_rule_template_content: Document::new(&content),
            repository_names: BTreeSet::from(["example-manifests".into()]),
        }
    }

    fn variations() -> Vec<(&'static str, Value)> {
        let two = json!({
            "Version": "2018-11-08",
            "Statements": [{"Type": "Approvers", "NumberOfApprovalsNeeded": 2}],
        });
        vec![
            (
                "/approval_rule_template_description",
                json!("Two people have to approve"),
            ),
            ("/approval_rule_template_content", two),
            ("/repository_names", json!([])),
            ("/approval_rule_template_name", json!("example-2")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        if (1..=100).contains(&spec.approval_rule_template_name.len()) {
            return Ok(());
        }
        let message = "must have 1 to 100 characters";
        Err(SpecError::new("/approval_rule_template_name", message))
    }

    fn replacement(live: &Spec, desired: &Spec) -> Replace {
        unless_same(
            &live.approval_rule_template_name,
            &desired.approval_rule_template_name,
        )
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(Id::from(spec.approval_rule_template_name.as_str()))
    }

    /// The repositories follow by `update`.
    async fn create(cloud: &Cloud, spec: &Spec, _claim: &Claim) -> CloudResult<Id> {
        let name = spec.approval_rule_template_name.as_str();
        let call = cloud
            .codecommit
            .create_approval_rule_template()
            .approval_rule_template_name(name)
            .approval_rule_template_content(spec.approval_rule_template_content.to_json())
            .set_approval_rule_template_description(
                spec.approval_rule_template_description.clone(),
            );
        call.send().ask().await?;
        Ok(Id::from(name))
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        _owner: &Owner,
    ) -> CloudResult<()> {
        let name = live.id.as_str();
        if changes.touch("/approval_rule_template_content") {
            let call = cloud.codecommit.update_approval_rule_template_content();
            let call = call.approval_rule_template_name(name);
            let call = call.new_rule_content(spec.approval_rule_template_content.to_json());
            call.send().ask().await?;
        }
        if changes.touch("/approval_rule_template_description") {
            let description = spec.approval_rule_template_description.clone();
            let call = cloud.codecommit.update_approval_rule_template_description();
            let call = call.approval_rule_template_name(name);
            let call = call.approval_rule_template_description(description.unwrap_or_default());
            call.send().ask().await?;
        }
        if changes.touch("/repository_names") {
            let (old, new) = (&live.spec.repository_names, &spec.repository_names);
            sync_repositories(cloud, name, old, new).await?;
        }
        Ok(())
    }

    /// A template that a repository has cannot be deleted.
    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let name = live.id.as_str();
        for repository in &live.spec.repository_names {
            remove(cloud, name, repository).await?;
        }
        let call = cloud.codecommit.delete_approval_rule_template();
        let call = call.approval_rule_template_name(name);
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::cloud;
    use aws_sdk_codecommit::Client;
    use aws_sdk_codecommit::operation::associate_approval_rule_template_with_repository::AssociateApprovalRuleTemplateWithRepositoryOutput as Associated;
    use aws_sdk_codecommit::operation::disassociate_approval_rule_template_from_repository::DisassociateApprovalRuleTemplateFromRepositoryOutput as Disassociated;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    #[tokio::test]
    async fn only_repositories_that_differ_are_touched() {
        let add = mock!(Client::associate_approval_rule_template_with_repository)
            .match_requests(|request| request.repository_name() == Some("new"))
            .then_output(|| Associated::builder().build());
        let remove = mock!(Client::disassociate_approval_rule_template_from_repository)
            .match_requests(|request| request.repository_name() == Some("old"))
            .then_output(|| Disassociated::builder().build());
        let client = mock_client!(aws_sdk_codecommit, RuleMode::Sequential, &[&add, &remove]);
        let cloud = Cloud {
            codecommit: client.into(),
            ..cloud()
        };
        let set = |names: [&str; 2]| BTreeSet::from(names.map(ToOwned::to_owned));
        let (old, new) = (set(["both", "old"]), set(["both", "new"]));
        sync_repositories(&cloud, "one", &old, &new).await.unwrap();
        assert_eq!((add.num_calls(), remove.num_calls()), (1, 1));
    }
}
