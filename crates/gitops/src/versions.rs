//! Every version of what runs in the cluster, in one place.
//!
//! To raise one: run `tests/charts/raise CHART VERSION`, which renders the chart and shows what changes.
//! A version goes up in a commit of its own, with the component's release notes read for changed values.

use crate::component::Chart;

const ARGO: &str = "https://argoproj.github.io/argo-helm";

const fn chart(repository: &'static str, name: &'static str, version: &'static str) -> Chart {
    Chart {
        repository,
        name,
        version,
    }
}

pub(crate) const ARGO_CD: &str = "v3.5.1";
/// The digest of `manifests/ha/install.yaml` of that version.
pub(crate) const ARGO_CD_SHA256: &str =
    "1d7b6baa0769ff8a5757c61e2c677ae0939a15e86e149f64df6b12435db5c4b2";
/// The minor versions of Kubernetes that it is tested with.
pub(crate) const ARGO_CD_TESTED: std::ops::RangeInclusive<u8> = 33..=36;
pub(crate) const ARGO_ROLLOUTS: Chart = chart(ARGO, "argo-rollouts", "2.41.0");
pub(crate) const IMAGE_UPDATER: Chart = chart(ARGO, "argocd-image-updater", "1.2.4");
pub(crate) const LOAD_BALANCER_CONTROLLER: Chart = chart(
    "https://aws.github.io/eks-charts",
    "aws-load-balancer-controller",
    "3.5.0",
);
pub(crate) const CLUSTER_AUTOSCALER: Chart = chart(
    "https://kubernetes.github.io/autoscaler",
    "cluster-autoscaler",
    "9.59.0",
);
/// Its image goes by the cluster's minor version; the chart's own is of one of them.
pub(crate) const CLUSTER_AUTOSCALER_IMAGES: [(&str, &str); 4] = [
    ("1.33", "v1.33.0"),
    ("1.34", "v1.34.0"),
    ("1.35", "v1.35.0"),
    ("1.36", "v1.36.1"),
];
pub(crate) const KARPENTER: Chart = chart("public.ecr.aws/karpenter", "karpenter", "1.14.1");
pub(crate) const METRICS_SERVER: Chart = chart(
    "https://kubernetes-sigs.github.io/metrics-server",
    "metrics-server",
    "3.14.0",
);
pub(crate) const EXTERNAL_DNS: Chart = chart(
    "https://kubernetes-sigs.github.io/external-dns",
    "external-dns",
    "1.21.1",
);
pub(crate) const EXTERNAL_SECRETS: Chart = chart(
    "https://charts.external-secrets.io",
    "external-secrets",
    "2.9.0",
);
pub(crate) const RELOADER: Chart = chart(
    "https://stakater.github.io/stakater-charts",
    "reloader",
    "2.2.16",
);
pub(crate) const CERT_MANAGER: Chart = chart("quay.io/jetstack/charts", "cert-manager", "v1.21.1");
pub(crate) const VAULT: Chart = chart("https://helm.releases.hashicorp.com", "vault", "0.34.1");
pub(crate) const PROMETHEUS: Chart = chart(
    "https://prometheus-community.github.io/helm-charts",
    "kube-prometheus-stack",
    "88.5.3",
);
pub(crate) const ECK: Chart = chart("https://helm.elastic.co", "eck-operator", "3.5.0");
pub(crate) const ELASTIC: &str = "9.2.0";
pub(crate) const FLUENT_BIT: Chart = chart(
    "https://fluent.github.io/helm-charts",
    "fluent-bit",
    "0.56.0",
);
pub(crate) const OPENTELEMETRY: Chart = chart(
    "https://open-telemetry.github.io/opentelemetry-helm-charts",
    "opentelemetry-collector",
    "0.158.2",
);
pub(crate) const JAEGER: Chart = chart(
    "https://jaegertracing.github.io/helm-charts",
    "jaeger",
    "4.11.1",
);
pub(crate) const SONARQUBE: Chart = chart(
    "https://SonarSource.github.io/helm-chart-sonarqube",
    "sonarqube",
    "2026.4.0",
);
/// For jobs of ours.
pub(crate) const ARGO_CD_IMAGE: &str = "quay.io/argoproj/argocd:v3.5.1";
/// Of the version that the chart runs as a server.
pub(crate) const VAULT_IMAGE: &str = "hashicorp/vault:2.0.4";
pub(crate) const AWS_CLI_IMAGE: &str = "public.ecr.aws/aws-cli/aws-cli:2.27.0";
