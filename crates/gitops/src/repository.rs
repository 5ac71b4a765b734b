//! The GitOps repository: which files, and where.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use crate::components::argo_cd;
use crate::services::Around;
use crate::{
    Component, Inputs, Need, Needs, Settings, Unfit, application, bootstrap, chosen, needs,
    services,
};

/// What a file consists of.
#[derive(Clone, Debug, PartialEq)]
pub enum File {
    /// A text.
    Text(String),
    /// YAML documents, in which expressions may stand.
    Yaml(Vec<Value>),
}

/// All files of the repository, by path.
///
/// # Errors
/// A component that is asked for and cannot be.
pub fn files(inputs: &Inputs, settings: &Settings) -> Result<BTreeMap<String, File>, Unfit> {
    let components = chosen(inputs, settings)?;
    let mut files = BTreeMap::new();
    let asked = needs(inputs, settings)?;
    files.insert(
        "README.md".to_owned(),
        File::Text(readme(inputs, &components, &asked)),
    );
    let cluster = format!("clusters/{}", inputs.stack);
    let around = Around::new(&components);
    let mut put = |path: String, documents: Vec<Value>| files.insert(path, File::Yaml(documents));
    put(
        format!("{cluster}/settings-gate.yaml"),
        vec![argo_cd::gate()],
    );
    put(
        format!("bootstrap/{}.yaml", inputs.stack),
        bootstrap::root(inputs, &components),
    );
    for component in &components {
        let one = application::of_component(component, inputs, settings);
        put(format!("{cluster}/{}.yaml", component.name), vec![one]);
        let objects = (component.objects)(inputs, settings);
        if !objects.is_empty() {
            put(
                format!("components/{}/objects/objects.yaml", component.name),
                objects,
            );
        }
    }
    for service in inputs.deployed() {
        put(
            format!("{cluster}/service-{}.yaml", service.name),
            vec![application::of_service(&service.name, inputs)],
        );
        let objects = services::objects(service, inputs, around);
        let names: Vec<&str> = objects.iter().map(|(name, _)| name.as_str()).collect();
        put(
            format!("services/{}/kustomization.yaml", service.name),
            vec![services::kustomization(service, &names)],
        );
        for (name, objects) in objects {
            put(format!("services/{}/{name}", service.name), objects);
        }
    }
    Ok(files)
}

fn readme(inputs: &Inputs, components: &[&'static Component], asked: &Needs) -> String {
    let mut text = format!(
        "# Contents of {cluster}\n\nArgo CD deploys branch `{branch}` of this repository to the cluster. Do \
         not change the cluster by hand: Argo CD reverts such changes.\n\n\
         | folder | contents |\n| --- | --- |\n| `bootstrap/` | the projects and the root Application, which \
         platctl applies |\n| `clusters/{stack}/` | an Application for each component and service |\n| `components/` | objects \
         of components in addition to their charts |\n| `services/` | the services |\n\n\
         platctl generates these files from the stack file `{stack}`. It never overwrites your changes: if \
         you and platctl have both changed a file, it stops with an error that lists the file. platctl \
         stores its own data in `.platctl/`.\n\n\
         ## Installation\n\n`platctl apply` installs Argo CD in the cluster, with the Secret `{secret}` that \
         Argo CD uses to read this repository, and applies `bootstrap/{stack}.yaml`, which contains the root \
         Application. From then on, Argo CD manages everything except itself: platctl manages the version of \
         Argo CD, and `components/argo-cd/` contains only additional settings.\n\nApplications are deployed \
         in sync waves. Each wave waits until the previous one is healthy. Nothing waits for the last wave. \
         `clusters/{stack}/settings-gate.yaml` delays them until the health checks for Applications are \
         configured.\n\n\
         ## Deploying a new version of a service\n\nThe pipeline of the service tests and builds each commit \
         on its branch, and pushes the image with a tag that contains the environment and the commit. Image \
         Updater writes the tag to `services/NAME/.argocd-source-NAME.yaml`. If the service has a \
         `rollout.yaml`, the new version is deployed beside the old one: check it through the Service \
         `NAME-preview`, then run `platctl promote {stack} NAME`, or `platctl abort {stack} NAME`. If it has a \
         `deployment.yaml`, pods are replaced one by one.\n\nTo go back to an older version, set \
         `services.NAME.pin` to its commit in the stack file, and apply. It is not sufficient to revert the \
         commit in this repository, because Image Updater writes it again.\n\n\
         ## Adding a service\n\nAdd the service to `services:` in the stack file, and run `platctl apply`. \
         It creates the repository, the pipeline, the role, the target group and these files.\n\n\
         ## Components\n\n| component | namespace | wave | description |\n| --- | --- | --- | --- |\n",
        cluster = inputs.cluster,
        branch = inputs.branch,
        stack = inputs.stack,
        secret = bootstrap::REPOSITORY_SECRET,
    );
    for component in components {
        // Writing into a text cannot fail.
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} |",
            component.name, component.namespace, component.wave, component.purpose
        );
    }
    text.push_str(&requests(asked));
    text
}

/// What pods ask for, as a table.
fn requests(asked: &Needs) -> String {
    let mut text = "\n## Requests\n\nThe sum of what the pods request, with each service at its minimum number of pods. \
                    Jobs are not included.\n\n| component or service | vCPU | GiB | pods |\n| --- | ---: | ---: | ---: |\n"
        .to_owned();
    let mut row = |name: &str, need: Need| {
        let (cpu, memory) = (
            f64::from(need.cpu) / 1000.0,
            f64::from(need.memory) / 1024.0,
        );
        // Writing into a text cannot fail.
        let _ = writeln!(text, "| {name} | {cpu:.2} | {memory:.2} | {} |", need.pods);
    };
    for (name, need) in &asked.rows {
        row(name, *need);
    }
    row("all", asked.total());
    row("on each node, in addition", asked.per_node);
    text
}
