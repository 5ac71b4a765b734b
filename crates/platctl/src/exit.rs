//! Exit codes.

use std::process::ExitCode;

/// How the process ends; the numbers are part of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done: 0.
    Done,
    /// An error; nothing, or nothing more, was changed: 1.
    Error,
    /// `plan --detailed-exitcode` found changes, or a run was carried out in part: 2.
    Changes,
    /// Interrupted by SIGINT: 130.
    Interrupted,
    /// Ended by SIGTERM: 143.
    Terminated,
}

impl Exit {
    /// The code of the process.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Error => 1,
            Self::Changes => 2,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
