//! The engine as a whole, over the toy cloud: one file per behaviour.

mod basics;
mod crashes;
mod detach;
mod endings;
mod kept;
mod lag;
mod large;
mod logs;
mod lost_state;
mod ownership;
mod phases;
mod quiet;
mod random;
mod receipt;
mod renames;
mod replacement;
mod turns;
mod vacate;
