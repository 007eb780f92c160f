//! What the terminal shows: results, and a bar while they are made.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use wafersim::report::{self, Claim, ReportError, write_dir};
use wafersim::run::Progress;

use crate::cli::failure::Failure;

/// Print; a reader who has seen enough and closed the pipe is no fault.
pub(crate) fn say(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Write a report to its folder.
pub(crate) fn write(
    folder: &Path,
    files: Result<Vec<(String, Vec<u8>)>, ReportError>,
) -> Result<(), Failure> {
    let files = files.map_err(|error| Failure::Failed(format!("error: {error}")))?;
    write_dir(folder, &files).map_err(|error| Failure::Failed(format!("error: {error}")))
}

/// Make sure that reports can be written to `out`, before anything is simulated.
pub(crate) fn claim(out: &Path) -> Result<Claim, Failure> {
    report::claim(out).map_err(|error| Failure::Refused(format!("error: --out: {error}")))
}

/// A progress bar on the terminal; invisible where there is none.
pub(crate) struct Bar(pub(crate) ProgressBar);

impl Bar {
    /// A bar that turns.
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::new(0);
        if let Ok(style) =
            ProgressStyle::with_template("{spinner} {msg:20} {bar:40} {pos}/{len} {elapsed}, {eta} to go")
        {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    /// A line that stays, above the bar; plain text where there is no terminal.
    pub(crate) fn line(&self, text: &str) {
        self.0.suspend(|| say(&format!("{text}\n")));
    }
}

impl Progress for Bar {
    fn stage(&self, what: &str) {
        self.0.set_message(what.to_owned());
    }

    fn kernel(&self, done: usize, of: usize) {
        self.0.set_length(of as u64);
        self.0.set_position(done as u64);
    }
}
