"""CodeCommit: templates of approval rules."""

import json

RULE = json.dumps({"Version": "2018-11-08", "Statements": [{"Type": "Approvers", "NumberOfApprovalsNeeded": 1}]})
ABOUT = {"approvalRuleTemplateName": "one"}


def test_a_template_stays_for_as_long_as_a_repository_has_it(aws):
    git = aws.codecommit
    with aws.refused("ApprovalRuleTemplateDoesNotExistException"):
        git.get_approval_rule_template(**ABOUT)
    with aws.refused("InvalidApprovalRuleTemplateContentException"):
        git.create_approval_rule_template(**ABOUT, approvalRuleTemplateContent="{}")
    git.create_approval_rule_template(**ABOUT, approvalRuleTemplateContent=RULE)
    with aws.refused("ApprovalRuleTemplateNameAlreadyExistsException"):
        git.create_approval_rule_template(**ABOUT, approvalRuleTemplateContent=RULE)
    with aws.refused("RepositoryDoesNotExistException"):
        git.associate_approval_rule_template_with_repository(**ABOUT, repositoryName="code")
    git.create_repository(repositoryName="code")
    for _ in range(2):
        git.associate_approval_rule_template_with_repository(**ABOUT, repositoryName="code")
    assert git.list_repositories_for_approval_rule_template(**ABOUT)["repositoryNames"] == ["code"]
    with aws.refused("ApprovalRuleTemplateInUseException"):
        git.delete_approval_rule_template(**ABOUT)
    git.update_approval_rule_template_content(**ABOUT, newRuleContent=RULE.replace("1}", "2}"))
    git.update_approval_rule_template_description(**ABOUT, approvalRuleTemplateDescription="two")
    seen = git.get_approval_rule_template(**ABOUT)["approvalRuleTemplate"]
    assert '2}' in seen["approvalRuleTemplateContent"] and seen["approvalRuleTemplateDescription"] == "two"
    git.disassociate_approval_rule_template_from_repository(**ABOUT, repositoryName="code")
    git.delete_approval_rule_template(**ABOUT)
    with aws.refused("ApprovalRuleTemplateDoesNotExistException"):
        git.get_approval_rule_template(**ABOUT)
