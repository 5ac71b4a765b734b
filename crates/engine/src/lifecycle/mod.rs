//! The engine as a whole, over the toy cloud: one file per behaviour.

mod basics;
mod crashes;
mod lag;
mod large;
mod lost_state;
mod phases;
mod quiet;
mod random;
mod replacement;
mod turns;
