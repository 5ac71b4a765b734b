//! `cloudfront.Distribution`

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudfront::types::{DistributionConfig, DistributionConfigWithTags};
use platctl_engine::fields::Fact::Holds;
use platctl_engine::fields::Table;
use platctl_engine::{
    Candidate, Changes, Claim, Class, CloudError, CloudResult, Id, Identity, Kind, Live, Owner,
    Permissions, Read, Resolved, SpecError, Stage, Timing, Wanted,
};
use serde::{Deserialize, Serialize};

use super::distribution_config::{configure, live};
use super::tags::{CloudFrontTags, tag_list};
use super::{
    Behavior, CustomErrorResponse, GeoRestriction, Logging, Origin, ViewerCertificate, built,
    present, secrets,
};
use crate::Cloud;
use crate::bounded::try_join_all;
use crate::errors::{Ask, Asked, if_there, made};
use crate::tags::{TagEdits, Tagged, Tags, by_address, claimed, edits, of_stack, split, write};
use crate::types::Arn;

/// A CloudFront distribution. Before a distribution is deleted, it is disabled, and platctl waits until the
/// change is deployed to all edge locations.
#[derive(Debug)]
pub struct Distribution;

/// A CloudFront distribution. Before a distribution is deleted, it is disabled, and platctl waits until the
/// change is deployed to all edge locations.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// A comment that describes the distribution. Up to 128 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The alternate domain names (CNAMEs) of the distribution, in lower case. The viewer certificate must
    /// cover them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aliases: Option<S::In<BTreeSet<String>>>,
    /// The origins, keyed by an ID of your choice.
    pub origins: BTreeMap<String, Origin<S>>,
    /// The cache behavior for requests that match no other cache behavior.
    pub default_cache_behavior: Behavior<S>,
    /// The cache behaviors for specific path patterns, in order. The first one that matches a request is
    /// used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_behaviors: Option<Vec<Behavior<S>>>,
    /// The SSL/TLS certificate for viewers. Required if `aliases` is set. Default: the certificate of
    /// CloudFront, which does not cover aliases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub viewer_certificate: Option<ViewerCertificate<S>>,
    /// The ARN of the AWS WAF web ACL, which must have the scope `CLOUDFRONT`. An empty string means no web
    /// ACL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub web_acl_id: Option<S::In<Arn>>,
    /// The object that CloudFront returns for requests for the root URL, such as `index.html`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_root_object: Option<String>,
    /// The custom responses to HTTP errors of the origin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_error_responses: Option<BTreeSet<CustomErrorResponse>>,
    /// The access log settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logging: Option<Logging<S>>,
    /// The countries from which content can be requested. Default: no restriction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub geo_restriction: Option<GeoRestriction>,
    /// The price class, which determines the edge locations that serve the distribution: `PriceClass_100`,
    /// `PriceClass_200` or `PriceClass_All`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_class: Option<String>,
    /// The highest HTTP version that viewers can use: `http1.1`, `http2`, `http3` or `http2and3`. Default:
    /// `http2and3`.
    #[serde(default = "http2and3")]
    pub http_version: String,
    /// Whether IPv6 is enabled. Default: `true`.
    #[serde(default = "yes")]
    pub is_ipv6_enabled: bool,
    /// Whether the distribution is enabled and accepts requests. Default: `true`.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Tags to assign to the distribution.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

fn http2and3() -> String {
    "http2and3".into()
}

const fn yes() -> bool {
    true
}

platctl_engine::outputs! {
    /// Attributes of the distribution that other resources can reference.
    Distribution {
        /// The ID of the distribution, such as `E…`.
        DISTRIBUTION_ID: distribution_id: String,
        /// The Amazon Resource Name (ARN) of the distribution.
        ARN: arn: Arn,
        /// The domain name of the distribution, such as `d….cloudfront.net`.
        DOMAIN_NAME: domain_name: String,
        /// The hosted zone ID of the domain name, for alias records. It is the same for all distributions.
        HOSTED_ZONE_ID: hosted_zone_id: String,
    }
    and unmanaged
}

async fn get(
    cloud: &Cloud,
    id: &str,
) -> CloudResult<Option<(aws_sdk_cloudfront::types::Distribution, Option<String>)>> {
    let call = cloud.cloudfront.get_distribution().id(id);
    match call.send().ask().await {
        Err(error) if error.class == Class::NotFound => Ok(None),
        other => other.map(|answer| Some((answer.distribution?, answer.e_tag))),
    }
}

async fn read(cloud: &Cloud, id: &str) -> CloudResult<Option<Live<Distribution>>> {
    let Some((found, _)) = get(cloud, id).await? else {
        return Ok(None);
    };
    let tags = CloudFrontTags::list(cloud, found.arn()).await?;
    let values = secrets::read(cloud, secrets::tagged(&tags).values()).await?;
    Ok(live(&found, tags, &values))
}

async fn replace(
    cloud: &Cloud,
    id: &str,
    config: DistributionConfig,
    etag: Option<String>,
) -> CloudResult<()> {
    let call = cloud
        .cloudfront
        .update_distribution()
        .id(id)
        .set_if_match(etag)
        .distribution_config(config);
    call.send().ask().await.map(drop)
}

impl Kind for Distribution {
    const NAME: &'static str = "cloudfront.Distribution";
    const FIELDS: &'static Table = &[
        ("/origins", &[Holds]),
        ("/default_cache_behavior", &[Holds]),
        ("/cache_behaviors", &[Holds]),
        ("/viewer_certificate", &[Holds]),
        ("/web_acl_id", &[Holds]),
        ("/logging", &[Holds]),
    ];
    const IDENTITY: Identity = Identity::Token;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id.as_str())));
    const PERMISSIONS: Permissions = Permissions {
        read: &[
            "cloudfront:GetDistribution",
            "cloudfront:ListDistributions",
            "cloudfront:ListTagsForResource",
            "secretsmanager:GetSecretValue",
        ],
        create: &[
            "cloudfront:CreateDistribution",
            "cloudfront:TagResource",
            "acm:DescribeCertificate",
            "wafv2:GetWebACL",
        ],
        update: &[
            "cloudfront:UpdateDistribution",
            "cloudfront:TagResource",
            "cloudfront:UntagResource",
            "acm:DescribeCertificate",
            "wafv2:GetWebACL",
        ],
        delete: &[
            "cloudfront:UpdateDistribution",
            "cloudfront:DeleteDistribution",
        ],
    };
    const TIMING: Timing = Timing::seconds(240, 240, 450, 3600);

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        super::distribution_example::example()
    }

    fn resets() -> Vec<(&'static str, serde_json::Value)> {
        use serde_json::json;
        vec![
            ("comment", json!("")),
            ("aliases", json!([])),
            ("cache_behaviors", json!([])),
            ("default_root_object", json!("")),
            ("custom_error_responses", json!([])),
            ("price_class", json!("PriceClass_All")),
        ]
    }

    fn variations() -> Vec<(&'static str, serde_json::Value)> {
        super::distribution_example::variations()
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        if spec.origins.is_empty() {
            return Err(SpecError::new("/origins", "must have at least one origin"));
        }
        for (id, origin) in &spec.origins {
            origin.check(&format!("/origins/{id}"))?;
        }
        let paths = spec.cache_behaviors.iter().flatten().enumerate();
        let paths = paths.map(|(at, behavior)| (format!("/cache_behaviors/{at}"), behavior, true));
        let default = (
            "/default_cache_behavior".to_owned(),
            &spec.default_cache_behavior,
            false,
        );
        for (path, behavior, with_pattern) in paths.chain([default]) {
            behavior.check(&path)?;
            if behavior.path_pattern.is_some() != with_pattern {
                let message = "must be set for all behaviors except the default one";
                return Err(SpecError::new(format!("{path}/path_pattern"), message));
            }
            if !spec.origins.contains_key(&behavior.target_origin_id) {
                let message = format!("`{}` is not the ID of an origin", behavior.target_origin_id);
                return Err(SpecError::new(format!("{path}/target_origin_id"), message));
            }
        }
        let aliases = spec.aliases.iter().flatten();
        if let Some(alias) = aliases
            .clone()
            .find(|alias| **alias != alias.to_ascii_lowercase())
        {
            return Err(SpecError::new(
                "/aliases",
                format!("`{alias}` must be in lower case"),
            ));
        }
        if aliases.count() > 0 && spec.viewer_certificate.is_none() {
            return Err(SpecError::new(
                "/viewer_certificate",
                "is required for aliases",
            ));
        }
        if !["http1.1", "http2", "http3", "http2and3"].contains(&spec.http_version.as_str()) {
            return Err(SpecError::new(
                "/http_version",
                "must be `http1.1`, `http2`, `http3` or `http2and3`",
            ));
        }
        Ok(())
    }

    async fn find(cloud: &Cloud, wanted: &[Wanted<Self>]) -> CloudResult<Vec<Vec<Candidate>>> {
        let mut all: Vec<(Id, String)> = Vec::new();
        let mut pages = cloud
            .cloudfront
            .list_distributions()
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.asked()?;
            let items = page
                .distribution_list
                .and_then(|list| list.items)
                .unwrap_or_default();
            all.extend(items.into_iter().map(|one| (one.id.into(), one.arn)));
        }
        let found = try_join_all(all.into_iter().map(|(id, arn)| async move {
            let tags = if_there(CloudFrontTags::list(cloud, &arn).await)?.unwrap_or_default();
            Ok((id, split(tags).1))
        }));
        Ok(by_address(wanted, of_stack(wanted, found.await?)))
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let operation = "cloudfront:CreateDistribution";
        let places = secrets::places(&spec.origins);
        let values = secrets::read(cloud, places.values()).await?;
        let builder = DistributionConfig::builder()
            .caller_reference(&claim.token)
            .comment("")
            .enabled(true);
        let mut config = built(builder.build())?;
        configure(&mut config, spec, &values)?;
        let mut tags = claimed(&spec.tags, &claim.owner);
        tags.extend(secrets::tags(&places));
        let with_tags = DistributionConfigWithTags::builder()
            .distribution_config(config)
            .tags(tag_list(tags)?);
        let call = cloud.cloudfront.create_distribution_with_tags();
        let call = call.distribution_config_with_tags(with_tags.build());
        let answer = call.send().ask().await?;
        made(operation, answer.distribution().map(|found| found.id()))
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        let arn = live.outputs.arn.as_str();
        let mut edits = edits(changes, owner);
        let others = changes
            .iter()
            .any(|change| change.path != Changes::OWNER && !change.path.starts_with("/tags"));
        if !others {
            return write::<CloudFrontTags>(cloud, arn, edits).await;
        }
        // Which headers are secrets stands on it before their values do, so that they are never shown.
        let places = secrets::places(&spec.origins);
        let (old, new) = (
            secrets::tags(&secrets::places(&live.spec.origins)),
            secrets::tags(&places),
        );
        edits
            .set
            .extend(new.iter().map(|(key, value)| (key.clone(), value.clone())));
        write::<CloudFrontTags>(cloud, arn, edits).await?;
        let values = secrets::read(cloud, places.values()).await?;
        let (found, etag) = present(
            "cloudfront:GetDistribution",
            get(cloud, live.id.as_str()).await?,
        )?;
        let mut config = present("cloudfront:GetDistribution", found.distribution_config)?;
        configure(&mut config, spec, &values)?;
        replace(cloud, live.id.as_str(), config, etag).await?;
        let stale = old
            .into_keys()
            .filter(|key| !new.contains_key(key))
            .collect();
        write::<CloudFrontTags>(
            cloud,
            arn,
            TagEdits {
                set: Tags::new(),
                remove: stale,
            },
        )
        .await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let id = live.id.as_str();
        let Some((found, etag)) = get(cloud, id).await? else {
            return Ok(());
        };
        let deployed = found.status() == "Deployed";
        let mut config = present("cloudfront:GetDistribution", found.distribution_config)?;
        // Only one that is disabled everywhere can be deleted. The engine calls again while it is not.
        let waiting = |message: &str| {
            Err(CloudError::new(
                Class::Busy,
                "cloudfront:DeleteDistribution",
                message,
            ))
        };
        if config.enabled {
            config.enabled = false;
            replace(cloud, id, config, etag).await?;
            return waiting("it is being disabled");
        }
        if !deployed {
            return waiting("it is disabled, but not everywhere yet");
        }
        let call = cloud
            .cloudfront
            .delete_distribution()
            .id(id)
            .set_if_match(etag);
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::{changes, claim, cloud, owner};
    use aws_sdk_cloudfront::operation::create_distribution_with_tags::CreateDistributionWithTagsOutput;
    use aws_sdk_cloudfront::operation::delete_distribution::DeleteDistributionOutput;
    use aws_sdk_cloudfront::operation::get_distribution::GetDistributionOutput;
    use aws_sdk_cloudfront::operation::tag_resource::TagResourceOutput;
    use aws_sdk_cloudfront::operation::untag_resource::UntagResourceOutput;
    use aws_sdk_cloudfront::operation::update_distribution::UpdateDistributionOutput;
    use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueOutput;
    use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
    use serde_json::json;

    use super::super::HeaderValue;
    use super::super::distribution_config::tests::distribution;

    const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:verify-AbCdEf";

    fn with_secret() -> Spec {
        let mut spec = Distribution::example();
        let secret = HeaderValue {
            value_from_secret_arn: Some(ARN.into()),
            ..HeaderValue::default()
        };
        let origin = spec.origins.get_mut("app").unwrap();
        origin
            .custom_headers
            .insert("x-origin-verify".into(), secret);
        spec
    }

    fn secret() -> Rule {
        mock!(aws_sdk_secretsmanager::Client::get_secret_value).then_output(|| {
            GetSecretValueOutput::builder()
                .secret_string("s3cr3t")
                .build()
        })
    }

    fn mocked(cloudfront: &[&Rule], secrets: &[&Rule]) -> Cloud {
        Cloud {
            cloudfront: mock_client!(aws_sdk_cloudfront, RuleMode::Sequential, cloudfront).into(),
            secretsmanager: mock_client!(aws_sdk_secretsmanager, RuleMode::MatchAny, secrets)
                .into(),
            ..cloud()
        }
    }

    fn header<'a>(config: Option<&'a DistributionConfig>, name: &str) -> Option<&'a str> {
        let origins = config?.origins()?.items();
        let headers = origins
            .iter()
            .filter_map(|origin| origin.custom_headers())
            .flat_map(|list| list.items());
        headers
            .filter(|header| header.header_name() == name)
            .map(|header| header.header_value())
            .next()
    }

    #[tokio::test]
    async fn a_secret_header_is_read_at_the_call_and_named_in_a_tag() {
        let create = mock!(aws_sdk_cloudfront::Client::create_distribution_with_tags)
            .match_requests(|request| {
                let with_tags = request.distribution_config_with_tags().unwrap();
                let config = with_tags.distribution_config();
                let tags = with_tags.tags().unwrap().items();
                header(config, "x-origin-verify") == Some("s3cr3t")
                    && config.is_some_and(|config| config.caller_reference() == "platctl-token")
                    && tags.iter().any(|tag| {
                        tag.key() == "platctl:secret-header:app/x-origin-verify"
                            && tag.value() == Some(ARN)
                    })
            })
            .then_output(|| {
                let made = distribution("InProgress", true);
                CreateDistributionWithTagsOutput::builder()
                    .distribution(made)
                    .build()
            });
        let secret = secret();
        let cloud = mocked(&[&create], &[&secret]);
        assert_eq!(
            Distribution::create(&cloud, &with_secret(), &claim()).await,
            Ok("E1".into())
        );
    }

    #[tokio::test]
    async fn an_update_keeps_what_no_field_is_for_and_drops_stale_tags() {
        let get = mock!(aws_sdk_cloudfront::Client::get_distribution).then_output(|| {
            let mut found = distribution("Deployed", true);
            let config = found.distribution_config.as_mut().unwrap();
            config.anycast_ip_list_id = Some("aip-1".into());
            GetDistributionOutput::builder()
                .distribution(found)
                .e_tag("E2")
                .build()
        });
        let update = mock!(aws_sdk_cloudfront::Client::update_distribution)
            .match_requests(|request| {
                let config = request.distribution_config().unwrap();
                request.if_match() == Some("E2")
                    && config.caller_reference() == "platctl-token"
                    && config.anycast_ip_list_id() == Some("aip-1")
                    && config.comment() == "new"
            })
            .then_output(|| UpdateDistributionOutput::builder().build());
        let untag = mock!(aws_sdk_cloudfront::Client::untag_resource)
            .match_requests(|request| {
                let keys = request.tag_keys().unwrap().items();
                keys == ["platctl:secret-header:app/x-origin-verify"]
            })
            .then_output(|| UntagResourceOutput::builder().build());
        let cloud = mocked(&[&get, &update, &untag], &[]);
        let mut old = live(
            &distribution("Deployed", true),
            Tags::new(),
            &secrets::Values::default(),
        )
        .unwrap();
        old.spec = with_secret();
        let desired = Spec {
            comment: Some("new".into()),
            ..Distribution::example()
        };
        let asked = changes(&[("/comment", json!("prod"), json!("new"))]);
        Distribution::update(&cloud, &old, &desired, &asked, &owner())
            .await
            .unwrap();
        assert_eq!((update.num_calls(), untag.num_calls()), (1, 1));
    }

    #[tokio::test]
    async fn tags_alone_deploy_nothing() {
        let tag = mock!(aws_sdk_cloudfront::Client::tag_resource)
            .then_output(|| TagResourceOutput::builder().build());
        let cloud = mocked(&[&tag], &[]);
        let old = live(
            &distribution("Deployed", true),
            Tags::new(),
            &secrets::Values::default(),
        )
        .unwrap();
        let asked = changes(&[("/tags/team", json!("a"), json!("b"))]);
        Distribution::update(&cloud, &old, &Distribution::example(), &asked, &owner())
            .await
            .unwrap();
        assert_eq!(tag.num_calls(), 1);
    }

    #[tokio::test]
    async fn a_deletion_disables_first_and_waits() {
        let get = |status: &'static str, enabled| {
            mock!(aws_sdk_cloudfront::Client::get_distribution).then_output(move || {
                let found = distribution(status, enabled);
                GetDistributionOutput::builder()
                    .distribution(found)
                    .e_tag("E2")
                    .build()
            })
        };
        let (enabled, waiting, disabled) = (
            get("Deployed", true),
            get("InProgress", false),
            get("Deployed", false),
        );
        let disable = mock!(aws_sdk_cloudfront::Client::update_distribution)
            .match_requests(|request| {
                request
                    .distribution_config()
                    .is_some_and(|config| !config.enabled())
            })
            .then_output(|| UpdateDistributionOutput::builder().build());
        let delete = mock!(aws_sdk_cloudfront::Client::delete_distribution)
            .match_requests(|request| request.if_match() == Some("E2"))
            .then_output(|| DeleteDistributionOutput::builder().build());
        let cloud = mocked(&[&enabled, &disable, &waiting, &disabled, &delete], &[]);
        let object = live(
            &distribution("Deployed", true),
            Tags::new(),
            &secrets::Values::default(),
        )
        .unwrap();
        for _ in 0..2 {
            assert_eq!(
                Distribution::delete(&cloud, &object)
                    .await
                    .unwrap_err()
                    .class,
                Class::Busy
            );
        }
        Distribution::delete(&cloud, &object).await.unwrap();
        assert_eq!((disable.num_calls(), delete.num_calls()), (1, 1));
    }
}
