//! The GitOps repository: which files, and where.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use crate::components::argo_cd;
use crate::services::Around;
use crate::{Component, Inputs, Settings, Unfit, application, bootstrap, chosen, services};

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
    files.insert("README.md".to_owned(), File::Text(readme(inputs, &components)));
    let cluster = format!("clusters/{}", inputs.stack);
    let around = Around::new(&components);
    let mut put = |path: String, documents: Vec<Value>| files.insert(path, File::Yaml(documents));
    put(format!("{cluster}/settings-gate.yaml"), vec![argo_cd::gate()]);
    put(format!("bootstrap/{}.yaml", inputs.stack), bootstrap::root(inputs));
    for component in &components {
        let one = application::of_component(component, inputs, settings);
        put(format!("{cluster}/{}.yaml", component.name), vec![one]);
        let objects = (component.objects)(inputs, settings);
        if !objects.is_empty() {
            put(format!("components/{}/objects/objects.yaml", component.name), objects);
        }
    }
    for service in &inputs.services {
        put(
            format!("{cluster}/service-{}.yaml", service.name),
            vec![application::of_service(&service.name, inputs)],
        );
        let objects = services::objects(service, inputs, around);
        let names: Vec<&str> = objects.iter().map(|(name, _)| *name).collect();
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

fn readme(inputs: &Inputs, components: &[&'static Component]) -> String {
    let mut text = format!(
        "# What runs in {cluster}\n\nArgo CD makes the cluster what branch `{branch}` of this repository says. Nobody changes the cluster by hand: what differs is put back.\n\n\
         | folder | |\n| --- | --- |\n| `bootstrap/` | projects and the root Application, which platctl applies |\n| `clusters/{stack}/` | one Application for each component and service |\n| `components/` | objects of components beside their charts |\n| `services/` | the services |\n\n\
         platctl writes these files from the stack file `{stack}`, and never over a change of yours: where both changed a file, it stops and names it. `.platctl/` is its memory.\n\n\
         ## How it begins\n\n`platctl apply` puts Argo CD into the cluster, with the Secret `{secret}` by which it reads this repository, and `bootstrap/{stack}.yaml`, which is its way in here. Argo CD keeps everything from then on, except itself: its version is platctl's, and `components/argo-cd/` holds only what is set beside it.\n\nApplications come in waves, and a wave waits until the one before it is well. `clusters/{stack}/settings-gate.yaml` keeps them back until Argo CD has been told when an Application is well.\n\n\
         ## A new version of a service\n\nA commit on the service's branch is tested, built and pushed by its pipeline, tagged with the environment and the commit. Image Updater writes the tag into `services/NAME/.argocd-source-NAME.yaml`. A service with a `rollout.yaml` gets the new version beside the old one: look at it through the Service `NAME-preview`, then `kubectl argo rollouts promote NAME -n NAME`, or `abort`. One with a `deployment.yaml` changes pod by pod.\n\nTo go back, pin the commit in the stack file (`services.NAME.pin`) and apply: what is only reverted here, Image Updater writes again.\n\n\
         ## A new service\n\nAdd it below `services:` in the stack file and run `platctl apply`: repository, pipeline, role, target group and these files come together.\n\n\
         ## Components\n\n| component | namespace | wave | |\n| --- | --- | --- | --- |\n",
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
    text
}
