//! EventBridge: what happens because something happened.
