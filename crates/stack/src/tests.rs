//! What people read when a stack file is wrong, and what a right one declares.

mod audit;
mod catalog;
mod environments;
mod errors;
mod identities;
mod idle;
mod network;
mod nodes;
mod overrides;
mod platform;
mod ranges;
mod raw;
mod reaper;
mod repository;
mod security;
mod services;
mod source;
mod syntax;

use miette::{GraphicalReportHandler, GraphicalTheme};
use platctl_aws::Aws;
use platctl_engine::Catalog;
use platctl_engine::graph::{Graph, Node};

use crate::{Context, Overrides, Stack, StackErrors, load_text};

const ENV: &[(&str, &str)] = &[
    ("REGION", "eu-west-1"),
    ("ZONES", "2"),
    ("EMPTY", ""),
    ("EVIL", "\u{1b}[31m"),
];

/// Reads a stack from text with the environment of these tests.
fn load(text: &str, set: &[&str]) -> Result<Stack, StackErrors> {
    let set = set.iter().map(ToString::to_string).collect();
    let env = |name: &str| {
        ENV.iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| (*value).to_owned())
    };
    load_text("stack.yaml", text, &Overrides { set }, &env)
}

/// The nodes of a stack of AWS's kinds, and their graph.
fn nodes(stack: &Stack) -> Result<Vec<Node>, StackErrors> {
    nodes_of(stack, &Aws::offline("eu-west-1"))
}

fn nodes_of(stack: &Stack, catalog: &dyn Catalog) -> Result<Vec<Node>, StackErrors> {
    let nodes = stack.nodes(&Context::offline("eu-west-1"), catalog)?;
    Graph::new(nodes.clone(), catalog).map_err(|errors| stack.explain(&errors))?;
    Ok(nodes)
}

/// All that is wrong with a stack, as a person reads it.
fn wrong_with(text: &str, set: &[&str]) -> String {
    wrong_of(text, set, &Aws::offline("eu-west-1"))
}

fn wrong_of(text: &str, set: &[&str], catalog: &dyn Catalog) -> String {
    match load(text, set).and_then(|stack| nodes_of(&stack, catalog)) {
        Ok(_) => panic!("nothing is wrong with:\n{text}"),
        Err(errors) => render(&errors),
    }
}

/// The same in another region.
fn wrong_in(region: &str, text: &str) -> String {
    let nodes = |stack: Stack| stack.nodes(&Context::offline(region), &Aws::offline(region));
    match load(text, &[]).and_then(nodes) {
        Ok(_) => panic!("nothing is wrong with:\n{text}"),
        Err(errors) => render(&errors),
    }
}

fn wrong(text: &str) -> String {
    wrong_with(text, &[])
}

fn render(errors: &StackErrors) -> String {
    let handler =
        GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor()).with_width(100);
    let mut text = String::new();
    for error in errors {
        handler.render_report(&mut text, error).unwrap();
    }
    assert!(
        !text.chars().any(crate::source::is_harmful),
        "a terminal would obey: {text:?}"
    );
    // Lines without blanks at their ends, as editors leave them.
    text.lines()
        .map(str::trim_end)
        .collect::<Vec<_>>()
        .join("\n")
        .trim_matches('\n')
        .to_owned()
}
