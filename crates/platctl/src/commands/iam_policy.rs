//! `platctl iam-policy`

use std::path::Path;

use platctl_aws::Aws;
use platctl_engine::graph::Graph;
use platctl_stack::rights::{Subject, boundary, rights};
use platctl_stack::{Context, Stack, StateUrl, check_region};

use crate::cli::{Global, IamPolicy};
use crate::cloud::{Site, build, load};
use crate::error::CliError;
use crate::exit::Exit;
use crate::render::iam_policy as render;

/// Prints what whoever runs platctl for this stack has to be allowed.
pub(crate) async fn run(path: &Path, wish: &IamPolicy, global: &Global) -> Result<Exit, CliError> {
    let stack = load(path, global)?;
    let (context, graph) = place(&stack, global).await?;
    let nodes = graph.nodes();
    let state = state(&stack, global)?;
    let subject = Subject {
        stack: stack.name(),
        nodes: &nodes,
        context: &context,
        state: state.as_ref(),
    };
    match &wish.boundary {
        Some(name) => {
            check_policy_name(name)?;
            render::boundary(&boundary(&subject, name), name, global);
        }
        None => render::rights(&rights(&subject, wish.run.run()), global),
    }
    Ok(Exit::Done)
}

/// Account, region and resources. Only a stack file that leaves out one of the first two takes a call to AWS.
async fn place(stack: &Stack, global: &Global) -> Result<(Context, Graph), CliError> {
    let region = stack.region().or(global.region.as_deref());
    if let (Some(account), Some(region), false) = (stack.account(), region, global.emulator) {
        check_region(region).map_err(CliError::other)?;
        let context = Context {
            account: account.to_owned(),
            ..Context::offline(region)
        };
        let graph = build(stack, &context, &Aws::offline(region))?;
        return Ok((context, graph));
    }
    let site = Site::connect(region, global).await?;
    let identity = site.aws.identity();
    let context = Context {
        account: identity.account.clone(),
        partition: identity.partition.clone(),
        ..Context::offline(&site.region)
    };
    let graph = site.graph(stack, None).await?;
    Ok((context, graph))
}

/// Where the state is, if that is a bucket.
fn state(stack: &Stack, global: &Global) -> Result<Option<StateUrl>, CliError> {
    let said = global
        .state
        .as_ref()
        .map(|path| path.to_string_lossy().into_owned());
    match said {
        None => Ok(stack.state()),
        Some(text) if text.contains("://") => text.parse().map(Some).map_err(CliError::other),
        Some(_) => Ok(None),
    }
}

/// What IAM accepts as the name of a policy.
fn check_policy_name(name: &str) -> Result<(), CliError> {
    let fits = (1..=128).contains(&name.len());
    if fits
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+=,.@-_".contains(c))
    {
        return Ok(());
    }
    Err(CliError::other(format!(
        "`{name}` is not a valid name of a managed policy: use 1 to 128 letters, digits and the characters +=,.@-_"
    )))
}
