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
    /// Says what takes long.
    pub teller: platctl_engine::tell::Teller,
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
    /// ACM of this region.
    pub acm: aws_sdk_acm::Client,
    /// Application Auto Scaling of this region.
    pub autoscaling: aws_sdk_applicationautoscaling::Client,
    /// EC2 Auto Scaling of this region.
    pub asg: aws_sdk_autoscaling::Client,
    /// AWS Backup of this region.
    pub backup: aws_sdk_backup::Client,
    /// CloudFront, which is global.
    pub cloudfront: aws_sdk_cloudfront::Client,
    /// CloudWatch of this region.
    pub cloudwatch: aws_sdk_cloudwatch::Client,
    /// CodeBuild of this region.
    pub codebuild: aws_sdk_codebuild::Client,
    /// CodeCommit of this region.
    pub codecommit: aws_sdk_codecommit::Client,
    /// CodeConnections of this region.
    pub codeconnections: aws_sdk_codeconnections::Client,
    /// CodePipeline of this region.
    pub codepipeline: aws_sdk_codepipeline::Client,
    /// ECR of this region.
    pub ecr: aws_sdk_ecr::Client,
    /// EKS of this region.
    pub eks: aws_sdk_eks::Client,
    /// Elastic Load Balancing of this region.
    pub elbv2: aws_sdk_elasticloadbalancingv2::Client,
    /// EventBridge of this region.
    pub events: aws_sdk_eventbridge::Client,
    /// RDS of this region.
    pub rds: aws_sdk_rds::Client,
    /// Route 53, which is global.
    pub route53: aws_sdk_route53::Client,
    /// Secrets Manager of this region.
    pub secretsmanager: aws_sdk_secretsmanager::Client,
    /// SNS of this region.
    pub sns: aws_sdk_sns::Client,
    /// Systems Manager of this region.
    pub ssm: aws_sdk_ssm::Client,
    /// The public DNS.
    pub dns: crate::dns::Dns,
    /// WAF of this region; what is for CloudFront lives in us-east-1.
    pub wafv2: aws_sdk_wafv2::Client,
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
            teller: platctl_engine::tell::Teller::default(),
            ec2: mock_client!(aws_sdk_ec2, RuleMode::Sequential, &[]),
            iam: mock_client!(aws_sdk_iam, RuleMode::Sequential, &[]),
            kms: mock_client!(aws_sdk_kms, RuleMode::Sequential, &[]),
            s3: mock_client!(aws_sdk_s3, RuleMode::Sequential, &[]),
            logs: mock_client!(aws_sdk_cloudwatchlogs, RuleMode::Sequential, &[]),
            acm: mock_client!(aws_sdk_acm, RuleMode::Sequential, &[]),
            autoscaling: mock_client!(aws_sdk_applicationautoscaling, RuleMode::Sequential, &[]),
            asg: mock_client!(aws_sdk_autoscaling, RuleMode::Sequential, &[]),
            backup: mock_client!(aws_sdk_backup, RuleMode::Sequential, &[]),
            cloudfront: mock_client!(aws_sdk_cloudfront, RuleMode::Sequential, &[]),
            cloudwatch: mock_client!(aws_sdk_cloudwatch, RuleMode::Sequential, &[]),
            codebuild: mock_client!(aws_sdk_codebuild, RuleMode::Sequential, &[]),
            codecommit: mock_client!(aws_sdk_codecommit, RuleMode::Sequential, &[]),
            codeconnections: mock_client!(aws_sdk_codeconnections, RuleMode::Sequential, &[]),
            codepipeline: mock_client!(aws_sdk_codepipeline, RuleMode::Sequential, &[]),
            ecr: mock_client!(aws_sdk_ecr, RuleMode::Sequential, &[]),
            eks: mock_client!(aws_sdk_eks, RuleMode::Sequential, &[]),
            elbv2: mock_client!(aws_sdk_elasticloadbalancingv2, RuleMode::Sequential, &[]),
            events: mock_client!(aws_sdk_eventbridge, RuleMode::Sequential, &[]),
            rds: mock_client!(aws_sdk_rds, RuleMode::Sequential, &[]),
            route53: mock_client!(aws_sdk_route53, RuleMode::Sequential, &[]),
            secretsmanager: mock_client!(aws_sdk_secretsmanager, RuleMode::Sequential, &[]),
            sns: mock_client!(aws_sdk_sns, RuleMode::Sequential, &[]),
            ssm: mock_client!(aws_sdk_ssm, RuleMode::Sequential, &[]),
            dns: crate::dns::Dns::none(),
            wafv2: mock_client!(aws_sdk_wafv2, RuleMode::Sequential, &[]),
        }
    }

    /// The owner that tests write and expect.
    pub(crate) fn owner() -> platctl_engine::Owner {
        platctl_engine::Owner {
            stack: "prod".into(),
            address: "network.thing".into(),
            generation: 1,
            region: Some("eu-west-1".into()),
            lineage: Some("0123456789abcdef0123456789abcdef".into()),
        }
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
