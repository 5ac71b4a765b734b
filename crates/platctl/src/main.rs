//! platctl.
fn main() {}
