//! One file per command.

mod apply;
mod backup;
mod blocked;
mod completions;
mod connect;
mod destroy;
mod drift;
mod emulator;
mod extend;
mod failover;
mod iam_policy;
mod import;
mod kinds;
mod kubeconfig;
mod list;
mod output;
mod plan;
mod promote;
mod reap;
mod recover;
mod restart;
mod rollback;
mod rotate;
mod runner;
mod schema;
mod state;
mod status;
mod sweep;
mod target;
mod token;
mod unlock;
mod upgrade;
mod validate;

pub(crate) use self::sweep::Orphans;
use platctl_aws::reach::Errand;
use platctl_engine::select::Selection;
use platctl_kubernetes::Step;

use crate::cli::{Anew, Cli, Command, Part};
use crate::error::CliError;
use crate::exit::Exit;

/// Runs the command that was typed.
pub(crate) async fn run(cli: Cli) -> Result<Exit, CliError> {
    let global = &cli.global;
    match cli.command {
        Command::Validate { stack } => validate::run(&stack, global),
        Command::Plan {
            stack,
            out,
            detailed_exitcode,
            destroy,
            part,
            anew,
            data,
            temporary,
        } => {
            let global = &temporary.applied_to(global);
            let selection = selection(part, anew);
            let wish = plan::Wish {
                out,
                detailed_exitcode,
                destroy,
                data_loss: data.consent(),
                selection,
            };
            plan::run(&stack, &wish, global).await
        }
        Command::Apply {
            stack,
            approved,
            consent,
            evict,
            part,
            anew,
            temporary,
        } => {
            let how = apply::How {
                consent: &consent,
                selection: selection(part, anew),
                force: &evict.force(),
            };
            Box::pin(apply::run(&stack, &approved, &temporary, how, global)).await
        }
        Command::Destroy {
            stack,
            consent,
            part,
        } => {
            let what = destroy::What {
                path: &stack,
                consent: &consent,
                selection: selection(part, Anew::default()),
            };
            destroy::run(what, global).await
        }
        Command::List { tagged, owner } => list::run(tagged, owner.as_deref(), global).await,
        Command::Extend { stack, by } => extend::extend(&stack, by, global).await,
        Command::Pin { stack, off } => extend::pin(&stack, !off, global).await,
        Command::Reap { yes, dry_run } => reap::run(reap::Wish { yes, dry_run }, global).await,
        Command::Sweep { wish } => Box::pin(sweep::run(&wish, global)).await,
        Command::Backup { stack } => backup::backup(&stack, global).await,
        Command::Restore { stack, from, yes } => {
            backup::restore(&stack, from.as_deref(), yes, global).await
        }
        Command::Failover { stack, consent } => failover::run(&stack, &consent, global).await,
        Command::Restart {
            stack,
            address,
            yes,
        } => restart::run(&stack, &address, yes, global).await,
        Command::Rollback {
            stack,
            address,
            evict,
            yes,
        } => {
            let wish = rollback::Wish {
                address: &address,
                force: evict.force(),
                yes,
            };
            rollback::run(&stack, &wish, global).await
        }
        Command::Rotate {
            stack,
            address,
            consent,
        } => rotate::run(&stack, address.as_deref(), &consent, global).await,
        Command::Promote { release } => promote::run(&release, Step::Promote, global).await,
        Command::Abort { release } => promote::run(&release, Step::Abort, global).await,
        Command::Upgrade {
            stack,
            to,
            dry_run,
            evict,
            consent,
        } => {
            let wish = upgrade::Wish {
                to: &to,
                dry_run,
                consent: &consent,
                force: evict.force(),
            };
            Box::pin(upgrade::run(&stack, &wish, global)).await
        }
        Command::Kubeconfig { stack, wish } => kubeconfig::run(&stack, &wish, global).await,
        Command::Connect { stack, wish } => connect::run(&stack, &wish, global).await,
        Command::Token { cluster } => token::run(&cluster, global).await,
        Command::Runner {
            bucket,
            task,
            sha256,
        } => {
            runner::run(
                Errand {
                    bucket,
                    task,
                    sha256,
                },
                global,
            )
            .await
        }
        Command::Drift {
            stack,
            detailed_exitcode,
        } => drift::run(&stack, detailed_exitcode, global).await,
        Command::Import { stack, address, id } => import::run(&stack, &address, &id, global).await,
        Command::Status { stack } => status::run(&stack, global).await,
        Command::Output { stack, name } => output::run(&stack, name.as_deref(), global).await,
        Command::Unlock { stack, yes } => unlock::run(&stack, yes, global).await,
        Command::State(command) => Box::pin(state::run(command, global)).await,
        Command::Emulator(command) => emulator::run(command, global),
        Command::Kinds { word } => kinds::list(word.as_deref(), global),
        Command::Explain { what } => kinds::explain(&what, global),
        Command::IamPolicy { stack, wish } => iam_policy::run(&stack, &wish, global).await,
        Command::Schema { markdown } => Ok(schema::run(markdown)),
        Command::Completions { shell } => completions::run(shell),
    }
}

fn selection(part: Part, anew: Anew) -> Selection {
    Selection {
        targets: part.targets,
        excludes: part.excludes,
        replace: anew.replace,
        ..Selection::default()
    }
}
