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
    /// Whether the server applies its objects. Only definitions that are too large for the annotation of an apply by
    /// the client need this: it takes maps that the API declares atomic away from controllers that write into them.
    pub server_side: bool,
    /// What the pods of its namespace may be: the level of the Pod Security Standards.
    pub pod_security: PodSecurity,
    /// Who may reach its pods, other than the pods of its namespace.
    pub doors: fn(&Inputs) -> Vec<Door>,
    /// Where its pods go, other than to pods of their namespace, to DNS, and for the credentials of a [`Workload`].
    pub exits: fn(&Inputs, &Settings) -> Vec<Exit>,
    /// What its pods ask for.
    pub pods: fn(&Inputs, &Settings) -> Vec<Pods>,
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
    /// Its web pages for people.
    pub pages: &'static [Page],
}

/// A web page of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// What commands call it.
    pub name: &'static str,
    /// The name that people know it by.
    pub title: &'static str,
    /// The Service of its pods.
    pub service: &'static str,
    /// The port of the Service.
    pub port: u16,
    /// Whether its pods speak TLS; with a certificate that no browser knows, then.
    pub tls: bool,
    /// The port of one's own machine that it is usually opened at.
    pub local_port: u16,
    /// Who logs in.
    pub login: Login,
}

/// Who logs in to a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// Nobody: whoever reaches it may read.
    Nobody,
    /// A user, with a password in a Secret of its namespace.
    Password {
        /// The user.
        user: &'static str,
        /// The Secret.
        secret: &'static str,
        /// Its key.
        key: &'static str,
    },
    /// Somebody with a credential that is kept nowhere.
    Other {
        /// How one gets it.
        how: &'static str,
    },
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

/// A level of the Pod Security Standards, the strictest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PodSecurity {
    /// Everything: for pods that read what is on their node.
    Privileged,
    /// What does not reach the node.
    Baseline,
    /// What a pod without any privilege needs.
    Restricted,
}

impl PodSecurity {
    /// As the label says it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Privileged => "privileged",
            Self::Baseline => "baseline",
            Self::Restricted => "restricted",
        }
    }
}

/// A way to some pods of a component.
#[derive(Clone, Debug)]
pub struct Door {
    /// The name of its policy.
    pub name: &'static str,
    /// The labels of the pods.
    pub labels: Value,
    /// The ports of the pods, not of their Service.
    pub ports: Vec<u16>,
    /// The namespaces that may come in; everybody when there are none, such as the API server, which is no pod.
    pub from: Vec<String>,
}

/// A way of some pods of a component to elsewhere.
#[derive(Clone, Debug)]
pub struct Exit {
    /// The name of its policy.
    pub name: &'static str,
    /// The labels of the pods; all pods of the namespace when there are none.
    pub labels: Value,
    /// Where to, and to which ports.
    pub to: Vec<(To, Vec<u16>)>,
}

/// Where pods go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To {
    /// Anywhere: the API server, AWS and other hosts have no addresses that are known beforehand.
    Anywhere,
    /// Pods of these namespaces.
    Namespaces(Vec<String>),
    /// The services in these namespaces, at the ports that they listen on.
    Services(Vec<String>),
    /// Name servers anywhere, by UDP and TCP.
    NameServers,
}

/// The port of the API server, of AWS, and of most hosts elsewhere.
pub(crate) const HTTPS: u16 = 443;

impl Exit {
    /// All pods of the namespace speak to the API server, to AWS, or to hosts that are not known here.
    pub(crate) fn https() -> Self {
        Self {
            name: "to-https",
            labels: serde_json::json!({}),
            to: vec![(To::Anywhere, vec![HTTPS])],
        }
    }
}

/// What a container asks for, and the memory that it may use at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resources {
    /// In thousandths of a CPU.
    pub cpu: u32,
    /// In MiB.
    pub memory: u32,
    /// In MiB. There is no limit of CPU: a container that needs more for a moment slows nobody down.
    pub limit: u32,
}

impl Resources {
    pub(crate) const fn new(cpu: u32, memory: u32, limit: u32) -> Self {
        Self { cpu, memory, limit }
    }

    /// As a container states it.
    #[must_use]
    pub(crate) fn json(self) -> Value {
        serde_json::json!({
            "requests": {"cpu": format!("{}m", self.cpu), "memory": format!("{}Mi", self.memory)},
            "limits": {"memory": format!("{}Mi", self.limit)},
        })
    }
}

/// How many pods there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// So many.
    Of(u32),
    /// One on each node.
    PerNode,
}

/// Pods of one workload, and what each of them asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pods {
    /// The name of the workload.
    pub name: String,
    /// How many.
    pub count: Count,
    /// In thousandths of a CPU.
    pub cpu: u32,
    /// In MiB.
    pub memory: u32,
}

impl Pods {
    pub(crate) fn new(name: &str, count: Count, containers: &[Resources]) -> Self {
        Self {
            name: name.to_owned(),
            count,
            cpu: containers.iter().map(|one| one.cpu).sum(),
            memory: containers.iter().map(|one| one.memory).sum(),
        }
    }

    pub(crate) fn of(name: &str, count: u32, containers: &[Resources]) -> Self {
        Self::new(name, Count::Of(count), containers)
    }
}

/// Pods of the same labels stand in different zones and on different nodes, as far as there are any.
pub(crate) fn spread(labels: &Value) -> Value {
    let over = |key: &str| {
        serde_json::json!({
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": labels},
        })
    };
    serde_json::json!([
        over("topology.kubernetes.io/zone"),
        over("kubernetes.io/hostname")
    ])
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
    server_side: false,
    pod_security: PodSecurity::Restricted,
    doors: |_| Vec::new(),
    exits: |_, _| Vec::new(),
    pods: |_, _| Vec::new(),
    values: |_, _| Value::Null,
    objects: |_, _| Vec::new(),
    workloads: |_| Vec::new(),
    missing: |_, _| None,
    ignored: Vec::new,
    leftovers: &[],
    finalizers: &[],
    health: &[],
    pages: &[],
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

/// Annotations of an object whose kind another component defines. Until that one is there, the sync goes on with all
/// other objects, and comes back to this one.
pub(crate) fn when_defined() -> Value {
    serde_json::json!({"argocd.argoproj.io/sync-options": "SkipDryRunOnMissingResource=true"})
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
