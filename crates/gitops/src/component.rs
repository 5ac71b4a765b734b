//! What a component is: everything about it in one value.

use serde_json::Value;

use crate::{Inputs, Settings};

/// Something that runs in the cluster for the platform.
#[derive(Clone, Copy, Debug)]
pub struct Component {
    /// Its name: of its Application, its folder, and its key below `gitops:` (with `_` for `-`).
    pub name: &'static str,
    /// What it is there for, in one line.
    pub purpose: &'static str,
    /// The namespace that it runs in.
    pub namespace: &'static str,
    /// Argo CD's sync wave: what others need comes first.
    pub wave: i8,
    /// Components that have to be there as well.
    pub needs: &'static [&'static str],
    /// Where its chart is; none when it consists of objects alone.
    pub chart: Option<Chart>,
    /// The chart's values.
    pub values: fn(&Inputs, &Settings) -> Value,
    /// Objects beside the chart.
    pub objects: fn(&Inputs, &Settings) -> Vec<Value>,
    /// Its pods that speak to AWS.
    pub workloads: fn(&Inputs) -> Vec<Workload>,
    /// Why it cannot be in this platform; none when it can.
    pub missing: fn(&Inputs, &Settings) -> Option<&'static str>,
    /// Fields that its chart makes anew whenever it is rendered, or that its pods write themselves: Argo CD leaves
    /// them as they are in the cluster.
    pub ignored: fn() -> Vec<Value>,
    /// What it leaves in AWS when it goes without clearing up.
    pub leftovers: &'static [Leftover],
    /// Finalizers of its objects, which keep a namespace from going when no controller runs any more.
    pub finalizers: &'static [&'static str],
    /// What has to be ready for it to be well.
    pub health: &'static [&'static str],
}

/// A chart in a repository, pinned.
#[derive(Clone, Copy, Debug)]
pub struct Chart {
    /// The repository; without a scheme it is an OCI registry.
    pub repository: &'static str,
    /// Its name there.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
}

/// Pods that speak to AWS, by the service account that they run as.
#[derive(Clone, Debug)]
pub struct Workload {
    /// Their namespace.
    pub namespace: &'static str,
    /// Their service account.
    pub service_account: &'static str,
    /// The statements of their role's policy.
    pub statements: Vec<Value>,
}

/// What a component leaves in AWS.
#[derive(Clone, Copy, Debug)]
pub struct Leftover {
    /// What it is.
    pub what: &'static str,
    /// How it is found; `CLUSTER` stands for the cluster's name.
    pub found_by: &'static str,
}

/// A component with nothing but a chart; the rest is filled in by update syntax.
pub(crate) const PLAIN: Component = Component {
    name: "",
    purpose: "",
    namespace: "",
    wave: 0,
    needs: &[],
    chart: None,
    values: |_, _| Value::Null,
    objects: |_, _| Vec::new(),
    workloads: |_| Vec::new(),
    missing: |_, _| None,
    ignored: Vec::new,
    leftovers: &[],
    finalizers: &[],
    health: &[],
};

/// A statement that allows something.
pub(crate) fn allow(actions: &[&str], resources: impl Into<Value>) -> Value {
    serde_json::json!({"Effect": "Allow", "Action": actions, "Resource": resources.into()})
}

/// The same under a condition.
pub(crate) fn allow_if(actions: &[&str], resources: impl Into<Value>, condition: Value) -> Value {
    let mut statement = allow(actions, resources);
    if let Some(map) = statement.as_object_mut() {
        map.insert("Condition".into(), condition);
    }
    statement
}

/// Annotations of a job that may run again. What a job's pods are cannot be changed, so Argo CD makes it anew.
pub(crate) fn anew() -> Value {
    serde_json::json!({"argocd.argoproj.io/sync-options": "Replace=true,Force=true"})
}

/// A text that is made of parts, some of which are known later.
pub(crate) fn join(parts: impl IntoIterator<Item = Value>) -> Value {
    let parts: Vec<Value> = parts.into_iter().collect();
    let texts: Option<Vec<&str>> = parts.iter().map(Value::as_str).collect();
    match texts {
        Some(texts) => texts.concat().into(),
        None => serde_json::json!({"$join": parts}),
    }
}
