//! Faults of what the user wrote: where, what is wrong, how to mend it.
//!
//! A stage that reads user input collects every fault that it can find before it gives up, and returns
//! them together as [`Faults`]. Their `Display` is the whole message, with the line and a caret.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet, normalize_untrusted_str};

/// A text that faults point into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceText {
    /// Path, or what the text is (`--set`).
    pub origin: String,
    /// The text itself.
    pub text: String,
}

impl SourceText {
    /// Shared, since many faults point into one text.
    pub fn new(origin: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { origin: origin.into(), text: text.into() })
    }
}

/// One thing that is wrong in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The text.
    pub source: Arc<SourceText>,
    /// Bytes of the text that are at fault.
    pub span: Range<usize>,
    /// Full key (`fabric.hop_latency_cycles`), where the fault has one.
    pub key: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What is legal, and how to mend it.
    pub help: Option<String>,
}

impl Fault {
    /// A fault without key and help; `span` is clamped to the text.
    pub fn new(source: &Arc<SourceText>, span: Range<usize>, message: impl Into<String>) -> Self {
        let text = &source.text;
        let start = text.floor_char_boundary(span.start.min(text.len()));
        let end = text.ceil_char_boundary(span.end.clamp(start, text.len()));
        Self { source: Arc::clone(source), span: start..end, key: None, message: message.into(), help: None }
    }

    /// With the key that it concerns.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// With what is legal and how to mend it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Line and column of the first byte at fault, both counted from 1; columns are characters.
    pub fn line_column(&self) -> (usize, usize) {
        let before = &self.source.text[..self.span.start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = normalize_untrusted_str(&self.message);
        let help = self.help.as_deref().map(normalize_untrusted_str);
        let snippet = Snippet::source(&self.source.text)
            .path(&self.source.origin)
            .annotation(AnnotationKind::Primary.span(self.span.clone()));
        let mut report = vec![Group::with_title(Level::ERROR.primary_title(message)).element(snippet)];
        if let Some(help) = help {
            report.push(Group::with_title(Level::HELP.secondary_title(help)));
        }
        f.write_str(&Renderer::plain().render(&report))
    }
}

/// More than this many faults are counted, not shown: the file is not what the user thinks it is.
const MOST_SHOWN: usize = 100;

/// Everything that is wrong, in the order of the texts; never empty when it is an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, fault) in self.0.iter().take(MOST_SHOWN).enumerate() {
            if i > 0 {
                f.write_str("\n\n")?;
            }
            write!(f, "{fault}")?;
        }
        match self.0.len().saturating_sub(MOST_SHOWN) {
            0 => Ok(()),
            rest => write!(f, "\n\nand {rest} more"),
        }
    }
}

impl Faults {
    /// All of them on one line, for a cell of a table.
    pub fn summary(&self) -> String {
        let fault = |fault: &Fault| match &fault.help {
            Some(help) => format!("{} ({help})", fault.message),
            None => fault.message.clone(),
        };
        self.0.iter().map(fault).collect::<Vec<_>>().join("; ")
    }
}

impl std::error::Error for Faults {}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self(vec![fault])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_characters_and_spans_stay_in_the_text() {
        let source = SourceText::new("x.toml", "a = 1\né = wrong\n");
        let fault = Fault::new(&source, 11..16, "no");
        assert_eq!((fault.line_column(), &source.text[fault.span.clone()]), ((2, 5), "wrong"));
        let inside_a_character = Fault::new(&source, 7..7, "no");
        assert_eq!(inside_a_character.span, 6..8);
        assert_eq!(Fault::new(&source, 90..99, "no").span, 17..17);
    }

    #[test]
    fn a_flood_of_faults_is_counted() {
        let source = SourceText::new("x.toml", "a");
        let faults = Faults(vec![Fault::new(&source, 0..1, "no"); MOST_SHOWN + 3]);
        let shown = faults.to_string();
        assert_eq!(shown.matches("error: no").count(), MOST_SHOWN);
        assert!(shown.ends_with("and 3 more"));
    }
}
