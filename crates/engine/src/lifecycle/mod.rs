//! The engine as a whole, over the toy cloud: one file per behaviour.

mod basics;
mod crashes;
mod kept;
mod lag;
mod lost_state;
mod ownership;
mod phases;
mod random;
mod replacement;
mod turns;
