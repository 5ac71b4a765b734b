//! Who else has to agree before a pull request is merged.

use platctl_aws::Document;
use platctl_aws::codecommit::approval_rule_template::{ApprovalRuleTemplate, Spec};
use platctl_aws::codecommit::repository::{self, Repository};
use platctl_engine::{Declared, Handle};
use serde_json::json;

use super::Delivery;
use crate::declare::{Checked, Declare};
use crate::error::Fault;

/// CodeCommit counts no more.
const MOST: u8 = 10;

impl Delivery {
    /// One rule for all repositories. Whoever opened a pull request cannot approve it.
    pub(super) fn approval_rule(
        &self,
        repositories: &[Handle<Repository>],
        declare: &mut Declare<'_>,
    ) -> Checked<()> {
        let approvals = self.approvals(declare)?;
        if approvals == 0 {
            return Ok(());
        }
        let content = json!({
            "Version": "2018-11-08",
            "Statements": [{"Type": "Approvers", "NumberOfApprovalsNeeded": approvals}],
        });
        let names = repositories
            .iter()
            .map(|one| one.get(repository::out::REPOSITORY_NAME));
        declare.add::<ApprovalRuleTemplate>(
            "approvals",
            &Spec::<Declared> {
                approval_rule_template_name: declare.name("approvals"),
                approval_rule_template_description: Some(
                    "Approvals that pull requests need".into(),
                ),
                approval_rule_template_content: Document::new(&content),
                repository_names: declare.set(names)?,
            },
        )?;
        Ok(())
    }

    fn approvals(&self, declare: &Declare<'_>) -> Checked<u8> {
        match &self.approvals {
            None => Ok(u8::from(declare.protects())),
            Some(stated) if stated.value <= MOST => Ok(stated.value),
            Some(stated) => {
                let fault = Fault::new(format!("CodeCommit supports up to {MOST} approvals"));
                Err(vec![fault.at(stated.span, "not supported")])
            }
        }
    }
}
