//! The clients of one region.

/// The clients through which the kinds of one region speak.
#[derive(Clone, Debug)]
pub struct Cloud {
    /// The region: `eu-west-1`.
    pub region: String,
    /// The account's number: 12 digits.
    pub account: String,
    /// The partition: `aws`, `aws-cn`, `aws-us-gov`, …
    pub partition: String,
    /// EC2 of this region.
    pub ec2: aws_sdk_ec2::Client,
    /// IAM, which is global: its client signs for the partition's IAM region.
    pub iam: aws_sdk_iam::Client,
    /// KMS of this region.
    pub kms: aws_sdk_kms::Client,
    /// S3, for buckets of this region.
    pub s3: aws_sdk_s3::Client,
    /// CloudWatch Logs of this region.
    pub logs: aws_sdk_cloudwatchlogs::Client,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::Cloud;
    use aws_smithy_mocks::{RuleMode, mock_client};

    /// A cloud whose clients refuse every call; a test replaces the one that it needs.
    pub(crate) fn cloud() -> Cloud {
        Cloud {
            region: "eu-west-1".into(),
            account: "123456789012".into(),
            partition: "aws".into(),
            ec2: mock_client!(aws_sdk_ec2, RuleMode::Sequential, &[]),
            iam: mock_client!(aws_sdk_iam, RuleMode::Sequential, &[]),
            kms: mock_client!(aws_sdk_kms, RuleMode::Sequential, &[]),
            s3: mock_client!(aws_sdk_s3, RuleMode::Sequential, &[]),
            logs: mock_client!(aws_sdk_cloudwatchlogs, RuleMode::Sequential, &[]),
        }
    }

    /// The owner that tests write and expect.
    pub(crate) fn owner() -> platctl_engine::Owner {
        platctl_engine::Owner { stack: "prod".into(), address: "network.thing".into(), generation: 1 }
    }

    /// A claim of that owner.
    pub(crate) fn claim() -> platctl_engine::Claim {
        platctl_engine::Claim { owner: owner(), token: "platctl-token".into() }
    }

    /// A change, as the engine hands it to `update`.
    pub(crate) fn changes(list: &[(&str, serde_json::Value, serde_json::Value)]) -> platctl_engine::Changes {
        let some = |value: &serde_json::Value| (!value.is_null()).then(|| value.clone());
        let change = |(path, before, after): &(&str, serde_json::Value, serde_json::Value)| {
            platctl_engine::Change { path: (*path).to_owned(), before: some(before), after: some(after) }
        };
        platctl_engine::Changes::new(list.iter().map(change).collect()).unwrap()
    }
}
