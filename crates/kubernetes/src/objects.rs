//! `kubernetes.Objects`: a set of objects in a cluster, applied by the server.

use std::collections::BTreeMap;
use std::time::Duration;

use platctl_engine::fields::Fact::{Holds, Immutable};
use platctl_engine::fields::Table;
use platctl_engine::{
    Changes, Claim, Class, CloudError, CloudResult, Id, Identity, Kind, Live, Owner, Permissions,
    Phase, Read, Resolved, SpecError, Stage, Timing, Vacated,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::access::{Clusters, no_cluster};
use crate::key::Key;
use crate::server::{Order, SetState};

/// A set of Kubernetes objects in an EKS cluster. Fields that other tools own in the same objects are left
/// unchanged. Fields that are specified here are restored if they are changed.
#[derive(Debug)]
pub struct Objects;

/// A manifest with Kubernetes objects that is stored elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The location of the manifest: `https://…`, `s3://BUCKET/KEY`, or the path of a file.
    pub url: String,
    /// The SHA-256 checksum of the manifest, in hexadecimal.
    pub sha256: String,
    /// The namespace for namespaced objects that specify none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// A set of Kubernetes objects in an EKS cluster. Fields that other tools own in the same objects are left
/// unchanged. Fields that are specified here are restored if they are changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Spec<S: Stage = Resolved> {
    /// The name of the EKS cluster.
    pub cluster_name: S::In<String>,
    /// The name of the set in the cluster. Lower-case letters, digits, `-` and `.`.
    pub name: String,
    /// A manifest with more objects that is stored elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Manifest>,
    /// The complete objects, by key: `v1 Namespace argocd`, `apps/v1 Deployment NAMESPACE/NAME`. An object that
    /// is also in the manifest is merged with it: specify only the fields to add or change. Any string in an
    /// object can be `{"$secret": {"arn": …, "key": …}}`, whose value is read from Secrets Manager when
    /// the set is applied.
    pub objects: S::In<BTreeMap<String, Value>>,
    /// The objects of the manifest that were changed or deleted by others. Present in the live state only.
    #[serde(default)]
    pub drifted: Vec<String>,
}

platctl_engine::outputs! {
    /// Attributes of the set that other resources can reference.
    Objects {
        /// The name of the set.
        NAME: name: String,
        /// The SHA-256 checksum of the record that describes the set, if it was not read from the cluster. If it is
        /// not the checksum in the state, the set is applied again.
        CHECKSUM: checksum: String,
    }
}

/// What looking takes, by whichever way: the runner's bucket and builds, or a tunnel over a node.
const READ: &[&str] = &[
    "codebuild:BatchGetBuilds",
    "codebuild:BatchGetProjects",
    "codebuild:ListBuildsForProject",
    "codebuild:StartBuild",
    "codebuild:StopBuild",
    "ec2:DescribeInstances",
    "eks:AssociateAccessPolicy",
    "eks:DescribeCluster",
    "eks:DisassociateAccessPolicy",
    "eks:ListAssociatedAccessPolicies",
    "logs:GetLogEvents",
    "s3:DeleteObject",
    "s3:GetObject",
    "s3:ListBucket",
    "s3:PutObject",
    "ssm:StartSession",
];
/// The same, and secrets that are filled in on the way.
const CHANGE: &[&str] = &[
    "codebuild:BatchGetBuilds",
    "codebuild:BatchGetProjects",
    "codebuild:ListBuildsForProject",
    "codebuild:StartBuild",
    "codebuild:StopBuild",
    "ec2:DescribeInstances",
    "eks:AssociateAccessPolicy",
    "eks:DescribeCluster",
    "eks:DisassociateAccessPolicy",
    "eks:ListAssociatedAccessPolicies",
    "logs:GetLogEvents",
    "s3:DeleteObject",
    "s3:GetObject",
    "s3:ListBucket",
    "s3:PutObject",
    "secretsmanager:GetSecretValue",
    "ssm:StartSession",
];

fn id_of(spec: &Spec) -> Id {
    Id::from(format!("{}|{}", spec.cluster_name, spec.name))
}

fn place(id: &Id) -> (&str, &str) {
    id.as_str().split_once('|').unwrap_or((id.as_str(), ""))
}

fn live(id: &Id, state: SetState) -> Live<Objects> {
    let (cluster, set) = place(id);
    let spec = Spec {
        cluster_name: cluster.to_owned(),
        name: set.to_owned(),
        manifest: state.manifest,
        objects: state.objects,
        drifted: state.drifted,
    };
    let phase = state.waiting.map_or(Phase::Ready, Phase::Settling);
    Live {
        id: id.clone(),
        spec,
        outputs: Outputs {
            name: set.to_owned(),
            checksum: state.checksum,
        },
        owner: state.owner,
        phase,
    }
}

async fn read(clusters: &Clusters, id: &Id) -> CloudResult<Option<Live<Objects>>> {
    let (cluster, set) = place(id);
    let Some(server) = clusters.server(cluster).await? else {
        return Ok(None);
    };
    Ok(server.read(set).await?.map(|state| live(id, state)))
}

impl Kind for Objects {
    const NAME: &'static str = "kubernetes.Objects";
    const TAGS: Option<&'static str> = None;
    const FIELDS: &'static Table = &[
        ("/cluster_name", &[Immutable, Holds]),
        ("/name", &[Immutable]),
    ];
    const IDENTITY: Identity = Identity::Name;
    const READ: Read<Self> = Read::Each(|clusters, id| Box::pin(read(clusters, id)));
    const INSIDE: Option<&'static str> = Some("eks.Cluster");
    const CHECKSUM: Option<&'static str> = Some("checksum");
    const VOLATILE: &'static [&'static str] = &["checksum"];
    const PERMISSIONS: Permissions = Permissions {
        read: READ,
        create: CHANGE,
        update: CHANGE,
        delete: CHANGE,
    };
    const TIMING: Timing = Timing {
        create: Duration::from_secs(150),
        update: Duration::from_secs(60),
        delete: Duration::from_secs(60),
        limit: Duration::from_secs(30 * 60),
    };

    type Cloud = Clusters;
    type Spec<S: Stage> = Spec<S>;
    type Outputs = Outputs;

    fn example() -> Spec {
        let namespace =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "example"}});
        let settings = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "settings", "namespace": "example"}, "data": {"colour": "blue"},
        });
        Spec {
            cluster_name: "open-example-cluster".into(),
            name: "example".into(),
            manifest: None,
            objects: [
                ("v1 Namespace example".to_owned(), namespace),
                ("v1 ConfigMap example/settings".to_owned(), settings),
            ]
            .into(),
            drifted: Vec::new(),
        }
    }

    fn variations() -> Vec<(&'static str, Value)> {
        let other = json!({
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "other", "namespace": "example"},
        });
        vec![
            (
                "/objects/v1 ConfigMap example~1settings/data/colour",
                json!("green"),
            ),
            ("/objects/v1 ServiceAccount example~1other", other),
            ("/name", json!("another")),
        ]
    }

    fn check(spec: &Spec) -> Result<(), SpecError> {
        let bad =
            |c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.'));
        if spec.name.is_empty() || spec.name.contains(bad) {
            return Err(SpecError::new(
                "/name",
                "can contain only lower-case letters, digits, `-` and `.`",
            ));
        }
        for (key, object) in &spec.objects {
            // What somebody changed is shown as it is.
            let is = Key::of(object).map(|key| key.to_string());
            if is.as_ref().is_some_and(|is| is != key) || Key::parse(key).is_none() {
                return Err(SpecError::new(
                    "/objects",
                    format!("`{key}` does not match its object"),
                ));
            }
        }
        Ok(())
    }

    fn remark(clusters: &Clusters) -> Option<String> {
        clusters.remark()
    }

    fn natural_id(_clusters: &Clusters, spec: &Spec) -> Option<Id> {
        Some(id_of(spec))
    }

    async fn create(clusters: &Clusters, spec: &Spec, claim: &Claim) -> CloudResult<Id> {
        let server = clusters
            .server(&spec.cluster_name)
            .await?
            .ok_or_else(|| no_cluster(&spec.cluster_name))?;
        server.claim(&spec.name, &claim.owner).await?;
        Ok(id_of(spec))
    }

    async fn update(
        clusters: &Clusters,
        _live: &Live<Self>,
        spec: &Spec,
        _changes: &Changes,
        owner: &Owner,
    ) -> CloudResult<()> {
        let server = clusters
            .server(&spec.cluster_name)
            .await?
            .ok_or_else(|| no_cluster(&spec.cluster_name))?;
        let order = Order {
            owner: owner.clone(),
            manifest: spec.manifest.clone(),
            objects: spec.objects.clone(),
        };
        server.apply(&spec.name, &order).await
    }

    async fn vacate(clusters: &Clusters, home: &Id) -> CloudResult<Vacated> {
        clusters.vacate(home.as_str()).await
    }

    async fn delete(clusters: &Clusters, live: &Live<Self>) -> CloudResult<()> {
        let (cluster, set) = place(&live.id);
        match clusters.server(cluster).await? {
            Some(server) => server.delete(set).await,
            None => Err(CloudError::new(
                Class::NotFound,
                "kubernetes:Connect",
                "its cluster no longer exists",
            )),
        }
    }
}
