//! The command line. Doc comments are the help.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use platctl_aws::eks::eviction::Force;
use platctl_engine::execute::Detach;
use platctl_engine::planner::DataLoss;

/// Provision a whole production platform on AWS from one stack file.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "platctl",
    version,
    max_term_width = 100,
    propagate_version = true
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Where the help lists the flags of every command, below those of the command itself.
const STATE: &str = "State";
const CONNECTION: &str = "Connection";
const RUNNING: &str = "Running";
const OUTPUT: &str = "Output";

/// Flags of every command.
#[derive(Args, Clone, Debug)]
pub(crate) struct Global {
    /// Override a value in the stack file, such as network.nat=single (can be repeated)
    #[arg(
        long = "set",
        global = true,
        env = "PLATCTL_SET",
        value_name = "KEY=VALUE",
        help_heading = RUNNING
    )]
    pub(crate) set: Vec<String>,
    /// Maximum number of changing API calls in progress at the same time
    #[arg(
        long,
        global = true,
        env = "PLATCTL_PARALLELISM",
        value_name = "N",
        default_value_t = 64,
        help_heading = RUNNING
    )]
    pub(crate) parallelism: usize,
    /// After a failure, continue with resources that do not depend on it (default)
    #[arg(long, global = true, conflicts_with = "fail_fast", help_heading = RUNNING)]
    pub(crate) keep_going: bool,
    /// Start no further operations after a failure
    #[arg(long, global = true, env = "PLATCTL_FAIL_FAST", value_parser = clap::builder::FalseyValueParser::new(), help_heading = RUNNING)]
    pub(crate) fail_fast: bool,
    /// The AWS profile to use
    #[arg(long, global = true, env = "PLATCTL_PROFILE", help_heading = CONNECTION)]
    pub(crate) profile: Option<String>,
    /// The AWS region to use if the stack file does not specify one
    #[arg(long, global = true, env = "PLATCTL_REGION", help_heading = CONNECTION)]
    pub(crate) region: Option<String>,
    /// Use the local AWS emulator instead of AWS; it is installed and started if needed
    #[arg(long, global = true, env = "PLATCTL_EMULATOR", value_parser = clap::builder::FalseyValueParser::new(), help_heading = CONNECTION)]
    pub(crate) emulator: bool,
    /// Send all AWS API calls to this URL
    #[arg(
        long,
        global = true,
        env = "PLATCTL_ENDPOINT_URL",
        value_name = "URL",
        conflicts_with = "emulator",
        help_heading = CONNECTION
    )]
    pub(crate) endpoint_url: Option<String>,
    /// How to connect to the cluster's API server
    #[arg(
        long,
        global = true,
        env = "PLATCTL_CLUSTER_ACCESS",
        value_enum,
        value_name = "WAY",
        default_value_t,
        help_heading = CONNECTION
    )]
    pub(crate) cluster_access: ClusterAccess,
    /// The platctl executable (Linux x86-64) that the runner uses. Default: this executable
    #[arg(
        long,
        global = true,
        env = "PLATCTL_RUNNER_PROGRAM",
        value_name = "FILE",
        help_heading = CONNECTION
    )]
    pub(crate) runner_program: Option<PathBuf>,
    /// Whether sets of objects in a cluster are read even if that takes a build.
    #[arg(skip)]
    pub(crate) look: bool,
    /// Location of the state: a folder, a state file, or s3://bucket/prefix
    #[arg(
        long,
        global = true,
        env = "PLATCTL_STATE",
        value_name = "PATH",
        help_heading = STATE
    )]
    pub(crate) state: Option<PathBuf>,
    /// How long to wait for a state lock held by another run, such as 30s or 5m
    #[arg(long, global = true, env = "PLATCTL_LOCK_TIMEOUT", value_name = "TIME", default_value = "0s", value_parser = duration, help_heading = STATE)]
    pub(crate) lock_timeout: Duration,
    /// How long the lease on a state in S3 stays valid without a heartbeat
    #[arg(long = "lease", global = true, env = "PLATCTL_LEASE", value_name = "TIME", default_value = "90s", value_parser = duration, help_heading = STATE)]
    pub(crate) lease: Duration,
    /// Print output as JSON, one object per line
    #[arg(long, global = true, env = "PLATCTL_JSON", value_parser = clap::builder::FalseyValueParser::new(), help_heading = OUTPUT)]
    pub(crate) json: bool,
    /// Disable colored output (or set NO_COLOR)
    #[arg(long, global = true, help_heading = OUTPUT)]
    pub(crate) no_color: bool,
    /// Log every operation and every AWS call to stderr; use -vv to include the AWS SDK log
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = OUTPUT)]
    pub(crate) verbose: u8,
    /// Append a log of every operation and every AWS call to this file, with or without -v
    #[arg(
        long,
        global = true,
        env = "PLATCTL_LOG_FILE",
        value_name = "FILE",
        help_heading = OUTPUT
    )]
    pub(crate) log_file: Option<PathBuf>,
}

/// The way to a cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ClusterAccess {
    /// Directly if the endpoint is public, otherwise through the runner
    #[default]
    Auto,
    /// Directly, from inside the VPC or through a VPN
    Direct,
    /// Through one of the nodes, with the AWS Session Manager plugin
    Tunnel,
    /// Through a CodeBuild build in the private subnets
    Runner,
    /// Directly where the endpoint is public, otherwise through a node: what `auto` means to a person.
    #[value(skip)]
    Here,
}

/// The port of this machine that leads to the API server.
pub(crate) const API_PORT: u16 = 9443;

/// Where a kubeconfig goes, and what is in it.
// The command has the same name, and would be a group of arguments of this name, too.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(crate) struct Kubeconfig {
    /// The kubeconfig file to add the cluster to. Default: the first file in KUBECONFIG, or ~/.kube/config
    #[arg(long, value_name = "FILE", conflicts_with = "stdout")]
    pub(crate) file: Option<PathBuf>,
    /// Print a kubeconfig file instead of writing one
    #[arg(long)]
    pub(crate) stdout: bool,
    /// The name of the context. Default: the name of the stack and its region, such as prod-eu-west-1
    #[arg(long, value_name = "NAME")]
    pub(crate) context: Option<String>,
    /// For a private endpoint: the port of this machine that `platctl connect` opens
    #[arg(long, value_name = "PORT", default_value_t = API_PORT, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: u16,
}

/// What to connect to.
// The command has the same name, and would be a group of arguments of this name, too.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(crate) struct Connect {
    /// The page to open: argocd, grafana, kibana, prometheus or vault. Default: the API server, for kubectl
    pub(crate) page: Option<String>,
    /// The port of this machine. Default: the usual port of the page, or another one if it is in use
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: Option<u16>,
    /// Print the password
    #[arg(long, requires = "page")]
    pub(crate) show_password: bool,
}

/// What a saved plan is checked against before it is applied.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Approved {
    /// For a saved plan: the stack file that it was created from. The resources are then read from this file, and the
    /// plan is applied only if it says the same. Consent to data loss must be given again
    #[arg(long = "stack", value_name = "FILE")]
    pub(crate) stack_file: Option<PathBuf>,
    /// For a saved plan: apply it only if the file has this SHA-256 digest, which `plan --out` prints
    #[arg(long, value_name = "DIGEST")]
    pub(crate) plan_sha256: Option<String>,
}

/// Consent in advance, and what it covers.
#[derive(Args, Clone, Debug)]
pub(crate) struct Consent {
    /// Skip the confirmation prompt
    #[arg(long, visible_alias = "auto-approve", env = "PLATCTL_YES", value_parser = clap::builder::FalseyValueParser::new())]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) data: Data,
    /// If an object that belongs to no stack keeps this resource, or one below this address, from being deleted,
    /// remove that object: detach a policy from a role, delete an endpoint in a VPC (can be repeated)
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) detach_foreign: Vec<String>,
}

impl Consent {
    pub(crate) fn detach(&self) -> Detach {
        Detach(self.detach_foreign.clone())
    }
}

/// Whose data may be lost.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Data {
    /// Allow the data of this resource, and of all resources below this address, to be deleted; `all` for
    /// all resources (can be repeated)
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) allow_data_loss: Vec<String>,
}

impl Data {
    pub(crate) fn consent(&self) -> DataLoss {
        DataLoss(self.allow_data_loss.clone())
    }
}

/// Whose nodes are replaced in spite of PodDisruptionBudgets.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Evict {
    /// If a PodDisruptionBudget does not allow pods to be evicted, replace the nodes of this node group, and of all
    /// node groups below this address, in spite of it (can be repeated)
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) force_evict: Vec<String>,
}

impl Evict {
    pub(crate) fn force(&self) -> Force {
        Force(self.force_evict.clone())
    }
}

/// Which part of the stack.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Part {
    /// Limit the run to this address, everything below it, and its dependencies (can be repeated)
    #[arg(long = "target", value_name = "ADDRESS")]
    pub(crate) targets: Vec<String>,
    /// Exclude this address, and everything that cannot be done without it (can be repeated)
    #[arg(long = "exclude", value_name = "ADDRESS")]
    pub(crate) excludes: Vec<String>,
}

/// What to replace.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Anew {
    /// Replace this resource even if nothing requires it (can be repeated)
    #[arg(long = "replace", value_name = "ADDRESS")]
    pub(crate) replace: Vec<String>,
}

/// Whether the stack is temporary.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Temporary {
    /// How long the stack is wanted, such as 30m, 8h or 2d: `platctl reap` deletes it afterwards, with its data.
    /// Overrides `ttl` in the stack file
    #[arg(long, value_name = "TIME", value_parser = stated_lifetime)]
    pub(crate) ttl: Option<String>,
}

impl Temporary {
    /// The flags as if the stack file said it.
    pub(crate) fn applied_to(&self, global: &Global) -> Global {
        let mut global = global.clone();
        global
            .set
            .extend(self.ttl.iter().map(|ttl| format!("ttl={ttl}")));
        global
    }
}

/// What to search for, and what of it to delete.
#[derive(Args, Clone, Debug, Default)]
#[group(skip)]
pub(crate) struct Sweep {
    /// Only what has the ownership tags of this stack. Default: of any stack
    #[arg(long, value_name = "NAME")]
    pub(crate) stack: Option<String>,
    /// Of what programs in clusters made, such as load balancers and volumes, only what is in this VPC
    #[arg(long, value_name = "ID")]
    pub(crate) vpc: Option<String>,
    /// Also list what has this tag, such as the one that your Terraform configurations set (can be repeated)
    #[arg(long = "tag", value_name = "KEY[=VALUE]")]
    pub(crate) tags: Vec<String>,
    /// Delete this resource, with its data: an ID as the search lists it (can be repeated)
    #[arg(long, value_name = "ID")]
    pub(crate) delete: Vec<String>,
    /// Skip the confirmation prompt
    #[arg(long, visible_alias = "auto-approve", env = "PLATCTL_YES", value_parser = clap::builder::FalseyValueParser::new())]
    pub(crate) yes: bool,
}

/// What policies are for.
// The command has the same name, and would be a group of arguments of this name, too.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(crate) struct IamPolicy {
    /// What the policies allow: `plan` allows reads only, `apply` also allows plan and destroy
    #[arg(long = "for", value_enum, value_name = "COMMAND", default_value_t)]
    pub(crate) run: PolicyFor,
    /// Print a permissions boundary for whoever runs platctl instead: it allows no roles without the same boundary. NAME
    /// is the name of the managed policy that you will create from it
    #[arg(
        long,
        value_name = "NAME",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "platctl-boundary",
        conflicts_with = "run"
    )]
    pub(crate) boundary: Option<String>,
}

/// The command that policies are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum PolicyFor {
    /// plan, drift and status
    Plan,
    /// All commands
    #[default]
    Apply,
    /// destroy, and the plan before it
    Destroy,
}

impl PolicyFor {
    pub(crate) const fn run(self) -> platctl_stack::rights::Run {
        match self {
            Self::Plan => platctl_stack::rights::Run::Plan,
            Self::Apply => platctl_stack::rights::Run::Apply,
            Self::Destroy => platctl_stack::rights::Run::Destroy,
        }
    }
}

/// A new version of a service.
#[derive(Args, Clone, Debug)]
pub(crate) struct Release {
    /// The stack file, or the stack's name
    pub(crate) stack: PathBuf,
    /// The name of the service
    pub(crate) service: String,
    /// Skip the confirmation prompt
    #[arg(long, visible_alias = "auto-approve", env = "PLATCTL_YES", value_parser = clap::builder::FalseyValueParser::new())]
    pub(crate) yes: bool,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Command {
    /// Check a stack file without calling AWS
    Validate {
        /// The stack file
        stack: PathBuf,
    },
    /// Show the changes that apply would make
    Plan {
        /// The stack file
        stack: PathBuf,
        /// Save the plan to this file, for `platctl apply FILE`
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Exit with code 2 if there are changes
        #[arg(long)]
        detailed_exitcode: bool,
        /// Show a plan to delete all resources
        #[arg(long, conflicts_with = "replace")]
        destroy: bool,
        #[command(flatten)]
        part: Part,
        #[command(flatten)]
        anew: Anew,
        #[command(flatten)]
        data: Data,
        #[command(flatten)]
        temporary: Temporary,
    },
    /// Create or update resources to match the stack file
    Apply {
        /// The stack file, or a saved plan
        stack: PathBuf,
        #[command(flatten)]
        approved: Approved,
        #[command(flatten)]
        consent: Consent,
        #[command(flatten)]
        evict: Evict,
        #[command(flatten)]
        part: Part,
        #[command(flatten)]
        anew: Anew,
        #[command(flatten)]
        temporary: Temporary,
    },
    /// Delete all resources of a stack
    Destroy {
        /// The stack file, or the stack's name: resources are read from the state
        stack: PathBuf,
        #[command(flatten)]
        consent: Consent,
        #[command(flatten)]
        part: Part,
    },
    /// List the stacks that have their state in the same place, and when they expire
    List {
        /// Also list the stacks that have a network in the region but no state here, by the tags of the network
        #[arg(long, conflicts_with = "owner")]
        tagged: bool,
        /// List only the stacks whose tag `owner` has this value
        #[arg(long, value_name = "OWNER")]
        owner: Option<String>,
    },
    /// Keep a temporary stack longer
    Extend {
        /// The stack file, or the stack's name
        stack: PathBuf,
        /// How much longer to keep it, such as 30m, 4h or 2d; from now on if the stack has expired
        #[arg(value_name = "TIME", value_parser = lifetime)]
        by: Duration,
    },
    /// Keep a temporary stack until it is unpinned, even if it expires
    Pin {
        /// The stack file, or the stack's name
        stack: PathBuf,
        /// Let it expire again
        #[arg(long)]
        off: bool,
    },
    /// Delete all stacks that have expired, with their data
    Reap {
        /// Skip the confirmation prompt
        #[arg(long, visible_alias = "auto-approve", env = "PLATCTL_YES", value_parser = clap::builder::FalseyValueParser::new())]
        yes: bool,
        /// Show the stacks that have expired, and delete nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Search AWS for what no state knows: what a destroy, a lost state or another tool left behind. Deletes nothing
    /// that is not named with --delete
    Sweep {
        #[command(flatten)]
        wish: Sweep,
    },
    /// Back up the Argo CD configuration to S3 now, in addition to the nightly backup
    Backup {
        /// The stack file, or the stack's name
        stack: PathBuf,
    },
    /// Restore a backup of the Argo CD configuration; without --from, list the backups
    Restore {
        /// The stack file, or the stack's name
        stack: PathBuf,
        /// The backup to restore, such as 2026-01-31T02-17-00Z.yaml
        #[arg(long, value_name = "FILE")]
        from: Option<String>,
        /// Skip the confirmation prompt
        #[arg(long, visible_alias = "auto-approve", env = "PLATCTL_YES", value_parser = clap::builder::FalseyValueParser::new())]
        yes: bool,
    },
    /// Fail over to the database replica in the other region; run again to switch back
    Failover {
        /// The stack file, or the stack's name
        stack: PathBuf,
        #[command(flatten)]
        consent: Consent,
    },
    /// Restart the instances of a database, readers first, so that changed parameters take effect
    Restart {
        /// The stack file, or the stack's name
        stack: PathBuf,
        /// The address of a database cluster, for all of its instances, or of one instance
        address: String,
        /// Skip the confirmation prompt
        #[arg(long, visible_alias = "auto-approve", env = "PLATCTL_YES", value_parser = clap::builder::FalseyValueParser::new())]
        yes: bool,
    },
    /// Roll back a cluster to the Kubernetes version before its last upgrade, which EKS allows for seven days
    Rollback {
        /// The stack file, or the stack's name
        stack: PathBuf,
        /// The address of the cluster
        #[arg(default_value = "cluster")]
        address: String,
        #[command(flatten)]
        evict: Evict,
        /// Skip the confirmation prompt
        #[arg(long, visible_alias = "auto-approve", env = "PLATCTL_YES", value_parser = clap::builder::FalseyValueParser::new())]
        yes: bool,
    },
    /// Replace the Git credentials of the cluster: the previous ones work until the new ones are in use
    Rotate {
        /// The stack file
        stack: PathBuf,
        /// The address of a credential, such as gitops.git.credential. Default: all of them
        address: Option<String>,
        #[command(flatten)]
        consent: Consent,
    },
    /// Switch a service to its new version, which waits beside the old one
    Promote {
        #[command(flatten)]
        release: Release,
    },
    /// Remove the new version of a service that waits beside the old one
    Abort {
        #[command(flatten)]
        release: Release,
    },
    /// Upgrade Kubernetes, one minor version at a time, after showing what blocks the upgrade; run again to continue
    Upgrade {
        /// The stack file
        stack: PathBuf,
        /// The Kubernetes version, such as 1.35
        #[arg(long, value_name = "VERSION")]
        to: String,
        /// Show what blocks the upgrade, and its steps, and change nothing
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        evict: Evict,
        #[command(flatten)]
        consent: Consent,
    },
    /// Add the stack's cluster to a kubeconfig file, for kubectl and other tools
    Kubeconfig {
        /// The stack file, or the stack's name
        stack: PathBuf,
        #[command(flatten)]
        wish: Kubeconfig,
    },
    /// Open a connection to Argo CD, Grafana, Kibana, Prometheus or Vault, or to the API server
    Connect {
        /// The stack file, or the stack's name
        stack: PathBuf,
        #[command(flatten)]
        wish: Connect,
    },
    /// Print a token for a cluster; what kubectl calls
    #[command(hide = true)]
    Token {
        /// The name of the cluster
        cluster: String,
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
        /// The SHA-256 of the task
        #[arg(long)]
        sha256: String,
    },
    /// Show differences between AWS and the last apply
    Drift {
        /// The stack file, or the stack's name
        stack: PathBuf,
        /// Exit with code 2 if there is drift
        #[arg(long)]
        detailed_exitcode: bool,
    },
    /// Import an existing AWS resource into the state
    Import {
        /// The stack file
        stack: PathBuf,
        /// The address of the resource in the stack file
        address: String,
        /// The ID of the object in AWS: vpc-0a1b…, a name, or an ARN, depending on its kind
        id: String,
    },
    /// Show all resources and their health
    Status {
        /// The stack file, or the stack's name
        stack: PathBuf,
    },
    /// Print the outputs of resources
    Output {
        /// The stack file, or the stack's name
        stack: PathBuf,
        /// The output to print: ADDRESS.OUTPUT. Default: all outputs
        name: Option<String>,
    },
    /// End the lease of another run on a state in S3, after showing the consequences
    Unlock {
        /// The stack file, or the stack's name
        stack: PathBuf,
        /// Skip the confirmation prompt
        #[arg(long, visible_alias = "auto-approve", env = "PLATCTL_YES", value_parser = clap::builder::FalseyValueParser::new())]
        yes: bool,
    },
    /// Inspect or repair the state
    #[command(subcommand)]
    State(StateCommand),
    /// Manage the local AWS emulator
    #[command(subcommand)]
    Emulator(EmulatorCommand),
    /// List the kinds of resources that `resources:` accepts
    Kinds {
        /// Only kinds with this word in their name or description
        word: Option<String>,
    },
    /// Explain a kind, or one of its fields or outputs
    Explain {
        /// The kind, or a field or an output of it: s3.Bucket, s3.Bucket.lifecycle_rules, s3.Bucket.arn
        #[arg(value_name = "KIND[.FIELD]")]
        what: String,
    },
    /// Print the IAM policies that running platctl for a stack requires
    IamPolicy {
        /// The stack file
        stack: PathBuf,
        #[command(flatten)]
        wish: IamPolicy,
    },
    /// Print the JSON Schema of the stack file, for editors
    Schema {
        /// Print the reference as Markdown instead
        #[arg(long)]
        markdown: bool,
    },
    /// Print a shell completion script
    Completions {
        /// The shell to generate the script for
        shell: clap_complete::Shell,
    },
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum StateCommand {
    /// List the resources in the state
    List {
        /// The stack file, or the stack's name
        stack: PathBuf,
    },
    /// Show a resource in the state
    Show {
        /// The stack file, or the stack's name
        stack: PathBuf,
        /// The address of the resource
        address: String,
    },
    /// Move a resource to another address
    Mv {
        /// The stack file, or the stack's name
        stack: PathBuf,
        /// The current address
        from: String,
        /// The new address
        to: String,
    },
    /// Rebuild a lost or corrupted state from AWS; changes nothing in AWS
    Recover {
        /// The stack file
        stack: PathBuf,
        /// Adopt resources that are identified only by their names without confirmation
        #[arg(long, visible_alias = "auto-approve", env = "PLATCTL_YES", value_parser = clap::builder::FalseyValueParser::new())]
        yes: bool,
    },
    /// List the available versions of the state
    History {
        /// The stack file, or the stack's name
        stack: PathBuf,
    },
    /// Roll back the state to an earlier version; changes nothing in AWS
    Rollback {
        /// The stack file, or the stack's name
        stack: PathBuf,
        /// The version to roll back to. Default: the previous version
        #[arg(long, value_name = "SERIAL")]
        to: Option<u64>,
    },
    /// Remove a resource from the state without deleting it in AWS
    Rm {
        /// The stack file, or the stack's name
        stack: PathBuf,
        /// The address of the resource
        address: String,
    },
}

#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum EmulatorCommand {
    /// Start the emulator if it is not running
    Start,
    /// Stop the emulator and delete everything in it
    Stop,
    /// Show whether the emulator is running, and its endpoint
    Status {
        /// Print the environment variables with which the AWS CLI and the AWS SDKs use it. They contain its secret
        #[arg(long)]
        env: bool,
    },
    /// Set the behavior of the emulator
    Profile {
        /// The profile
        #[arg(value_enum)]
        name: ProfileName,
        /// The seed of `hostile`: the same seed produces the same faults
        #[arg(long, value_name = "N", default_value_t = 0)]
        seed: u64,
        /// Real seconds per simulated second. Default: 0.01 for `realistic`, 0 for `hostile`
        #[arg(long, value_name = "FACTOR")]
        scale: Option<f64>,
        /// For `cut`: the number of the changing call, counted from now, to disconnect
        #[arg(long, value_name = "N")]
        call: Option<usize>,
        /// For `cut`: whether to disconnect before or after the call takes effect
        #[arg(long, value_enum, value_name = "MOMENT", default_value_t = Cut::After)]
        moment: Cut,
    },
}

/// How the local AWS behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProfileName {
    /// No faults and no delays
    Calm,
    /// Operations take as long as on AWS, multiplied by --scale
    Realistic,
    /// The service quotas of a new account
    Strict,
    /// Throttling, errors, lost responses, stale reads, failed states, temporary refusals
    Hostile,
    /// One connection is cut
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
    /// The call has no effect
    Before,
    /// The call takes effect, but its response is lost
    After,
}

/// How long a stack is wanted, as a stack file says it: `30m`, `8h`, `2d`.
fn lifetime(text: &str) -> Result<Duration, String> {
    platctl_stack::lifetime(text).ok_or_else(|| {
        format!("`{text}` is not a valid time: use a number and a unit, such as 30m, 8h or 2d")
    })
}

fn stated_lifetime(text: &str) -> Result<String, String> {
    lifetime(text).map(|_| text.to_owned())
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
        _ => {
            return Err(format!(
                "`{text}` is not a valid duration: use a number and a unit, such as 30s, 5m or 1h"
            ));
        }
    };
    let number: u64 = number.parse().map_err(|_| {
        format!("`{text}` is not a valid duration: use a number and a unit, such as 30s, 5m or 1h")
    })?;
    Ok(Duration::from_secs(number.saturating_mul(factor)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        crate::examples::command().debug_assert();
    }

    #[test]
    fn times_are_read() {
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        assert!(duration("5 minutes").is_err());
        assert!(duration("").is_err());
    }
}
