//! Asking for consent.

use std::io::{BufRead, IsTerminal, Write};

use platctl_engine::Address;
use platctl_engine::planner::DataLoss;

use crate::error::CliError;

/// Goes on if that was allowed in advance (`--yes`), or if the question is answered with `yes`.
pub(crate) fn agreed(in_advance: bool, question: &str) -> Result<(), CliError> {
    match in_advance || confirm(question) {
        true => Ok(()),
        false => Err(CliError::other("cancelled; nothing was changed")),
    }
}

/// Asks on stderr for a literal `yes`. Without a terminal the answer is no.
pub(crate) fn confirm(question: &str) -> bool {
    if !std::io::stdin().is_terminal() {
        let _ = writeln!(
            std::io::stderr(),
            "{question} Not a terminal: pass --yes to continue without confirmation."
        );
        return false;
    }
    typed(&format!("{question} Type `yes` to continue: ")).is_some_and(|answer| answer == "yes")
}

/// Asks whose data may be deleted, by address. Without a terminal nobody is asked.
pub(crate) fn data_to_lose<'a>(addresses: impl Iterator<Item = &'a Address>) -> Option<DataLoss> {
    if !std::io::stdin().is_terminal() {
        return None;
    }
    let mut question = String::from("\nThis deletes the data of:\n");
    for address in addresses {
        question.push_str(&format!("  {address}\n"));
    }
    question.push_str(
        "To continue, type these addresses, or their prefixes (such as `database`), separated \
        by spaces: ",
    );
    let answer = typed(&question)?;
    // `all` is for scripts: whoever is asked names what is deleted.
    let named = answer
        .split_whitespace()
        .filter(|name| *name != DataLoss::ALL)
        .map(ToOwned::to_owned);
    Some(DataLoss(named.collect()))
}

fn typed(question: &str) -> Option<String> {
    let mut stderr = std::io::stderr();
    let _ = write!(stderr, "{question}");
    let _ = stderr.flush();
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).ok()?;
    Some(answer.trim().to_owned())
}
