//! The clients of one region: one row for each service.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, LazyLock};

use aws_config::{Region, SdkConfig};
use aws_smithy_runtime_api::client::interceptors::SharedInterceptor;

/// A client that is made when it is first used: most commands speak to a few services only.
pub struct Lazy<C>(Arc<LazyLock<C, Box<dyn FnOnce() -> C + Send>>>);

impl<C> Lazy<C> {
    pub(crate) fn new(make: impl FnOnce() -> C + Send + 'static) -> Self {
        Self(Arc::new(LazyLock::new(Box::new(make))))
    }
}

impl<C: Send + 'static> From<C> for Lazy<C> {
    fn from(client: C) -> Self {
        Self::new(move || client)
    }
}

impl<C> Deref for Lazy<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.0
    }
}

impl<C> Clone for Lazy<C> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<C> fmt::Debug for Lazy<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lazy")
    }
}

/// Where an account's objects of a region are.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) region: String,
    pub(crate) account: String,
    pub(crate) partition: String,
}

/// The endpoint of the region itself.
fn here(place: &Place) -> Region {
    Region::new(place.region.clone())
}

/// The endpoint that serves what the whole partition shares.
fn global(place: &Place) -> Region {
    Region::from_static(global_region(&place.partition))
}

/// The region that has what the whole partition shares.
pub(crate) fn global_region(partition: &str) -> &'static str {
    match partition {
        "aws-cn" => "cn-north-1",
        "aws-us-gov" => "us-gov-west-1",
        _ => "us-east-1",
    }
}

/// An emulator has no host of its own for each bucket, so that buckets are part of the path there.
fn path_style(
    builder: aws_sdk_s3::config::Builder,
    config: &SdkConfig,
) -> aws_sdk_s3::config::Builder {
    builder.force_path_style(config.endpoint_url().is_some())
}

macro_rules! clients {
    ($($(#[$doc:meta])* $field:ident: $sdk:ident in $home:ident $(with $tune:ident)?),* $(,)?) => {
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
            /// The public DNS.
            pub dns: crate::dns::Dns,
            /// The hosts of repositories outside of AWS.
            pub hosts: crate::web::Hosts,
            /// The updates of EKS that this process has begun.
            pub(crate) updates: crate::eks::updates::Begun,
            /// The releases of images of nodes that this process has asked for.
            pub(crate) releases: crate::eks::releases::Published,
            /// The rights in clusters that this process has given to builds of runners.
            pub(crate) rights: crate::reach::Given,
            /// What this process does about the programs of the clusters that it deletes.
            pub departure: crate::leftovers::Departure,
            $($(#[$doc])* pub $field: Lazy<$sdk::Client>,)*
        }

        impl Cloud {
            /// The clients of a place.
            pub(crate) fn new(
                place: Place,
                config: &SdkConfig,
                meter: &SharedInterceptor,
                teller: platctl_engine::tell::Teller,
                (dns, hosts): (crate::dns::Dns, crate::web::Hosts),
            ) -> Self {
                Self {
                    $($field: {
                        let (config, meter, region) = (config.clone(), meter.clone(), $home(&place));
                        Lazy::new(move || {
                            let builder = $sdk::config::Builder::from(&config).region(region);
                            $(let builder = $tune(builder, &config);)?
                            $sdk::Client::from_conf(builder.interceptor(meter).build())
                        })
                    },)*
                    region: place.region,
                    account: place.account,
                    partition: place.partition,
                    teller,
                    updates: crate::eks::updates::Begun::default(),
                    releases: crate::eks::releases::Published::default(),
                    rights: crate::reach::Given::default(),
                    departure: crate::leftovers::Departure::default(),
                    dns,
                    hosts,
                }
            }

            /// A cloud whose clients refuse every call; a test replaces the one that it needs.
            #[cfg(test)]
            fn mocked() -> Self {
                Self {
                    $($field: aws_smithy_mocks::mock_client!($sdk, aws_smithy_mocks::RuleMode::Sequential, &[]).into(),)*
                    region: "eu-west-1".into(),
                    account: "123456789012".into(),
                    partition: "aws".into(),
                    teller: platctl_engine::tell::Teller::default(),
                    updates: crate::eks::updates::Begun::default(),
                    releases: crate::eks::releases::Published::default(),
                    rights: crate::reach::Given::default(),
                    departure: crate::leftovers::Departure::default(),
                    dns: crate::dns::Dns::none(),
                    hosts: crate::web::tests::script(Vec::new()).0,
                }
            }
        }
    };
}

// A new service is one row: its field, the SDK's crate, and whether its endpoint is `here`, in the region, or `global`;
// `with` a function, where its client is set up in another way than the others.
clients! {
    /// EC2 of this region.
    ec2: aws_sdk_ec2 in here,
    /// IAM, which is global: its client signs for the partition's IAM region.
    iam: aws_sdk_iam in global,
    /// KMS of this region.
    kms: aws_sdk_kms in here,
    /// S3, for buckets of this region.
    s3: aws_sdk_s3 in here with path_style,
    /// CloudWatch Logs of this region.
    logs: aws_sdk_cloudwatchlogs in here,
    /// ACM of this region.
    acm: aws_sdk_acm in here,
    /// Application Auto Scaling of this region.
    autoscaling: aws_sdk_applicationautoscaling in here,
    /// EC2 Auto Scaling of this region.
    asg: aws_sdk_autoscaling in here,
    /// AWS Backup of this region.
    backup: aws_sdk_backup in here,
    /// CloudFront, which is global.
    cloudfront: aws_sdk_cloudfront in global,
    /// CloudWatch of this region.
    cloudwatch: aws_sdk_cloudwatch in here,
    /// CodeBuild of this region.
    codebuild: aws_sdk_codebuild in here,
    /// CodeCommit of this region.
    codecommit: aws_sdk_codecommit in here,
    /// CodeConnections of this region.
    codeconnections: aws_sdk_codeconnections in here,
    /// CodePipeline of this region.
    codepipeline: aws_sdk_codepipeline in here,
    /// ECR of this region.
    ecr: aws_sdk_ecr in here,
    /// EKS of this region.
    eks: aws_sdk_eks in here,
    /// ElastiCache of this region.
    elasticache: aws_sdk_elasticache in here,
    /// Elastic Load Balancing of this region.
    elbv2: aws_sdk_elasticloadbalancingv2 in here,
    /// EventBridge of this region.
    events: aws_sdk_eventbridge in here,
    /// RDS of this region.
    rds: aws_sdk_rds in here,
    /// The index of tags of this region.
    tagging: aws_sdk_resourcegroupstagging in here,
    /// Route 53, which is global.
    route53: aws_sdk_route53 in global,
    /// Secrets Manager of this region.
    secretsmanager: aws_sdk_secretsmanager in here,
    /// SNS of this region.
    sns: aws_sdk_sns in here,
    /// SQS of this region.
    sqs: aws_sdk_sqs in here,
    /// Systems Manager of this region.
    ssm: aws_sdk_ssm in here,
    /// WAF of this region; what is for CloudFront lives in us-east-1.
    wafv2: aws_sdk_wafv2 in here,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::Cloud;

    /// A cloud whose clients refuse every call; a test replaces the one that it needs.
    pub(crate) fn cloud() -> Cloud {
        Cloud::mocked()
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
        platctl_engine::Claim {
            owner: owner(),
            token: "platctl-token".into(),
        }
    }

    /// A change, as the engine hands it to `update`.
    pub(crate) fn changes(
        list: &[(&str, serde_json::Value, serde_json::Value)],
    ) -> platctl_engine::Changes {
        let some = |value: &serde_json::Value| (!value.is_null()).then(|| value.clone());
        let change = |(path, before, after): &(&str, serde_json::Value, serde_json::Value)| {
            platctl_engine::Change {
                path: (*path).to_owned(),
                before: some(before),
                after: some(after),
            }
        };
        platctl_engine::Changes::new(list.iter().map(change).collect()).unwrap()
    }
}
