//! The examples in the help of each command. A test reads every one of them as a command line.

use clap::{Command, CommandFactory};

use crate::cli::Cli;

/// Examples come before the flags, of which there are many.
const TEMPLATE: &str =
    "{before-help}{about-with-newline}\n{usage-heading} {usage}{after-help}\n\n{all-args}";

/// One example: what it is good for, and what to type after `platctl`.
type Example = (&'static str, &'static str);

/// The examples of each command, by the words that name it.
const EXAMPLES: &[(&str, &[Example])] = &[
    (
        "",
        &[
            ("Show the changes, then make them", "plan stacks/prod.yaml"),
            ("", "apply stacks/prod.yaml"),
            (
                "Without an AWS account",
                "apply stacks/network.yaml --emulator",
            ),
            (
                "An environment for a branch, for eight hours",
                "apply stacks/preview.yaml --set stack=pr-42 --ttl 8h",
            ),
        ],
    ),
    ("validate", &[("", "validate stacks/prod.yaml")]),
    (
        "plan",
        &[
            ("", "plan stacks/prod.yaml"),
            (
                "Only a part of the stack",
                "plan stacks/prod.yaml --target database",
            ),
            (
                "Save the plan, and apply it later",
                "plan stacks/prod.yaml --out prod.plan",
            ),
        ],
    ),
    (
        "apply",
        &[
            (
                "Show the changes, ask, and make them",
                "apply stacks/prod.yaml",
            ),
            ("A saved plan", "apply prod.plan"),
            (
                "A temporary environment, for eight hours",
                "apply stacks/preview.yaml --set stack=pr-42 --ttl 8h --yes",
            ),
        ],
    ),
    (
        "destroy",
        &[
            ("", "destroy stacks/preview.yaml"),
            (
                "With the data of the database",
                "destroy prod --allow-data-loss database",
            ),
        ],
    ),
    (
        "list",
        &[
            ("", "list"),
            (
                "States in a bucket",
                "list --state s3://acme-platctl-state/previews",
            ),
            (
                "Also environments whose state is lost",
                "list --tagged --region eu-west-1",
            ),
        ],
    ),
    ("extend", &[("", "extend pr-42 4h")]),
    (
        "pin",
        &[
            ("", "pin pr-42"),
            ("Let it expire again", "pin pr-42 --off"),
        ],
    ),
    (
        "sweep",
        &[
            ("Show what no state knows", "sweep --region eu-west-1"),
            (
                "Also what a Terraform configuration tags",
                "sweep --tag managed-by=terraform",
            ),
            (
                "Delete one of them, with its data",
                "sweep --stack pr-42 --delete vpc-0a1b2c3d4e5f60718",
            ),
        ],
    ),
    (
        "reap",
        &[
            ("Show what has expired", "reap --dry-run"),
            (
                "In a scheduled job",
                "reap --yes --state s3://acme-platctl-state/previews",
            ),
        ],
    ),
    ("backup", &[("", "backup prod")]),
    (
        "restore",
        &[
            ("List the backups", "restore prod"),
            ("", "restore prod --from 2026-01-31T02-17-00Z.yaml"),
        ],
    ),
    (
        "failover",
        &[
            ("Without data loss", "failover prod"),
            (
                "If the region of the writer is down",
                "failover prod --allow-data-loss database",
            ),
        ],
    ),
    (
        "restart",
        &[
            ("All instances", "restart prod database.cluster"),
            ("One instance", "restart prod database.reader.1"),
        ],
    ),
    ("rollback", &[("", "rollback prod")]),
    ("rotate", &[("", "rotate stacks/prod.yaml")]),
    ("promote", &[("", "promote prod backend")]),
    ("abort", &[("", "abort prod backend")]),
    (
        "upgrade",
        &[
            (
                "Show what blocks the upgrade",
                "upgrade stacks/prod.yaml --to 1.36 --dry-run",
            ),
            ("", "upgrade stacks/prod.yaml --to 1.36"),
            (
                "In spite of PodDisruptionBudgets",
                "upgrade stacks/prod.yaml --to 1.36 --force-evict cluster.node_group.general",
            ),
        ],
    ),
    (
        "kubeconfig",
        &[
            ("", "kubeconfig prod"),
            (
                "A file of its own",
                "kubeconfig prod --file prod.kubeconfig",
            ),
        ],
    ),
    (
        "connect",
        &[
            ("Open Grafana", "connect prod grafana --show-password"),
            ("Use kubectl with a private endpoint", "connect prod"),
        ],
    ),
    (
        "drift",
        &[
            ("", "drift prod"),
            ("In a scheduled job", "drift prod --detailed-exitcode"),
        ],
    ),
    (
        "import",
        &[(
            "",
            "import stacks/prod.yaml network.vpc vpc-0a1b2c3d4e5f60718",
        )],
    ),
    ("status", &[("", "status prod")]),
    (
        "output",
        &[
            ("", "output prod"),
            ("", "output prod database.cluster.endpoint"),
        ],
    ),
    ("unlock", &[("", "unlock prod")]),
    (
        "state",
        &[
            ("", "state list prod"),
            ("", "state recover stacks/prod.yaml"),
        ],
    ),
    ("state list", &[("", "state list prod")]),
    ("state show", &[("", "state show prod network.vpc")]),
    (
        "state mv",
        &[("", "state mv prod resources.uploads resources.files")],
    ),
    ("state recover", &[("", "state recover stacks/prod.yaml")]),
    ("state history", &[("", "state history prod")]),
    (
        "state rollback",
        &[
            ("To the previous version", "state rollback prod"),
            ("", "state rollback prod --to 41"),
        ],
    ),
    ("state rm", &[("", "state rm prod resources.uploads")]),
    (
        "emulator",
        &[("", "emulator start"), ("", "emulator status --env")],
    ),
    ("emulator start", &[("", "emulator start")]),
    ("emulator stop", &[("", "emulator stop")]),
    (
        "emulator status",
        &[
            ("", "emulator status"),
            ("For the AWS CLI and the AWS SDKs", "emulator status --env"),
        ],
    ),
    (
        "emulator profile",
        &[
            (
                "Operations take a hundredth of the time on AWS",
                "emulator profile realistic",
            ),
            ("Random faults", "emulator profile hostile --seed 7"),
            (
                "Lose the response of the tenth call",
                "emulator profile cut --call 10",
            ),
        ],
    ),
    (
        "kinds",
        &[
            ("", "kinds"),
            ("Kinds that have to do with queues", "kinds queue"),
        ],
    ),
    (
        "explain",
        &[
            ("", "explain s3.Bucket"),
            ("", "explain s3.Bucket.lifecycle_rules"),
        ],
    ),
    (
        "iam-policy",
        &[
            ("", "iam-policy stacks/prod.yaml"),
            (
                "For a job that shows plans",
                "iam-policy stacks/prod.yaml --for plan",
            ),
            (
                "A permissions boundary for the role that runs platctl",
                "iam-policy stacks/prod.yaml --boundary",
            ),
        ],
    ),
    ("schema", &[("", "schema"), ("", "schema --markdown")]),
    ("completions", &[("", "completions bash")]),
];

/// The command line, with examples in its help.
pub(crate) fn command() -> Command {
    with_examples(Cli::command(), "")
}

fn with_examples(command: Command, words: &str) -> Command {
    let command = match EXAMPLES.iter().find(|(of, _)| *of == words) {
        Some((_, examples)) => command.help_template(TEMPLATE).after_help(text(examples)),
        None => command,
    };
    command.mut_subcommands(|inner| {
        let words = format!("{words} {}", inner.get_name());
        with_examples(inner, words.trim_start())
    })
}

fn text(examples: &[Example]) -> String {
    let mut text = "Examples:".to_owned();
    for (what, line) in examples {
        if !what.is_empty() {
            text.push_str(&format!("\n  # {what}"));
        }
        text.push_str(&format!("\n  platctl {line}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words of every command that the help shows.
    fn names(command: &Command, words: &str) -> Vec<String> {
        let mut found = vec![words.to_owned()];
        for inner in command
            .get_subcommands()
            .filter(|inner| !inner.is_hide_set())
        {
            let words = format!("{words} {}", inner.get_name());
            found.extend(names(inner, words.trim_start()));
        }
        found
    }

    #[test]
    fn every_command_has_examples_and_no_other_has() {
        let mut shown = names(&Cli::command(), "");
        let mut with: Vec<String> = EXAMPLES
            .iter()
            .map(|(words, _)| (*words).to_owned())
            .collect();
        shown.sort();
        with.sort();
        assert_eq!(with, shown);
    }

    #[test]
    fn every_example_is_a_command_line() {
        for (words, examples) in EXAMPLES {
            for (_, line) in *examples {
                let typed = std::iter::once("platctl").chain(line.split(' '));
                let read = command().try_get_matches_from(typed);
                assert!(read.is_ok(), "{line}: {read:?}");
                assert!(line.starts_with(words), "{line} is no example of {words}");
            }
        }
    }

    #[test]
    fn help_shows_examples_before_flags_and_flags_of_every_command_last() {
        let help = |typed: &[&str]| {
            command()
                .try_get_matches_from(typed)
                .unwrap_err()
                .to_string()
        };
        for typed in [["platctl", "pin", "--help"], ["platctl", "help", "pin"]] {
            let help = help(&typed);
            let at = |text: &str| help.find(text).unwrap_or_else(|| panic!("{text}: {help}"));
            let order = [
                "Usage: platctl pin",
                "Examples:\n  platctl pin pr-42\n  # Let it expire again\n  platctl pin pr-42 --off",
                "Arguments:",
                "Options:",
                "Running:",
                "--set",
                "Connection:",
                "--profile",
                "State:",
                "--state",
                "Output:",
                "--json",
            ]
            .map(at);
            assert!(order.is_sorted(), "{help}");
        }
    }
}
