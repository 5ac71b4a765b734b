//! `wafv2.WebAclAssociation`

use platctl_engine::fields::Fact::{Holds, Home, Immutable, Leads};
use platctl_engine::fields::Table;
use platctl_engine::{
    Changes, Claim, Class, CloudResult, Id, Identity, Kind, Live, Owner, Permissions, Phase, Read,
    Replace, Resolved, SpecError, Stage, Timing,
};
use serde::{Deserialize, Serialize};

use crate::Cloud;
use crate::errors::{Ask, Asked};
use crate::types::Arn;

/// An association between a regional web ACL and a load balancer. A CloudFront distribution references its
/// web ACL itself.
#[derive(Debug)]
pub struct WebAclAssociation;

/// An association between a regional web ACL and a load balancer. A CloudFront distribution references its
/// web ACL itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The ARN of the web ACL.
    pub web_acl_arn: S::In<Arn>,
    /// The ARN of the Application Load Balancer to protect. It can have only one web ACL.
    pub resource_arn: S::In<Arn>,
}

platctl_engine::outputs! {
    /// Attributes of the association that other resources can reference.
    WebAclAssociation {
        /// The ARN of the load balancer that the web ACL protects.
        RESOURCE_ARN: resource_arn: Arn,
    }
}

async fn associate(cloud: &Cloud, spec: &Spec) -> CloudResult<()> {
    let call = cloud
        .wafv2
        .associate_web_acl()
        .web_acl_arn(spec.web_acl_arn.as_str());
    let call = call.resource_arn(spec.resource_arn.as_str()).send().await;
    call.map(drop).asked()
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<WebAclAssociation>>> {
    let call = cloud
        .wafv2
        .get_web_acl_for_resource()
        .resource_arn(id.as_str())
        .send()
        .await;
    let answer = match call.asked() {
        Err(error) if error.class == Class::NotFound => return Ok(None),
        other => other?,
    };
    Ok(answer.web_acl().map(|acl| Live {
        id: id.clone(),
        spec: Spec {
            web_acl_arn: acl.arn().into(),
            resource_arn: id.as_str().into(),
        },
        outputs: Outputs {
            resource_arn: id.as_str().into(),
        },
        owner: None,
        phase: Phase::Ready,
    }))
}

/// Elastic Load Balancing authorises what AWS WAF does to a load balancer on behalf of the caller.
const ASSOCIATE: &[&str] = &[
    "wafv2:AssociateWebACL",
    "elasticloadbalancing:CreateWebACLAssociation",
    "elasticloadbalancing:SetWebAcl",
];

impl Kind for WebAclAssociation {
    const NAME: &'static str = "wafv2.WebAclAssociation";
    const FIELDS: &'static Table = &[
        ("/resource_arn", &[Immutable, Home]),
        ("/web_acl_arn", &[Holds, Leads]),
    ];
    // Each resource has its own.
    const REPLACE: Replace = Replace::CreateFirst;
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const TAGGED: bool = false;
    const PERMISSIONS: Permissions = Permissions {
        read: &[
            "wafv2:GetWebACLForResource",
            "wafv2:GetWebACL",
            "elasticloadbalancing:GetLoadBalancerWebACL",
        ],
        create: ASSOCIATE,
        update: ASSOCIATE,
        delete: &[
            "wafv2:DisassociateWebACL",
            "elasticloadbalancing:DeleteWebACLAssociation",
            "elasticloadbalancing:SetWebAcl",
        ],
    };
    const TIMING: Timing = Timing::seconds(5, 5, 5, 600);

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        Spec {
            web_acl_arn: "arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/example/01234567".into(),
            resource_arn:
                "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/example/0123456789abcdef"
                    .into(),
        }
    }

    fn variations() -> Vec<(&'static str, serde_json::Value)> {
        use serde_json::json;
        vec![
            (
                "/web_acl_arn",
                json!("arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/other/01234567"),
            ),
            (
                "/resource_arn",
                json!(
                    "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/other/0123456789abcdef"
                ),
            ),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        if spec.web_acl_arn.as_str().contains(":global/") {
            let message = "cannot be used with CloudFront: set it in the distribution instead";
            return Err(SpecError::new("/web_acl_arn", message));
        }
        Ok(())
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(Id::from(spec.resource_arn.as_str()))
    }

    async fn create(cloud: &Cloud, spec: &Spec, _: &Claim) -> CloudResult<Id> {
        associate(cloud, spec).await?;
        Ok(Id::from(spec.resource_arn.as_str()))
    }

    async fn update(
        cloud: &Cloud,
        _: &Live<Self>,
        spec: &Spec,
        _: &Changes,
        _: &Owner,
    ) -> CloudResult<()> {
        associate(cloud, spec).await
    }

    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        let call = cloud
            .wafv2
            .disassociate_web_acl()
            .resource_arn(live.id.as_str());
        call.send().ask().await.map(drop)
    }
}
