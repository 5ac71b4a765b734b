//! The block of addresses that a stack takes from a pool that it shares with others.

use std::collections::BTreeSet;

use platctl_engine::state::reserve::{Reserved, reserve};
use platctl_engine::state::{LockStatus, Session, State, Store};
use platctl_stack::Stack;
use platctl_stack::pool::{self, Pool, RESERVED};

use crate::cli::Global;
use crate::cloud::Site;
use crate::error::CliError;
use crate::place::Named;

/// A stack among all others that could want the same block.
pub(crate) struct Among<'a> {
    pub(crate) named: &'a Named,
    pub(crate) site: &'a Site,
    pub(crate) global: &'a Global,
}

impl Among<'_> {
    /// The blocks that others have: stacks whose state lies in the same place, and networks of this account and region.
    async fn taken(&self) -> Result<Vec<String>, CliError> {
        let mut taken = Vec::new();
        for (other, store) in self.named.others(self.global).await? {
            taken.extend(blocks_of(&other, &store).await?);
        }
        let live = self.site.aws.blocks(&self.site.region).await?;
        let foreign = live
            .into_iter()
            .filter(|block| !self.site.is_own(&self.named.name, block));
        taken.extend(foreign.map(|block| block.cidr));
        Ok(taken)
    }

    /// Notes in a state that is only read which block an `apply` would take, and answers it; none where the network is
    /// in a block already, or has no pool.
    pub(crate) async fn foresee(
        &self,
        stack: &Stack,
        state: &mut State,
    ) -> Result<Option<String>, CliError> {
        let Some(pool) = stack.pool().filter(|_| pool::settled(state).is_none()) else {
            return Ok(None);
        };
        let held = self.held(state).await?;
        let block = pool.pick(&self.named.name, held.as_deref(), &self.taken().await?);
        let block = block.ok_or_else(|| none_left(pool))?;
        state.reserved.insert(RESERVED.to_owned(), block.clone());
        Ok(Some(block))
    }

    /// Takes a block, unless the stack has one. Gives one back that the stack file no longer wants from a pool: a network
    /// that is there still has its own in its record.
    pub(crate) async fn take(&self, stack: &Stack, session: &Session) -> Result<(), CliError> {
        let state = session.state();
        let Some(pool) = stack.pool() else {
            session.set_reserved(RESERVED, None).await?;
            return Ok(());
        };
        if pool::settled(&state).is_some() {
            return Ok(());
        }
        let own = self.held(&state).await?;
        let pick = |held: Option<&str>, taken: &[String]| {
            pool.pick(&self.named.name, held.or(own.as_deref()), taken)
        };
        match reserve(session, RESERVED, async || self.taken().await, pick).await? {
            Reserved::Value(block) => {
                tracing::info!(block, "took a block of addresses from the pool");
                Ok(())
            }
            Reserved::Nothing => Err(none_left(pool)),
            Reserved::Contested => Err(CliError::other(format!(
                "other runs took blocks from {pool} at the same time; nothing was changed. Run `platctl apply` again"
            ))),
        }
    }

    /// Takes the very block that a saved plan was made with; answers whether it could be had.
    pub(crate) async fn take_planned(
        &self,
        block: &str,
        session: &Session,
    ) -> Result<bool, CliError> {
        let pick = |_: Option<&str>, taken: &[String]| {
            pool::is_free(block, taken).then(|| block.to_owned())
        };
        let taken = async || self.taken().await;
        let got = reserve(session, RESERVED, taken, pick).await?;
        Ok(matches!(got, Reserved::Value(_)))
    }

    /// The block that the stack has without a VPC in its state: a reserved one, or that of a VPC with its tags.
    async fn held(&self, state: &State) -> Result<Option<String>, CliError> {
        match state.reserved.get(RESERVED) {
            Some(block) => Ok(Some(block.clone())),
            None => self.site.own_block(&self.named.name).await,
        }
    }
}

/// The blocks of another stack.
///
/// A run that was killed before it created anything has left a block reserved. Nobody has it: a run holds the lock of its
/// state from before it reserves a block until its network is in the state.
async fn blocks_of(other: &Named, store: &Store) -> Result<BTreeSet<String>, CliError> {
    let state = read(other, store).await?;
    let nothing_else = state.resources.is_empty() && !state.reserved.is_empty();
    if !nothing_else || !matches!(store.lock_status().await, Ok(LockStatus::Free)) {
        return Ok(pool::blocks(&state));
    }
    // Its run may have come to its end between the two.
    let now = read(other, store).await?;
    let left_behind = now.serial == state.serial && now.resources.is_empty();
    Ok(if left_behind {
        BTreeSet::new()
    } else {
        pool::blocks(&now)
    })
}

async fn read(other: &Named, store: &Store) -> Result<State, CliError> {
    let loaded = store.read().await.map_err(|error| {
        CliError::other(format!(
            "cannot find out which blocks of addresses are free, because the state of stack `{}` cannot be read: \
             {error}. To apply this stack all the same, choose its block: --set network.cidr=BLOCK",
            other.name
        ))
    })?;
    Ok(loaded.state)
}

fn none_left(pool: Pool) -> CliError {
    CliError::other(format!(
        "no block is left in {pool}; nothing was changed. Delete environments that are not needed any more (`platctl \
         list`), or use a larger pool (`network.cidr.pool`)"
    ))
}
