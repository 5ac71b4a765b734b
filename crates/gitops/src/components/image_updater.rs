//! Argo CD Image Updater: what a pipeline pushed to ECR comes into the repository as a commit.

use serde_json::{Value, json};

use crate::application::LAST_WAVE;
use crate::bootstrap;
use crate::component::{Component, PLAIN, Pods, Resources, Workload, allow, join, when_defined};
use crate::versions::IMAGE_UPDATER;
use crate::{Inputs, Service};

const ACCOUNT: &str = "argocd-image-updater";
const CONTAINER: Resources = Resources::new(25, 128, 512);

/// Prints `AWS:TOKEN` for the registry, with the role of the pod.
const LOGIN: &str = "#!/bin/sh\nset -eu\nexport HOME=/tmp\naws ecr get-authorization-token --region \"$AWS_REGION\" --output text --query 'authorizationData[].authorizationToken' | base64 -d\n";

fn registry(inputs: &Inputs) -> String {
    format!("{}.dkr.{}", inputs.account, inputs.endpoint("ecr"))
}

/// With which credential it writes. Of a Secret that it reads itself, it knows user names with passwords and keys for
/// SSH only; what belongs to a GitHub App it gets as Argo CD has it.
fn write_back(inputs: &Inputs) -> String {
    if inputs.by_github_app {
        "git:repocreds".to_owned()
    } else {
        format!(
            "git:secret:{}/{}",
            bootstrap::NAMESPACE,
            bootstrap::WRITE_SECRET
        )
    }
}

/// A pipeline that releases an image to an environment gives it the tag `ENVIRONMENT-COMMIT`.
fn application(service: &Service, inputs: &Inputs) -> Value {
    // A commit that is pinned is the newest of those that count.
    let commit = service.pin.as_ref().map_or_else(
        || "[0-9a-f]{7,40}".to_owned(),
        |pin| format!("{pin}[0-9a-f]*"),
    );
    let tags = format!("regexp:^{}-{commit}$", inputs.environment);
    json!({
        "namePattern": service.name,
        "images": [{
            "alias": "app",
            "imageName": service.image,
            "commonUpdateSettings": {"updateStrategy": "newest-build", "allowTags": tags},
            "manifestTargets": {"kustomize": {"name": service.image}},
        }],
    })
}

pub(crate) const COMPONENT: Component = Component {
    name: "image-updater",
    purpose: "Writes the newest image tag of each service to this repository",
    namespace: "argocd",
    wave: LAST_WAVE,
    pods: |_, _| vec![Pods::of("argocd-image-updater-controller", 1, &[CONTAINER])],
    chart: Some(IMAGE_UPDATER),
    values: |inputs, _| {
        json!({
            "fullnameOverride": ACCOUNT,
            "resources": CONTAINER.json(),
            "serviceAccount": {"create": true, "name": ACCOUNT},
            "extraEnv": [{"name": "AWS_REGION", "value": inputs.region}],
            "authScripts": {"enabled": true, "scripts": {"ecr-login.sh": LOGIN}},
            "config": {"registries": [{
                "name": "ECR",
                "prefix": registry(inputs),
                "api_url": format!("https://{}", registry(inputs)),
                "ping": true,
                "insecure": false,
                "credentials": "ext:/scripts/ecr-login.sh",
                "credsexpire": "10h",
            }]},
        })
    },
    objects: |inputs, _| {
        if inputs.services.is_empty() {
            return Vec::new();
        }
        vec![json!({
            "apiVersion": "argocd-image-updater.argoproj.io/v1alpha1",
            "kind": "ImageUpdater",
            "metadata": {"name": "services", "namespace": "argocd", "annotations": when_defined()},
            "spec": {
                "writeBackConfig": {
                    "method": write_back(inputs),
                    // Into a file of its own beside the service's, which platctl does not write.
                    "gitConfig": {"branch": inputs.branch},
                },
                "applicationRefs": inputs.deployed().map(|service| application(service, inputs)).collect::<Vec<_>>(),
            },
        })]
    },
    workloads: |inputs| {
        let repositories = format!(
            "arn:{}:ecr:{}:{}:repository/{}/*",
            inputs.partition, inputs.region, inputs.account, inputs.stack
        );
        vec![Workload {
            namespace: "argocd",
            service_account: ACCOUNT,
            statements: vec![
                allow(&["ecr:GetAuthorizationToken"], "*"),
                allow(
                    &[
                        "ecr:BatchGetImage",
                        "ecr:GetDownloadUrlForLayer",
                        "ecr:DescribeImages",
                        "ecr:ListImages",
                    ],
                    join([repositories.into()]),
                ),
            ],
        }]
    },
    health: &["Deployment argocd/argocd-image-updater-controller"],
    ..PLAIN
};
