//! How blocks declare resources: typed specs in, nodes of the graph out.

use std::collections::{BTreeMap, BTreeSet};

use platctl_aws::s3::bucket::{self, Bucket};
use platctl_aws::s3::extras::Logging;
use platctl_engine::graph::Node;
use platctl_engine::{Address, Data, Declared, Handle, Input, Kind};

use crate::Context;
use crate::error::Fault;
use crate::logs;
use crate::names::TagMap;
use crate::source::Span;

/// A result whose error is all that is wrong.
pub(crate) type Checked<T> = Result<T, Vec<Fault>>;

/// A declared resource, and the place in the stack file that asks for it.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    pub(crate) node: Node,
    pub(crate) place: Span,
}

/// Collects the resources of one block.
pub(crate) struct Declare<'a> {
    context: &'a Context,
    stack: &'a str,
    block: &'static str,
    place: Span,
    protect: bool,
    ephemeral: bool,
    tags: BTreeMap<String, String>,
    /// The bucket that the stack's other buckets write their access logs to.
    access_logs: Option<Handle<Bucket>>,
    /// The region of what is declared next.
    scope: String,
    nodes: Vec<Placed>,
}

impl<'a> Declare<'a> {
    /// A collector for the block of this name, which stands at `place`.
    pub(crate) fn new(
        context: &'a Context,
        stack: &'a str,
        block: &'static str,
        place: Span,
    ) -> Self {
        let scope = context.region.clone();
        let tags = BTreeMap::new();
        Self {
            context,
            stack,
            block,
            place,
            protect: false,
            ephemeral: false,
            access_logs: None,
            tags,
            scope,
            nodes: Vec::new(),
        }
    }

    /// What the stack file says about data: whether it is protected, and whether the stack is made to be thrown away.
    pub(crate) const fn data(mut self, protect: bool, ephemeral: bool) -> Self {
        (self.protect, self.ephemeral) = (protect, ephemeral);
        self
    }

    /// Where buckets of the block write their access logs.
    pub(crate) fn logging_to(mut self, bucket: Option<Handle<Bucket>>) -> Self {
        self.access_logs = bucket;
        self
    }

    /// How a bucket writes its access logs, below its own name. Said also where there are none: a bucket that went on
    /// writing them would write to a bucket that is deleted, and that somebody else could then create.
    pub(crate) fn access_logs(&self, bucket: &str) -> Logging<Declared> {
        match &self.access_logs {
            None => Logging {
                target_bucket: Input::Value("".into()),
                target_prefix: String::new(),
            },
            Some(target) => Logging {
                target_bucket: target.get(bucket::out::BUCKET),
                target_prefix: format!("{}/{bucket}/", logs::BUCKETS),
            },
        }
    }

    /// Adds tags for all resources to come; later ones win.
    pub(crate) fn tag(&mut self, tags: Option<&TagMap>) {
        self.tags.extend(plain(tags));
    }

    pub(crate) const fn context(&self) -> &'a Context {
        self.context
    }

    pub(crate) const fn place(&self) -> Span {
        self.place
    }

    /// Whether the stack protects what holds data.
    pub(crate) const fn protects(&self) -> bool {
        self.protect
    }

    /// How long logs are kept that tell who did what, unless the stack file says it: a year where data is protected, as
    /// audits ask for, otherwise as long as it takes to find a fault.
    pub(crate) const fn log_days(&self, usual: i32) -> i32 {
        if self.protect { 365 } else { usual }
    }

    /// Whether the stack is made to be thrown away, with its data.
    pub(crate) const fn ephemeral(&self) -> bool {
        self.ephemeral
    }

    pub(crate) const fn block(&self) -> &'static str {
        self.block
    }

    pub(crate) const fn stack(&self) -> &'a str {
        self.stack
    }

    /// A name within AWS: the stack's name and this.
    pub(crate) fn name(&self, rest: &str) -> String {
        format!("{}-{rest}", self.stack)
    }

    /// A name of something that the account has once for all regions (roles, CloudFront's policies, dashboards): the
    /// region keeps stacks of one name apart.
    pub(crate) fn global_name(&self, rest: &str) -> String {
        self.name(&format!("{}-{rest}", self.context.region))
    }

    /// The tags of the resource at `address`, below the block's own name.
    pub(crate) fn tags(&self, address: &str) -> BTreeMap<String, String> {
        let mut tags = self.tags.clone();
        tags.insert("Name".into(), self.name(&address.replace('.', "-")));
        tags
    }

    /// What the block has declared so far at this address or below it.
    pub(crate) fn addresses(&self, below: &str) -> impl Iterator<Item = Address> {
        let root = format!("{}.{below}", self.block);
        let is_below = move |address: &&Address| {
            address
                .as_str()
                .strip_prefix(&root)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.nodes
            .iter()
            .map(|placed| &placed.node.address)
            .filter(is_below)
            .cloned()
    }

    /// Declares a resource below the block's name.
    pub(crate) fn add<K: Kind>(
        &mut self,
        address: &str,
        spec: &K::Spec<Declared>,
    ) -> Checked<Handle<K>> {
        self.add_after(address, spec, &[])
    }

    /// Declares a resource that has to wait for others from which it takes nothing.
    pub(crate) fn add_after<K: Kind>(
        &mut self,
        address: &str,
        spec: &K::Spec<Declared>,
        after: &[&Address],
    ) -> Checked<Handle<K>> {
        let fault = |message: String| vec![Fault::new(message).at(self.place, "in this block")];
        let address = Address::new(format!("{}.{address}", self.block))
            .map_err(|error| fault(error.to_string()))?;
        let spec = serde_json::to_value(spec).map_err(|error| fault(error.to_string()))?;
        let node = Node {
            address: address.clone(),
            kind: K::NAME.to_owned(),
            scope: self.scope.clone(),
            spec,
            after: after.iter().map(|address| (*address).clone()).collect(),
            protect: self.protect,
            ephemeral: self.ephemeral,
        };
        self.nodes.push(Placed {
            node,
            place: self.place,
        });
        Ok(Handle::new(address))
    }

    /// Says that a declared resource is to have nothing in this field, as `field: null` does in a stack file. A field
    /// that is only left out stays as it is.
    pub(crate) fn remove(&mut self, address: &Address, field: &str) {
        let mut nodes = self.nodes.iter_mut().map(|placed| &mut placed.node);
        let node = nodes.find(|node| node.address == *address);
        if let Some(spec) = node.and_then(|node| node.spec.as_object_mut()) {
            spec.insert(field.to_owned(), serde_json::Value::Null);
        }
    }

    /// A set of which some items are references.
    pub(crate) fn set<T: Data + Ord>(
        &self,
        items: impl IntoIterator<Item = Input<T>>,
    ) -> Checked<Input<BTreeSet<T>>> {
        Input::list(items).map_err(|error| self.fault(error.to_string()))
    }

    /// A map of which some values are references.
    pub(crate) fn map<'k, T: Data>(
        &self,
        entries: impl IntoIterator<Item = (&'k str, Input<T>)>,
    ) -> Checked<Input<BTreeMap<String, T>>> {
        let entries = entries
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value));
        Input::map(entries).map_err(|error| self.fault(error.to_string()))
    }

    /// Declares what follows in another region, until the next call.
    pub(crate) fn region(&mut self, region: Option<&str>) {
        self.scope = region.map_or_else(|| self.context.region.clone(), ToOwned::to_owned);
    }

    /// A fault of the block as a whole.
    pub(crate) fn fault(&self, message: impl Into<String>) -> Vec<Fault> {
        vec![Fault::new(message).at(self.place, "in this block")]
    }

    /// An ARN of this account, in the block's region.
    pub(crate) fn arn(&self, service: &str, resource: &str) -> String {
        let Context {
            partition, account, ..
        } = self.context;
        format!(
            "arn:{partition}:{service}:{}:{account}:{resource}",
            self.scope
        )
    }

    /// An ARN of a service that has no regions: IAM.
    pub(crate) fn global_arn(&self, service: &str, resource: &str) -> String {
        let Context {
            partition, account, ..
        } = self.context;
        format!("arn:{partition}:{service}::{account}:{resource}")
    }

    /// The ARN of a policy that AWS manages.
    pub(crate) fn managed_policy(&self, name: &str) -> String {
        format!("arn:{}:iam::aws:policy/{name}", self.context.partition)
    }

    /// All that was declared.
    pub(crate) fn finish(self) -> Vec<Placed> {
        self.nodes
    }
}

/// Tags as plain strings.
pub(crate) fn plain(tags: Option<&TagMap>) -> BTreeMap<String, String> {
    let entries = tags.into_iter().flatten();
    entries
        .map(|(key, value)| (key.as_str().to_owned(), value.as_str().to_owned()))
        .collect()
}
