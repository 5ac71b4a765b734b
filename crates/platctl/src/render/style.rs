//! Colour, where it is wanted.

use std::io::IsTerminal;

use anstyle::{AnsiColor, Style};

use crate::cli::Global;

/// Whether to colour, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint(bool);

impl Paint {
    /// For stdout: only on a terminal, and unless the user does not want it.
    pub(crate) fn stdout(global: &Global) -> Self {
        Self(wanted(global) && std::io::stdout().is_terminal())
    }

    /// For stderr, likewise.
    pub(crate) fn stderr(global: &Global) -> Self {
        Self(wanted(global) && std::io::stderr().is_terminal())
    }

    /// Without colours, for tests.
    #[cfg(test)]
    pub(crate) const fn plain() -> Self {
        Self(false)
    }

    fn with(self, style: Style, text: &str) -> String {
        if self.0 {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    pub(crate) fn is_on(self) -> bool {
        self.0
    }

    pub(crate) fn add(self, text: &str) -> String {
        self.with(AnsiColor::Green.on_default(), text)
    }

    pub(crate) fn change(self, text: &str) -> String {
        self.with(AnsiColor::Yellow.on_default(), text)
    }

    pub(crate) fn remove(self, text: &str) -> String {
        self.with(AnsiColor::Red.on_default(), text)
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.with(Style::new().bold(), text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.with(Style::new().dimmed(), text)
    }
}

fn wanted(global: &Global) -> bool {
    !global.no_color && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
