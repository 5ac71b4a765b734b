//! Tools beside platctl that say by a tag what they made.

use std::fmt;

use crate::tags::Tags;

/// A tool that made an object, and what it calls the whole that the object belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tool {
    /// eksctl, for this cluster.
    Eksctl(String),
    /// AWS CloudFormation, in this stack.
    CloudFormation(String),
}

/// The key of a tag, and the tool whose whole its value names.
type Mark = (&'static str, fn(String) -> Tool);

/// The tags by which the tools mark what they made, the most particular one first: eksctl works through
/// CloudFormation.
const MARKS: [Mark; 2] = [
    ("alpha.eksctl.io/cluster-name", Tool::Eksctl),
    ("aws:cloudformation:stack-name", Tool::CloudFormation),
];

impl Tool {
    /// The keys of the tags to search for.
    pub fn marks() -> impl Iterator<Item = &'static str> {
        MARKS.iter().map(|(key, _)| *key)
    }

    pub(super) fn of(tags: &Tags) -> Option<Self> {
        let mut marks = MARKS.iter();
        marks.find_map(|(key, tool)| Some(tool(tags.get(*key)?.clone())))
    }

    /// What deletes the whole, in the tool's own order.
    #[must_use]
    pub fn command(&self, region: &str) -> String {
        match self {
            Self::Eksctl(cluster) => {
                format!("eksctl delete cluster --name {cluster} --region {region}")
            }
            Self::CloudFormation(stack) => {
                format!("aws cloudformation delete-stack --stack-name {stack} --region {region}")
            }
        }
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Eksctl(cluster) => write!(f, "eksctl cluster `{cluster}`"),
            Self::CloudFormation(stack) => write!(f, "CloudFormation stack `{stack}`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_eksctl_made_through_cloudformation_is_eksctls() {
        let tag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let mut tags = Tags::from([tag("aws:cloudformation:stack-name", "eksctl-a-cluster")]);
        assert_eq!(
            Tool::of(&tags).map(|tool| tool.to_string()),
            Some("CloudFormation stack `eksctl-a-cluster`".to_owned())
        );
        tags.extend([tag("alpha.eksctl.io/cluster-name", "a")]);
        assert_eq!(
            Tool::of(&tags).map(|tool| tool.command("eu-west-1")),
            Some("eksctl delete cluster --name a --region eu-west-1".to_owned())
        );
        assert_eq!(Tool::of(&Tags::new()), None);
    }
}
