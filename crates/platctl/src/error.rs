//! Why a command could not do its work.

use std::path::PathBuf;

use platctl_engine::CloudError;
use platctl_engine::flow::NotBegun;
use platctl_engine::graph::GraphError;
use platctl_engine::plan::Refusal;
use platctl_engine::state::StateError;

/// An error that ends a command: exit code 1, and nothing, or nothing more, was changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    #[error(transparent)]
    Stack(#[from] platctl_stack::StackErrors),
    #[error(transparent)]
    Connect(#[from] platctl_aws::ConnectError),
    #[error(transparent)]
    Emulator(#[from] platctl_emulator::EmulatorError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error("cannot open the state in {url}: {error}")]
    StateBucket { url: String, error: CloudError },
    #[error("cannot read existing resources: {0}")]
    Cloud(#[from] CloudError),
    #[error("cannot connect: {0}")]
    Connection(CloudError),
    #[error("the task failed: {0}")]
    Runner(CloudError),
    #[error(transparent)]
    NoNodeGroup(#[from] platctl_aws::eks::eviction::NoNodeGroup),
    #[error(transparent)]
    NotBegun(#[from] NotBegun),
    #[error("the plan cannot be applied")]
    Refused {
        refusals: Vec<Refusal>,
        stack: PathBuf,
    },
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Graph(Vec<GraphError>),
    #[error("{path}: {source}", path = path.display())]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{0}")]
    Other(String),
}

impl CliError {
    pub(crate) fn other(message: impl Into<String>) -> Self {
        Self::Other(message.into())
    }
}
