//! `eks.Cluster`

use std::collections::BTreeSet;

use aws_sdk_eks::types::{
    self, CreateAccessConfigRequest, EncryptionConfig, KubernetesNetworkConfigRequest, LogSetup,
    LogType, Logging, Provider, SupportType, UpdateAccessConfigRequest, UpgradePolicyRequest,
    VpcConfigRequest,
};
use platctl_engine::fields::Fact::{Holds, Immutable, Name, WriteOnly};
use platctl_engine::fields::{Fields, Table};
use platctl_engine::{
    Change, Changes, Claim, Class, CloudError, CloudResult, Contents, Declared, Id, Identity, Kind,
    Live, Owner, Permissions, Read, Replace, Resolved, SpecError, Stage, Timing,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::auto_mode::{self, ComputeConfig};
use super::cluster_versions::{self, one_step};
use super::updates::{self, Subject, began};
use super::{departure, phase, sync_tags, tags_of, tags_with};
use crate::Cloud;
use crate::errors::Ask;
use crate::tags::Tags;
use crate::types::{Arn, Cidr, SecurityGroupId, SubnetId, unless_same};
use crate::versions::{is_later, was_raised};

/// An EKS cluster, which provides a Kubernetes control plane.
#[derive(Debug)]
pub struct Cluster;

/// The authentication mode of a cluster: how IAM principals are granted access to it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
pub enum AuthenticationMode {
    /// Access entries only.
    #[default]
    #[serde(rename = "API")]
    Api,
    /// Access entries and the `aws-auth` ConfigMap.
    #[serde(rename = "API_AND_CONFIG_MAP")]
    ApiAndConfigMap,
    /// The `aws-auth` ConfigMap only.
    #[serde(rename = "CONFIG_MAP")]
    ConfigMap,
}

impl AuthenticationMode {
    fn to_aws(self) -> types::AuthenticationMode {
        match self {
            Self::Api => types::AuthenticationMode::Api,
            Self::ApiAndConfigMap => types::AuthenticationMode::ApiAndConfigMap,
            Self::ConfigMap => types::AuthenticationMode::ConfigMap,
        }
    }
}

/// An EKS cluster, which provides a Kubernetes control plane.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the cluster. Must be unique within the account and region. 1 to 100 letters, digits, `-`
    /// and `_`, beginning with a letter or digit.
    pub name: String,
    /// The Kubernetes version, such as `1.35`. Clusters are upgraded one minor version at a time, and each
    /// upgrade takes a while. If omitted, a new cluster gets the default version of EKS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The ARN of the IAM role of the cluster. It must trust `eks.amazonaws.com` and have
    /// `AmazonEKSClusterPolicy`. Cannot be changed.
    pub role_arn: S::In<Arn>,
    /// The IDs of the subnets for the network interfaces of the control plane. At least two subnets, in at
    /// least two availability zones.
    pub subnet_ids: S::In<BTreeSet<SubnetId>>,
    /// The IDs of additional security groups for the network interfaces of the control plane. EKS always adds
    /// the cluster security group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_group_ids: Option<S::In<BTreeSet<SecurityGroupId>>>,
    /// Whether the API server endpoint is accessible from within the VPC. Must be `true` if the public
    /// endpoint is disabled. Default: `true`.
    #[serde(default = "on")]
    pub endpoint_private_access: bool,
    /// Whether the API server endpoint is accessible from the internet. Default: `false`, unlike the default
    /// of AWS, which is `true`.
    #[serde(default)]
    pub endpoint_public_access: bool,
    /// The CIDR blocks that can access the public endpoint. Requires the public endpoint. AWS default: all
    /// addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_access_cidrs: Option<BTreeSet<Cidr>>,
    /// The control plane logs to send to CloudWatch Logs: any of `api`, `audit`, `authenticator`,
    /// `controllerManager` and `scheduler`.
    #[serde(default)]
    pub logging: BTreeSet<String>,
    /// The ARN of the KMS key that encrypts Kubernetes secrets. Can be added later, but cannot be changed or
    /// removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption_key_arn: Option<S::In<Arn>>,
    /// The authentication mode: `API`, `API_AND_CONFIG_MAP` or `CONFIG_MAP`. Default: `API`, which cannot be
    /// changed to another mode later.
    #[serde(default)]
    pub authentication_mode: AuthenticationMode,
    /// Whether the IAM principal that creates the cluster becomes its administrator. Used at creation only.
    /// Default: `false`, because access entries grant access.
    #[serde(default)]
    pub bootstrap_cluster_creator_admin_permissions: bool,
    /// Whether a new cluster gets self-managed networking add-ons. Used at creation only. Default: `false`,
    /// because `eks.Addon` installs managed add-ons.
    #[serde(default)]
    pub bootstrap_self_managed_addons: bool,
    /// The IPv4 CIDR block for Kubernetes service addresses. Cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_ipv4_cidr: Option<Cidr>,
    /// The compute capability of EKS Auto Mode: EKS creates and deletes the nodes. It is enabled or disabled
    /// together with `block_storage` and `elastic_load_balancing`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compute_config: Option<ComputeConfig<S>>,
    /// Whether EKS Auto Mode creates and deletes EBS volumes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_storage: Option<bool>,
    /// Whether EKS Auto Mode creates and deletes load balancers, and registers their targets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elastic_load_balancing: Option<bool>,
    /// The support type: `STANDARD` or `EXTENDED`. With `STANDARD`, EKS upgrades the cluster automatically
    /// after 14 months of standard support for a version. With `EXTENDED`, the version is supported for 12
    /// more months at six times the price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub support_type: Option<String>,
    /// Whether EKS refuses to delete the cluster. Default: `false`.
    #[serde(default)]
    pub deletion_protection: bool,
    /// Tags to assign to the cluster.
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

const fn on() -> bool {
    true
}

platctl_engine::outputs! {
    /// Attributes of the cluster that other resources can reference.
    Cluster {
        /// The name of the cluster.
        NAME: name: String,
        /// The Amazon Resource Name (ARN) of the cluster.
        ARN: arn: Arn,
        /// The URL of the Kubernetes API server.
        ENDPOINT: endpoint: String,
        /// The base64-encoded certificate data of the API server's certificate authority.
        CERTIFICATE_AUTHORITY_DATA: certificate_authority_data: String,
        /// The URL of the OIDC issuer for service account tokens, such as `https://…`.
        OIDC_ISSUER: oidc_issuer: String,
        /// The URL of the OIDC issuer without `https://`, for use in trust policies.
        OIDC_ISSUER_HOST: oidc_issuer_host: String,
        /// The ID of the cluster security group, which EKS creates for the control plane and nodes.
        CLUSTER_SECURITY_GROUP_ID: cluster_security_group_id: SecurityGroupId,
        /// The Kubernetes version of the cluster.
        VERSION: version: String,
        /// The IPv4 CIDR block for Kubernetes service addresses.
        SERVICE_IPV4_CIDR: service_ipv4_cidr: String,
    }
}

fn logs(logging: Option<&Logging>) -> BTreeSet<String> {
    let setups = logging.map(Logging::cluster_logging).unwrap_or_default();
    let enabled = setups.iter().filter(|setup| setup.enabled() == Some(true));
    enabled
        .flat_map(|setup| setup.types().iter().map(|kind| kind.as_str().to_owned()))
        .collect()
}

/// Every type is stated: what is left out stays as it was.
fn logging(enabled: &BTreeSet<String>) -> Logging {
    let all = LogType::values().iter().map(|name| LogType::from(*name));
    let (on, off): (Vec<_>, Vec<_>) = all.partition(|kind| enabled.contains(kind.as_str()));
    let setup = |types: Vec<LogType>, enabled| {
        LogSetup::builder()
            .set_types(Some(types))
            .enabled(enabled)
            .build()
    };
    let setups = [(on, true), (off, false)]
        .into_iter()
        .filter(|(types, _)| !types.is_empty());
    let setups = setups
        .map(|(types, enabled)| setup(types, enabled))
        .collect();
    Logging::builder().set_cluster_logging(Some(setups)).build()
}

fn encryption(key: &Arn) -> EncryptionConfig {
    let provider = Provider::builder().key_arn(key.as_str()).build();
    EncryptionConfig::builder()
        .resources("secrets")
        .provider(provider)
        .build()
}

fn texts<T: ToString>(items: &BTreeSet<T>) -> Option<Vec<String>> {
    Some(items.iter().map(ToString::to_string).collect())
}

pub(super) fn live(cluster: &types::Cluster) -> Option<Live<Cluster>> {
    let (tags, owner) = tags_of(cluster.tags());
    let vpc = cluster.resources_vpc_config();
    let ids = |list: Option<&[String]>| list.unwrap_or_default().to_vec();
    let access = cluster.access_config();
    let mode = access
        .and_then(|access| access.authentication_mode())
        .map(|mode| mode.as_str());
    let key = cluster
        .encryption_config()
        .first()
        .and_then(|config| config.provider()?.key_arn());
    let network = cluster
        .kubernetes_network_config()
        .and_then(|network| network.service_ipv4_cidr());
    let issuer = cluster
        .identity()
        .and_then(|identity| identity.oidc()?.issuer())
        .unwrap_or_default();
    let cidrs = vpc.map(|vpc| vpc.public_access_cidrs()).unwrap_or_default();
    let spec = Spec {
        name: cluster.name()?.to_owned(),
        version: cluster.version().map(ToOwned::to_owned),
        role_arn: cluster.role_arn().unwrap_or_default().into(),
        subnet_ids: ids(vpc.map(|vpc| vpc.subnet_ids()))
            .into_iter()
            .map(SubnetId::from)
            .collect(),
        security_group_ids: Some(
            ids(vpc.map(|vpc| vpc.security_group_ids()))
                .into_iter()
                .map(SecurityGroupId::from)
                .collect(),
        ),
        endpoint_private_access: vpc.is_some_and(|vpc| vpc.endpoint_private_access()),
        endpoint_public_access: vpc.is_some_and(|vpc| vpc.endpoint_public_access()),
        public_access_cidrs: Some(cidrs.iter().filter_map(|cidr| cidr.parse().ok()).collect()),
        logging: logs(cluster.logging()),
        encryption_key_arn: key.map(Arn::from),
        authentication_mode: match mode {
            Some("API") => AuthenticationMode::Api,
            Some("API_AND_CONFIG_MAP") => AuthenticationMode::ApiAndConfigMap,
            _ => AuthenticationMode::ConfigMap,
        },
        bootstrap_cluster_creator_admin_permissions: access
            .and_then(|access| access.bootstrap_cluster_creator_admin_permissions())
            .unwrap_or_default(),
        bootstrap_self_managed_addons: false,
        service_ipv4_cidr: network.and_then(|cidr| cidr.parse().ok()),
        compute_config: Some(auto_mode::compute(cluster)),
        block_storage: Some(auto_mode::stores(cluster)),
        elastic_load_balancing: Some(auto_mode::balances(cluster)),
        support_type: cluster
            .upgrade_policy()
            .and_then(|policy| policy.support_type())
            .map(|kind| kind.as_str().to_owned()),
        deletion_protection: cluster.deletion_protection().unwrap_or_default(),
        tags,
    };
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let outputs = Outputs {
        name: spec.name.clone(),
        arn: cluster.arn().unwrap_or_default().into(),
        endpoint: text(cluster.endpoint()),
        certificate_authority_data: text(cluster.certificate_authority().and_then(|ca| ca.data())),
        oidc_issuer: issuer.to_owned(),
        oidc_issuer_host: issuer.trim_start_matches("https://").to_owned(),
        cluster_security_group_id: vpc
            .and_then(|vpc| vpc.cluster_security_group_id())
            .unwrap_or_default()
            .into(),
        version: text(cluster.version()),
        service_ipv4_cidr: text(network),
    };
    let issues = cluster
        .health()
        .map(|health| health.issues())
        .unwrap_or_default();
    let issues = issues
        .iter()
        .map(|issue| (issue.code().map(|code| code.as_str()), issue.message()));
    let status = cluster.status().map_or("ACTIVE", |status| status.as_str());
    let phase = phase(status, issues);
    Some(Live {
        id: Id::from(spec.name.as_str()),
        spec,
        outputs,
        owner,
        phase,
    })
}

/// The addresses of services, and whether load balancers are EKS's.
fn network(spec: &Spec) -> Option<KubernetesNetworkConfigRequest> {
    let (cidr, balancing) = (&spec.service_ipv4_cidr, auto_mode::balancing(spec));
    (cidr.is_some() || balancing.is_some()).then(|| {
        KubernetesNetworkConfigRequest::builder()
            .set_service_ipv4_cidr(cidr.as_ref().map(Cidr::to_string))
            .set_elastic_load_balancing(balancing)
            .build()
    })
}

async fn read(cloud: &Cloud, id: &Id) -> CloudResult<Option<Live<Cluster>>> {
    let call = cloud.eks.describe_cluster().name(id.as_str());
    Ok(call.send().ask().await?.cluster().and_then(live))
}

/// EKS takes one kind of change at a time, and none while another one is under way. So one is made; the
/// engine asks again for what is left. Answers whether there was one.
async fn change(
    cloud: &Cloud,
    live: &Live<Cluster>,
    spec: &Spec,
    changes: &Changes,
) -> CloudResult<bool> {
    let name = live.id.as_str();
    let subject = Subject {
        cluster: name,
        ..Subject::default()
    };
    if let Some(version) = spec.version.as_ref().filter(|_| changes.touch("/version")) {
        one_step(&live.outputs.version, version).map_err(|why| {
            let message = format!("the version of {name} {why}. The cluster was not changed");
            CloudError::new(Class::Invalid, "eks:UpdateClusterVersion", message)
        })?;
    }
    if let Some(key) = spec
        .encryption_key_arn
        .as_ref()
        .filter(|_| changes.touch("/encryption_key_arn"))
    {
        let call = cloud
            .eks
            .associate_encryption_config()
            .cluster_name(name)
            .encryption_config(encryption(key));
        began(cloud, subject, call.send().ask().await?.update());
        return Ok(true);
    }
    let call = cloud.eks.update_cluster_config().name(name);
    let vpc = VpcConfigRequest::builder();
    let access = [
        "/endpoint_private_access",
        "/endpoint_public_access",
        "/public_access_cidrs",
    ];
    let call = if changes.touch("/deletion_protection") {
        call.deletion_protection(spec.deletion_protection)
    } else if access.iter().any(|path| changes.touch(path)) {
        let cidrs = spec
            .public_access_cidrs
            .as_ref()
            .filter(|_| spec.endpoint_public_access);
        let vpc = vpc
            .endpoint_private_access(spec.endpoint_private_access)
            .endpoint_public_access(spec.endpoint_public_access)
            .set_public_access_cidrs(cidrs.and_then(texts));
        call.resources_vpc_config(vpc.build())
    } else if changes.touch("/subnet_ids") {
        call.resources_vpc_config(vpc.set_subnet_ids(texts(&spec.subnet_ids)).build())
    } else if let Some(groups) = spec
        .security_group_ids
        .as_ref()
        .filter(|_| changes.touch("/security_group_ids"))
    {
        call.resources_vpc_config(vpc.set_security_group_ids(texts(groups)).build())
    } else if changes.touch("/logging") {
        call.logging(logging(&spec.logging))
    } else if changes.touch("/authentication_mode") {
        let mode = spec.authentication_mode.to_aws();
        call.access_config(
            UpdateAccessConfigRequest::builder()
                .authentication_mode(mode)
                .build(),
        )
    } else if auto_mode::PATHS.iter().any(|path| changes.touch(path)) {
        auto_mode::update(call, live, spec)
    } else if let Some(kind) = spec
        .support_type
        .as_deref()
        .filter(|_| changes.touch("/support_type"))
    {
        call.upgrade_policy(
            UpgradePolicyRequest::builder()
                .support_type(SupportType::from(kind))
                .build(),
        )
    } else if let Some(version) = spec.version.as_ref().filter(|_| changes.touch("/version")) {
        super::insights::allow_upgrade(cloud, name, version).await?;
        let call = cloud
            .eks
            .update_cluster_version()
            .name(name)
            .version(version);
        began(cloud, subject, call.send().ask().await?.update());
        return Ok(true);
    } else {
        return Ok(false);
    };
    began(cloud, subject, call.send().ask().await?.update());
    Ok(true)
}

impl Kind for Cluster {
    const NAME: &'static str = "eks.Cluster";
    const FIELDS: &'static Table = &[
        ("/name", &[Immutable, Name]),
        ("/role_arn", &[Immutable]),
        ("/service_ipv4_cidr", &[Immutable]),
        (
            "/bootstrap_cluster_creator_admin_permissions",
            &[Immutable, WriteOnly],
        ),
        ("/bootstrap_self_managed_addons", &[Immutable, WriteOnly]),
        // Its network interfaces live in the subnets and carry the groups.
        ("/subnet_ids", &[Holds]),
        ("/security_group_ids", &[Holds]),
    ];
    const FOLLOWS: &'static [(&'static str, &'static [&'static str])] =
        &[("version", &["/version"])];
    const HOLDS_DATA: bool = true;
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|cloud, id| Box::pin(read(cloud, id)));
    const PERMISSIONS: Permissions = Permissions {
        read: &[
            "eks:DescribeCluster",
            "eks:DescribeClusterVersions",
            "eks:ListInsights",
            "eks:DescribeUpdate",
            "eks:ListAddons",
            "eks:ListUpdates",
        ],
        create: &[
            "eks:CreateCluster",
            "eks:TagResource",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcs",
            "iam:CreateServiceLinkedRole",
            "iam:GetRole",
            "iam:ListAttachedRolePolicies",
            "iam:PassRole",
            "kms:CreateGrant",
            "kms:DescribeKey",
        ],
        update: &[
            "eks:UpdateClusterConfig",
            "eks:UpdateClusterVersion",
            "eks:AssociateEncryptionConfig",
            "eks:TagResource",
            "eks:UntagResource",
            "iam:PassRole",
        ],
        delete: departure::PERMISSIONS,
    };
    const TIMING: Timing = Timing::seconds(600, 540, 180, 5400);
    const VACATED_BY: Option<&'static str> = Some("kubernetes.Objects");

    type Cloud = Cloud;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn alike(path: &str, desired: &Value, live: &Value) -> bool {
        crate::alike::alike(path, desired, live)
    }

    fn example() -> Spec {
        Spec {
            name: "prod".into(),
            version: Some("1.35".into()),
            role_arn: "arn:aws:iam::123456789012:role/eks-cluster".into(),
            subnet_ids: ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
                .map(SubnetId::from)
                .into(),
            security_group_ids: Some(BTreeSet::from(["sg-0123456789abcdef0".into()])),
            endpoint_private_access: true,
            endpoint_public_access: false,
            public_access_cidrs: None,
            logging: ["api", "audit"].map(ToOwned::to_owned).into(),
            encryption_key_arn: None,
            authentication_mode: AuthenticationMode::Api,
            bootstrap_cluster_creator_admin_permissions: false,
            bootstrap_self_managed_addons: false,
            service_ipv4_cidr: "172.20.0.0/16".parse().ok(),
            compute_config: None,
            block_storage: None,
            elastic_load_balancing: None,
            support_type: Some("STANDARD".into()),
            deletion_protection: false,
            tags: Tags::from([("team".into(), "platform".into())]),
        }
    }

    fn resets() -> Vec<(&'static str, Value)> {
        vec![("support_type", json!("EXTENDED"))]
    }

    fn variations() -> Vec<(&'static str, Value)> {
        let key = "arn:aws:kms:eu-west-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef";
        vec![
            ("/security_group_ids", json!(["sg-0123456789abcdef1"])),
            ("/endpoint_public_access", json!(true)),
            ("/logging", json!(["audit", "scheduler"])),
            ("/encryption_key_arn", json!(key)),
            ("/support_type", json!("EXTENDED")),
            ("/deletion_protection", json!(true)),
            ("/bootstrap_self_managed_addons", json!(true)),
            ("/service_ipv4_cidr", json!("172.21.0.0/16")),
            ("/name", json!("prod-2")),
            ("/tags/team", json!("network")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        let sound = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        let starts = spec.name.starts_with(|c: char| c.is_ascii_alphanumeric());
        if !starts || spec.name.len() > 100 || !spec.name.chars().all(sound) {
            return Err(SpecError::new(
                "/name",
                "must have 1 to 100 letters, digits, - and _, beginning with a letter or digit",
            ));
        }
        if spec.subnet_ids.len() < 2 {
            return Err(SpecError::new(
                "/subnet_ids",
                "must have at least two subnets, in at least two zones",
            ));
        }
        if !spec.endpoint_private_access && !spec.endpoint_public_access {
            let message = "must be true if the public endpoint is disabled";
            return Err(SpecError::new("/endpoint_private_access", message));
        }
        if spec.public_access_cidrs.is_some() && !spec.endpoint_public_access {
            return Err(SpecError::new(
                "/public_access_cidrs",
                "requires the public endpoint",
            ));
        }
        let known = |kind: &&String| LogType::values().contains(&kind.as_str());
        if let Some(unknown) = spec.logging.iter().find(|kind| !known(kind)) {
            let message = format!(
                "`{unknown}` must be one of {}",
                LogType::values().join(", ")
            );
            return Err(SpecError::new("/logging", message));
        }
        auto_mode::check(spec)
    }

    /// A key can be added, but not changed.
    fn replaces(change: &Change) -> bool {
        let fixed = Fields::of::<Self>().is(&change.path, Immutable);
        fixed || (change.path == "/encryption_key_arn" && change.before.is_some())
    }

    /// EKS upgrades a cluster whose version is no longer supported.
    fn tolerates(change: &Change, last: Option<&Value>) -> bool {
        change.path == "/version" && was_raised(change, last, is_later)
    }

    fn replacement(live: &Spec, desired: &Spec) -> Replace {
        unless_same(&live.name, &desired.name)
    }

    fn natural_id(_cloud: &Cloud, spec: &Spec) -> Option<Id> {
        Some(Id::from(spec.name.as_str()))
    }

    async fn create(cloud: &Cloud, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let vpc = VpcConfigRequest::builder()
            .set_subnet_ids(texts(&spec.subnet_ids))
            .set_security_group_ids(spec.security_group_ids.as_ref().and_then(texts))
            .endpoint_private_access(spec.endpoint_private_access)
            .endpoint_public_access(spec.endpoint_public_access)
            .set_public_access_cidrs(spec.public_access_cidrs.as_ref().and_then(texts));
        let access = CreateAccessConfigRequest::builder()
            .authentication_mode(spec.authentication_mode.to_aws())
            .bootstrap_cluster_creator_admin_permissions(
                spec.bootstrap_cluster_creator_admin_permissions,
            );
        let support = |kind: &str| {
            UpgradePolicyRequest::builder()
                .support_type(SupportType::from(kind))
                .build()
        };
        let call = cloud
            .eks
            .create_cluster()
            .name(&spec.name)
            .set_version(spec.version.clone())
            .role_arn(spec.role_arn.as_str())
            .resources_vpc_config(vpc.build())
            .logging(logging(&spec.logging))
            .set_encryption_config(
                spec.encryption_key_arn
                    .as_ref()
                    .map(|key| vec![encryption(key)]),
            )
            .access_config(access.build())
            .bootstrap_self_managed_addons(spec.bootstrap_self_managed_addons)
            .set_kubernetes_network_config(network(spec))
            .set_compute_config(auto_mode::nodes(spec))
            .set_storage_config(auto_mode::storage(spec))
            .set_upgrade_policy(spec.support_type.as_deref().map(support))
            .deletion_protection(spec.deletion_protection)
            .client_request_token(&claim.token)
            .set_tags(tags_with(&spec.tags, &claim.owner));
        call.send().ask().await?;
        Ok(Id::from(spec.name.as_str()))
    }

    async fn update(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        sync_tags(cloud, live.outputs.arn.as_str(), changes, owner).await?;
        change(cloud, live, spec, changes).await.map(drop)
    }

    async fn vet(
        cloud: &Cloud,
        live: &Live<Self>,
        spec: &Spec,
        changes: &Changes,
    ) -> CloudResult<Vec<SpecError>> {
        let (from, to) = (live.outputs.version.as_str(), spec.version.as_deref());
        let mut faults = auto_mode::vet(cloud, live, spec, changes).await?;
        if let Some(to) = to.filter(|to| *to != from && changes.touch("/version")) {
            faults.extend(cluster_versions::vet(cloud, live.id.as_str(), from, to).await?);
        }
        Ok(faults)
    }

    async fn vet_new(cloud: &Cloud, spec: &Spec<Declared>) -> CloudResult<Vec<SpecError>> {
        match &spec.version {
            Some(version) => cluster_versions::offered(cloud, version).await,
            None => Ok(Vec::new()),
        }
    }

    async fn failed_update(
        cloud: &Cloud,
        live: &Live<Self>,
        resumed: bool,
    ) -> CloudResult<Option<String>> {
        let subject = Subject {
            cluster: live.id.as_str(),
            ..Subject::default()
        };
        updates::failure(cloud, subject, resumed).await
    }

    async fn lingers(cloud: &Cloud, id: &Id, last: &Value) -> CloudResult<Vec<String>> {
        departure::lingers(cloud, id, last).await
    }

    async fn clear_up(
        cloud: &Cloud,
        id: &Id,
        last: &Value,
        owner: &Owner,
    ) -> CloudResult<Vec<String>> {
        departure::after_deletion(cloud, id, last, owner).await
    }

    async fn contents(cloud: &Cloud, live: &Live<Self>) -> CloudResult<Option<Contents>> {
        crate::leftovers::claims::volumes(cloud, live.id.as_str()).await
    }

    /// EKS's own protection is lifted first: a deletion that `protect` does not forbid was asked for.
    async fn delete(cloud: &Cloud, live: &Live<Self>) -> CloudResult<()> {
        if live.spec.deletion_protection {
            let call = cloud
                .eks
                .update_cluster_config()
                .name(live.id.as_str())
                .deletion_protection(false);
            match call.send().ask().await {
                // An earlier call is lifting it already.
                Err(error) if error.class == Class::AlreadyExists => {}
                other => drop(other?),
            }
            let message = "its deletion protection is being disabled";
            return Err(CloudError::new(Class::Busy, "eks:DeleteCluster", message));
        }
        departure::before_deletion(cloud, live).await?;
        let call = cloud.eks.delete_cluster().name(live.id.as_str());
        call.send().ask().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::tests::{changes, cloud, owner};
    use aws_sdk_eks::operation::update_cluster_config::UpdateClusterConfigOutput;
    use aws_sdk_eks::operation::update_cluster_version::UpdateClusterVersionOutput;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use platctl_engine::{AnyKind, AnyWanted, Bound};

    fn cluster() -> Live<Cluster> {
        live(
            &types::Cluster::builder()
                .name("prod")
                .version("1.33")
                .build(),
        )
        .unwrap()
    }

    #[tokio::test]
    async fn one_whose_creation_was_interrupted_is_found_by_what_the_journal_has() {
        let described = mock!(aws_sdk_eks::Client::describe_cluster)
            .match_requests(|request| request.name() == Some("prod"))
            .then_output(|| {
                let found = types::Cluster::builder()
                    .name("prod")
                    .version("1.35")
                    .build();
                aws_sdk_eks::operation::describe_cluster::DescribeClusterOutput::builder()
                    .cluster(found)
                    .build()
            });
        let cloud = Cloud {
            eks: mock_client!(aws_sdk_eks, RuleMode::Sequential, &[&described]).into(),
            ..cloud()
        };
        let spec = serde_json::to_value(Cluster::example()).unwrap();
        let journaled =
            platctl_engine::state::conceal(&spec, &Fields::of::<Cluster>().with(WriteOnly), "salt");
        let wanted = [AnyWanted {
            owner: owner(),
            spec: Some(journaled),
        }];
        let found = Bound::<Cluster>::new(std::sync::Arc::new(cloud))
            .find(&wanted)
            .await
            .unwrap();
        assert_eq!(found[0][0].id, Id::from("prod"));
    }

    #[tokio::test]
    async fn a_jump_is_refused_before_anything_is_changed() {
        let live = cluster();
        let desired = Spec {
            version: Some("1.38".into()),
            logging: BTreeSet::new(),
            ..Cluster::example()
        };
        let asked = changes(&[
            ("/version", json!("1.33"), json!("1.38")),
            ("/logging", json!(["api"]), json!([])),
        ]);
        // No call is expected: any would end the test.
        let error = Cluster::update(&cloud(), &live, &desired, &asked, &owner())
            .await
            .unwrap_err();
        assert_eq!(error.class, Class::Invalid);
    }

    #[tokio::test]
    async fn an_update_makes_one_kind_of_change() {
        let config = mock!(aws_sdk_eks::Client::update_cluster_config)
            .match_requests(|request| {
                let vpc = request.resources_vpc_config().unwrap();
                request.logging().is_none() && vpc.endpoint_public_access() == Some(true)
            })
            .then_output(|| UpdateClusterConfigOutput::builder().build());
        let cloud = Cloud {
            eks: mock_client!(aws_sdk_eks, RuleMode::Sequential, &[&config]).into(),
            ..cloud()
        };
        let desired = Spec {
            endpoint_public_access: true,
            version: Some("1.34".into()),
            ..Cluster::example()
        };
        let asked = changes(&[
            ("/version", json!("1.33"), json!("1.34")),
            ("/endpoint_public_access", json!(false), json!(true)),
            ("/logging", json!([]), json!(["api"])),
        ]);
        Cluster::update(&cloud, &cluster(), &desired, &asked, &owner())
            .await
            .unwrap();
        assert_eq!(config.num_calls(), 1, "the rest is for the next updates");
    }

    #[tokio::test]
    async fn an_upgrade_takes_the_next_minor() {
        let ready = mock!(aws_sdk_eks::Client::list_insights).then_output(|| {
            aws_sdk_eks::operation::list_insights::ListInsightsOutput::builder().build()
        });
        let upgrade = mock!(aws_sdk_eks::Client::update_cluster_version)
            .match_requests(|request| request.version() == Some("1.34"))
            .then_output(|| UpdateClusterVersionOutput::builder().build());
        let cloud = Cloud {
            eks: mock_client!(aws_sdk_eks, RuleMode::Sequential, &[&ready, &upgrade]).into(),
            ..cloud()
        };
        let desired = Spec {
            version: Some("1.34".into()),
            ..Cluster::example()
        };
        let asked = changes(&[("/version", json!("1.33"), json!("1.34"))]);
        Cluster::update(&cloud, &cluster(), &desired, &asked, &owner())
            .await
            .unwrap();
        assert_eq!(upgrade.num_calls(), 1);
    }

    #[test]
    fn a_key_is_added_in_place_and_changed_by_a_new_cluster() {
        let change = |before: Option<Value>| Change {
            path: "/encryption_key_arn".into(),
            before,
            after: Some(json!("arn:new")),
        };
        assert!(!Cluster::replaces(&change(None)));
        assert!(Cluster::replaces(&change(Some(json!("arn:old")))));
    }
}
