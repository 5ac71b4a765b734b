//! `platctl schema`

use platctl_stack::reference;

use crate::exit::Exit;
use crate::render;

/// Prints what a stack file can say.
pub(crate) fn run(markdown: bool) -> Exit {
    if markdown {
        render::raw(&reference::markdown());
    } else {
        render::raw(&format!(
            "{:#}\n",
            reference::schema_with(&platctl_aws::registry::manuals())
        ));
    }
    Exit::Done
}
