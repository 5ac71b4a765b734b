//! The log: what a run did, for whoever has to find out at night. On stderr with `-v`, and in the file of `--log-file`,
//! whatever the terminal shows.
//!
//! Neither holds a secret: the engine and the kinds log addresses, operations and IDs, never a spec or a request. Of other
//! crates only warnings get into the file. On stderr their messages can be had (`-vv`, `PLATCTL_LOG`), except those
//! of the last level, which hold whole requests.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use platctl_engine::execute::Outcome;
use platctl_engine::plan::Plan;
use platctl_engine::state::Session;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::filter::{EnvFilter, FilterExt, filter_fn};
use tracing_subscriber::fmt::format::{DefaultFields, Writer};
use tracing_subscriber::fmt::{FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use crate::cli::Global;
use crate::error::CliError;
use crate::render;

/// What the log file holds.
const FILE: &str = "platctl=debug,warn";

/// Starts the log.
///
/// # Errors
/// When the file cannot be opened. Nothing was done yet.
pub(crate) fn start(global: &Global) -> Result<(), CliError> {
    let file = global.log_file.as_deref().map(open).transpose()?;
    tracing_subscriber::registry()
        .with(terminal(global.verbose))
        .with(file.map(Arc::new).map(to_file))
        .init();
    Ok(())
}

fn terminal<S: Subscriber + for<'a> LookupSpan<'a>>(verbose: u8) -> impl Layer<S> {
    let level = match verbose {
        // What the engine warns of explains why a command takes its time.
        0 => "platctl_engine=warn,error",
        1 => "platctl=debug,warn",
        _ => "platctl=trace,debug",
    };
    let filter = EnvFilter::try_from_env("PLATCTL_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    // Which module says it is of interest only where others than platctl are heard.
    let lines = lines(|| Lines(Terminal)).with_target(verbose > 1);
    lines.with_filter(filter.and(filter_fn(is_harmless)))
}

fn to_file<S: Subscriber + for<'a> LookupSpan<'a>>(file: Arc<File>) -> impl Layer<S> {
    lines(move || Lines(file.clone()))
        .with_target(false)
        .fmt_fields(FileFields(DefaultFields::new()))
        .with_filter(EnvFilter::new(FILE))
}

/// One line for each event: time, level, the spans that it is in, message and fields. Without colors, so that the line
/// is the same text wherever it is written.
fn lines<S, W>(writer: W) -> fmt::Layer<S, DefaultFields, fmt::format::Format, W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fmt::layer().with_ansi(false).with_writer(writer)
}

/// The fields of spans, as the file shows them. A type of its own: two layers with one type would share what they have
/// formatted, and each of them would add what becomes known later, so that it would be there twice.
struct FileFields(DefaultFields);

impl<'writer> FormatFields<'writer> for FileFields {
    fn format_fields<R: RecordFields>(
        &self,
        writer: Writer<'writer>,
        fields: R,
    ) -> std::fmt::Result {
        self.0.format_fields(writer, fields)
    }
}

/// Whether a line holds no secret whatever happens: the SDK's own log has whole requests and answers at its last
/// level, with the passwords that are in them.
fn is_harmless(about: &Metadata<'_>) -> bool {
    about.target().starts_with("platctl") || *about.level() < Level::TRACE
}

/// Its owner's alone: it names what there is and who asked for it. A file that is there keeps its permissions.
fn open(path: &Path) -> Result<File, CliError> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let failed = |error: io::Error| {
        let path = path.display();
        CliError::other(format!(
            "cannot open the log file {path}: {error}. Use another path with --log-file"
        ))
    };
    options.open(path).map_err(failed)
}

/// Of which stack the lines that follow are: several runs may write to one file.
pub(crate) fn locked(session: &Session) {
    let (stack, serial) = (session.stack(), session.state().serial);
    tracing::info!(stack, serial, "the state is locked");
}

/// What is about to be done.
pub(crate) fn planned(plan: &Plan) {
    let (stack, counts) = (plan.stack.as_str(), plan.counts());
    let (add, change, destroy) = (counts.add, counts.change, counts.destroy);
    let refusals = plan.refusals.len();
    tracing::info!(stack, add, change, destroy, refusals, "planned");
}

/// What became of it.
pub(crate) fn carried_out(outcome: &Outcome) {
    tracing::info!(
        done = outcome.done.len(),
        failed = outcome.failed.len(),
        skipped = outcome.skipped.len(),
        unfinished = outcome.unfinished,
        not_begun = outcome.not_begun,
        interrupted = outcome.interrupted,
        "carried out"
    );
}

/// Writes each event as one line, whatever is in it: names and messages come from AWS and from files. The formatter
/// writes an event at once, its line end included.
struct Lines<W>(W);

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let line = render::value::clean(text.strip_suffix('\n').unwrap_or(&text));
        self.0.write_all(format!("{line}\n").as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Stderr, above the live display if there is one.
struct Terminal;

impl Write for Terminal {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        render::error_line(String::from_utf8_lossy(bytes).trim_end_matches('\n'));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a log file holds after these lines of code.
    fn written(path: &Path, work: impl FnOnce()) -> String {
        let file = Arc::new(open(path).unwrap());
        let subscriber = tracing_subscriber::registry().with(to_file(file));
        tracing::subscriber::with_default(subscriber, work);
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn a_log_file_is_appended_to_and_its_owner_s_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("platctl.log");
        written(&path, || tracing::info!("the first run"));
        let text = written(&path, || tracing::debug!(attempt = 2, "the second run"));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert!(lines[1].ends_with("the second run attempt=2"), "{text}");
        #[cfg(unix)]
        {
            let mode = std::fs::metadata(&path).unwrap();
            let mode = std::os::unix::fs::MetadataExt::mode(&mode);
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn an_event_is_one_line_without_control_characters() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("platctl.log");
        let text = written(&path, || {
            let span = tracing::info_span!("operation", address = "network.vpc", verb = "create");
            let _entered = span.enter();
            tracing::info!(error = %"no\n\u{1b}[2Jforged \u{202e}line", "failed");
        });
        assert_eq!(text.matches('\n').count(), 1, "{text:?}");
        assert!(
            !text.contains('\u{1b}') && !text.contains('\u{202e}'),
            "{text:?}"
        );
        assert!(
            text.contains("operation{address=\"network.vpc\" verb=\"create\"}"),
            "{text}"
        );
    }

    #[test]
    fn what_a_span_learns_later_is_there_once_in_each_log() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let [first, second] =
            ["first.log", "second.log"].map(|name| Arc::new(open(&path(name)).unwrap()));
        // The first stands for the terminal.
        let subscriber = tracing_subscriber::registry()
            .with(lines(move || Lines(first.clone())))
            .with(to_file(second));
        tracing::subscriber::with_default(subscriber, || {
            let span = tracing::info_span!("operation", generation = tracing::field::Empty);
            span.record("generation", 3);
            span.in_scope(|| tracing::info!("started"));
        });
        for name in ["first.log", "second.log"] {
            let text = std::fs::read_to_string(path(name)).unwrap();
            assert!(text.contains("operation{generation=3}"), "{name}: {text}");
        }
    }

    #[test]
    fn of_other_crates_only_warnings_get_into_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let text = written(&folder.path().join("platctl.log"), || {
            tracing::debug!(target: "aws_smithy_runtime", "password");
            tracing::warn!(target: "aws_config", "no region");
            tracing::trace!("a detail");
        });
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains("no region"), "{text}");
    }
}
