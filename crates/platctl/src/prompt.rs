//! Asking for consent.

use std::io::{BufRead, IsTerminal, Write};

/// Asks on stderr for a literal `yes`. Without a terminal there is nobody to ask, so the answer is no.
pub(crate) fn confirm(question: &str) -> bool {
    let (stdin, mut stderr) = (std::io::stdin(), std::io::stderr());
    if !stdin.is_terminal() {
        let _ = writeln!(stderr, "{question} Nobody is here to answer; use --yes to go on without asking.");
        return false;
    }
    let _ = write!(stderr, "{question} Only `yes` goes on: ");
    let _ = stderr.flush();
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer).is_ok() && answer.trim() == "yes"
}
