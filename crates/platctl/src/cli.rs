//! The command line. Doc comments are the help.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use platctl_engine::planner::DataLoss;

/// Provision a whole production platform on AWS from one stack file.
#[derive(Clone, Debug, Parser)]
#[command(name = "platctl", version, max_term_width = 100, propagate_version = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags of every command.
#[derive(Args, Clone, Debug)]
pub(crate) struct Global {
    /// Where state lives: a folder, the state file itself, or s3://bucket/prefix
    #[arg(long, global = true, env = "PLATCTL_STATE", value_name = "PATH")]
    pub(crate) state: Option<PathBuf>,
    /// Override a value of the stack file, such as network.nat=single (repeatable)
    #[arg(long = "set", global = true, env = "PLATCTL_SET", value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// The AWS region, where the stack file names none
    #[arg(long, global = true, env = "PLATCTL_REGION")]
    pub(crate) region: Option<String>,
    /// The profile of the AWS configuration to use
    #[arg(long, global = true, env = "PLATCTL_PROFILE")]
    pub(crate) profile: Option<String>,
    /// Send every AWS call to this URL
    #[arg(
        long,
        global = true,
        env = "PLATCTL_ENDPOINT_URL",
        value_name = "URL",
        conflicts_with = "emulator"
    )]
    pub(crate) endpoint_url: Option<String>,
    /// Use a local AWS instead of the real one; it is installed and started when needed
    #[arg(long, global = true, env = "PLATCTL_EMULATOR", value_parser = clap::builder::FalseyValueParser::new())]
    pub(crate) emulator: bool,
    /// The way to the cluster's API server
    #[arg(
        long,
        global = true,
        env = "PLATCTL_CLUSTER_ACCESS",
        value_enum,
        value_name = "WAY",
        default_value_t
    )]
    pub(crate) cluster_access: ClusterAccess,
    /// What the runner runs: platctl for Linux on x86-64; this very program unless it is said
    #[arg(long, global = true, env = "PLATCTL_RUNNER_PROGRAM", value_name = "FILE")]
    pub(crate) runner_program: Option<PathBuf>,
    /// Whether sets of objects in a cluster are looked at, though it take a build.
    #[arg(skip)]
    pub(crate) look: bool,
    /// How many changing calls may be under way at once
    #[arg(long, global = true, env = "PLATCTL_PARALLELISM", value_name = "N", default_value_t = 64)]
    pub(crate) parallelism: usize,
    /// Go on with what does not depend on a failure; the default
    #[arg(long, global = true, conflicts_with = "fail_fast")]
    pub(crate) keep_going: bool,
    /// Begin nothing more once something has failed
    #[arg(long, global = true, env = "PLATCTL_FAIL_FAST", value_parser = clap::builder::FalseyValueParser::new())]
    pub(crate) fail_fast: bool,
    /// How long to wait for a lock that another run holds, such as 30s or 5m
    #[arg(long, global = true, env = "PLATCTL_LOCK_TIMEOUT", value_name = "TIME", default_value = "0s", value_parser = duration)]
    pub(crate) lock_timeout: Duration,
    /// How long a run with state in S3 keeps its lease without being heard of
    #[arg(long = "lease", global = true, env = "PLATCTL_LEASE", value_name = "TIME", default_value = "90s", value_parser = duration)]
    pub(crate) lease: Duration,
    /// Print one JSON object a line instead of text
    #[arg(long, global = true, env = "PLATCTL_JSON", value_parser = clap::builder::FalseyValueParser::new())]
    pub(crate) json: bool,
    /// No colours (NO_COLOR is honoured too)
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
    /// Say more on stderr; twice for the SDK's own log
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// The way to a cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ClusterAccess {
    /// Straight where its endpoint is public, else by the runner
    #[default]
    Auto,
    /// Straight: from within the VPC, or through a VPN
    Direct,
    /// Over one of its nodes, by AWS's Session Manager plugin
    Tunnel,
    /// By a build in its private subnets
    Runner,
}

/// Consent in advance, and what it covers.
#[derive(Args, Clone, Debug)]
pub(crate) struct Consent {
    /// Do not ask
    #[arg(long, visible_alias = "auto-approve", env = "PLATCTL_YES", value_parser = clap::builder::FalseyValueParser::new())]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) data: Data,
}

/// Whose data may be lost.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Data {
    /// Let the data of this resource, and of everything below it, be deleted; `all` for everything (repeatable)
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) allow_data_loss: Vec<String>,
}

impl Data {
    pub(crate) fn consent(&self) -> DataLoss {
        DataLoss(self.allow_data_loss.clone())
    }
}

/// Which part of the stack.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Part {
    /// Only this address, everything below it, and what it needs (repeatable)
    #[arg(long = "target", value_name = "ADDRESS")]
    pub(crate) targets: Vec<String>,
    /// Not this address, nor what cannot be done without it (repeatable)
    #[arg(long = "exclude", value_name = "ADDRESS")]
    pub(crate) excludes: Vec<String>,
}

/// What to make anew.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Anew {
    /// Make this resource anew although nothing about it asks for that (repeatable)
    #[arg(long = "replace", value_name = "ADDRESS")]
    pub(crate) replace: Vec<String>,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Command {
    /// Check a stack file; calls nothing
    Validate {
        /// The stack file
        stack: PathBuf,
    },
    /// Show what would change; changes nothing
    Plan {
        /// The stack file
        stack: PathBuf,
        /// Save the plan, to be applied as it is
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Exit with 2 when there are changes
        #[arg(long)]
        detailed_exitcode: bool,
        /// Show how everything would be destroyed
        #[arg(long, conflicts_with = "replace")]
        destroy: bool,
        #[command(flatten)]
        part: Part,
        #[command(flatten)]
        anew: Anew,
        #[command(flatten)]
        data: Data,
    },
    /// Make AWS what the stack file says
    Apply {
        /// The stack file, or a saved plan
        stack: PathBuf,
        #[command(flatten)]
        consent: Consent,
        #[command(flatten)]
        part: Part,
        #[command(flatten)]
        anew: Anew,
    },
    /// Delete everything that the stack owns
    Destroy {
        /// The stack file, or just the stack's name: state alone tells what there is
        stack: PathBuf,
        #[command(flatten)]
        consent: Consent,
        #[command(flatten)]
        part: Part,
    },
    /// Back Argo CD's configuration up to S3 now, beside the nightly backup
    Backup {
        /// The stack file, or the stack's name
        stack: PathBuf,
    },
    /// Bring a backup of Argo CD's configuration back; without one, list what there is
    Restore {
        /// The stack file, or the stack's name
        stack: PathBuf,
        /// The backup: 2026-01-31T02-17-00Z.yaml
        #[arg(long, value_name = "FILE")]
        from: Option<String>,
        /// Do not ask
        #[arg(long, visible_alias = "auto-approve", env = "PLATCTL_YES", value_parser = clap::builder::FalseyValueParser::new())]
        yes: bool,
    },
    /// Let the database's copy in the other region write; the same again gives the role back
    Failover {
        /// The stack file, or the stack's name
        stack: PathBuf,
        #[command(flatten)]
        consent: Consent,
    },
    /// Do a task next to a cluster; what builds of the runner call
    #[command(hide = true)]
    Runner {
        /// The bucket of the runner
        #[arg(long)]
        bucket: String,
        /// The key of the task
        #[arg(long)]
        task: String,
    },
    /// Show how live AWS differs from what was last applied; changes nothing
    Drift {
        /// The stack file, or the stack's name
        stack: PathBuf,
        /// Exit with 2 when something drifted
        #[arg(long)]
        detailed_exitcode: bool,
    },
    /// Take over an existing AWS resource as one that the stack file declares
    Import {
        /// The stack file
        stack: PathBuf,
        /// The address that it gets
        address: String,
        /// Its id in AWS: vpc-0a1b…, a name, or an ARN, as its kind says
        id: String,
    },
    /// Show what exists, and its health
    Status {
        /// The stack file, or the stack's name
        stack: PathBuf,
    },
    /// Print outputs of resources
    Output {
        /// The stack file, or the stack's name
        stack: PathBuf,
        /// One output: ADDRESS.OUTPUT; all when left out
        name: Option<String>,
    },
    /// End the lease that a run holds on state in S3; says what that breaks
    Unlock {
        /// The stack file, or the stack's name
        stack: PathBuf,
        /// Do not ask
        #[arg(long, visible_alias = "auto-approve", env = "PLATCTL_YES", value_parser = clap::builder::FalseyValueParser::new())]
        yes: bool,
    },
    /// Look at the state, or mend it
    #[command(subcommand)]
    State(StateCommand),
    /// The local AWS
    #[command(subcommand)]
    Emulator(EmulatorCommand),
    /// Print the JSON Schema of stack files, for editors
    Schema {
        /// Print a page for people instead
        #[arg(long)]
        markdown: bool,
    },
    /// Print a completion script
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum StateCommand {
    /// List the resources that state knows
    List {
        /// The stack file, or the stack's name
        stack: PathBuf,
    },
    /// Show one resource as state knows it
    Show {
        /// The stack file, or the stack's name
        stack: PathBuf,
        /// The resource
        address: String,
    },
    /// Give a resource another address
    Mv {
        /// The stack file, or the stack's name
        stack: PathBuf,
        /// The address it has
        from: String,
        /// The address it gets
        to: String,
    },
    /// Make a lost or damaged state anew from what AWS says; changes nothing in AWS
    Recover {
        /// The stack file
        stack: PathBuf,
        /// Do not ask before what only its name tells to be the stack's is taken over
        #[arg(long, visible_alias = "auto-approve", env = "PLATCTL_YES", value_parser = clap::builder::FalseyValueParser::new())]
        yes: bool,
    },
    /// List the versions of the state that are still there
    History {
        /// The stack file, or the stack's name
        stack: PathBuf,
    },
    /// Make an earlier version the state again; changes nothing in AWS
    Rollback {
        /// The stack file, or the stack's name
        stack: PathBuf,
        /// The version; the one before the present one unless it is said
        #[arg(long, value_name = "SERIAL")]
        to: Option<u64>,
    },
    /// Forget a resource without deleting it
    Rm {
        /// The stack file, or the stack's name
        stack: PathBuf,
        /// The resource
        address: String,
    },
}

#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum EmulatorCommand {
    /// Start it, unless it runs
    Start,
    /// Stop it; everything in it is gone
    Stop,
    /// Show whether it runs, and where
    Status,
    /// Choose how it behaves
    Profile {
        /// The profile
        #[arg(value_enum)]
        name: ProfileName,
        /// Which hostile day: the same seed brings the same faults
        #[arg(long, value_name = "N", default_value_t = 0)]
        seed: u64,
        /// Real seconds for each second of AWS; 0.01 for `realistic`, 0 for `hostile`
        #[arg(long, value_name = "FACTOR")]
        scale: Option<f64>,
        /// The changing call, counted from now, whose connection is cut
        #[arg(long, value_name = "N")]
        call: Option<usize>,
        /// Whether it is cut before or after its effect
        #[arg(long, value_enum, value_name = "MOMENT", default_value_t = Cut::After)]
        moment: Cut,
    },
}

/// How the local AWS behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProfileName {
    /// Nothing goes wrong, and nothing takes time
    Calm,
    /// States last as long as on AWS, times a factor
    Realistic,
    /// The quotas of a new account
    Strict,
    /// Throttling, errors, lost answers, stale reads, failed states, refusals that pass
    Hostile,
    /// One connection dies
    Cut,
}

impl ProfileName {
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Realistic => "realistic",
            Self::Strict => "strict",
            Self::Hostile => "hostile",
            Self::Cut => "cut",
        }
    }
}

/// Before or after the effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Cut {
    /// It has none
    Before,
    /// It has, and nobody is told
    After,
}

/// A time such as `30s`, `5m`, `1h`, or plain seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.find(|c: char| !c.is_ascii_digit()) {
        Some(at) => text.split_at(at),
        None => (text, "s"),
    };
    let factor = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(format!("`{text}` is not a time such as 30s, 5m or 1h")),
    };
    let number: u64 = number.parse().map_err(|_| format!("`{text}` is not a time such as 30s, 5m or 1h"))?;
    Ok(Duration::from_secs(number.saturating_mul(factor)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn times_are_read() {
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        assert!(duration("5 minutes").is_err());
        assert!(duration("").is_err());
    }
}
