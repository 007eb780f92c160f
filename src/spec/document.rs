//! One file: its syntax and its header.

use std::path::Path;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::preset::Library;
use crate::error::{Fault, SourceText};

/// A parsed file.
pub(super) struct Document {
    /// Its text.
    pub(super) source: Arc<SourceText>,
    /// Preset name or file stem.
    pub(super) stem: String,
    /// Header: which sort of machine.
    pub(super) kind: Option<Spanned<String>>,
    /// Header: preset or path that gives the values that this file does not.
    pub(super) inherits: Option<Spanned<String>>,
    /// Whether every key of the text could be read.
    pub(super) sound: bool,
    header: &'static [&'static str],
    /// The phase of a recipe whose workload it is; `None`: a file of its own.
    phase: Option<usize>,
}

/// Keys of the workload of a phase beside its values.
pub(super) const PHASE_HEADER: &[&str] = &["inherits"];

impl Document {
    /// The workload of a phase of this recipe, which stands in it as it would in a file of its own; `table` is what
    /// it says.
    pub(super) fn workload_of(
        &self,
        library: &Library,
        phase: usize,
        table: &DeTable<'_>,
        faults: &mut Vec<Fault>,
    ) -> Self {
        let source = &self.source;
        let mut header = Header { library, source, table, faults };
        let inherits = header.optional("inherits", "a preset or a path", |_| true);
        let stem = inherits.as_ref().and_then(|parent| Path::new(parent.get_ref()).file_stem());
        Self {
            stem: stem.map_or_else(|| self.stem.clone(), |stem| stem.to_string_lossy().into_owned()),
            source: Arc::clone(source),
            kind: None,
            inherits,
            sound: true,
            header: PHASE_HEADER,
            phase: Some(phase),
        }
    }

    /// Parses a text; what is wrong with its syntax and header goes to `faults`.
    pub(super) fn parse(
        library: &Library,
        source: Arc<SourceText>,
        stem: String,
        faults: &mut Vec<Fault>,
    ) -> Self {
        let (table, errors) = DeTable::parse_recoverable(&source.text);
        for error in &errors {
            let span = error.span().unwrap_or(source.text.len()..source.text.len());
            let help = if is_duplicate(error) { "keep one of the two" } else { "the file must be TOML" };
            faults.push(Fault::new(&source, span, error.message()).help(help));
        }
        // After a repeated key the rest is sound; after any other error the table may be half of the file.
        let sound = errors.iter().all(is_duplicate);
        if !sound {
            return Self {
                source,
                stem,
                kind: None,
                inherits: None,
                sound,
                header: library.header,
                phase: None,
            };
        }
        let mut header = Header { library, source: &source, table: table.get_ref(), faults };
        header.required("schema", &[library.schema]);
        let kind = if library.kinds.is_empty() { None } else { header.required("kind", library.kinds) };
        let inherits = header.optional("inherits", "a preset or a path", |_| true);
        Self { source, stem, kind, inherits, sound, header: library.header, phase: None }
    }

    /// Its values, without the header; none where the syntax is broken.
    pub(super) fn values(&self) -> DeTable<'_> {
        if !self.sound {
            return DeTable::new();
        }
        let mut table = DeTable::parse_recoverable(&self.source.text).0.into_inner();
        if let Some(phase) = self.phase {
            table = workload_in(table, phase).unwrap_or_default();
        }
        for key in self.header {
            table.remove(*key);
        }
        table
    }
}

/// `phases[phase].workload` of a recipe.
fn workload_in(mut recipe: DeTable<'_>, phase: usize) -> Option<DeTable<'_>> {
    let DeValue::Array(phases) = recipe.remove("phases")?.into_inner() else { return None };
    let DeValue::Table(mut phase) = phases.into_iter().nth(phase)?.into_inner() else { return None };
    let DeValue::Table(workload) = phase.remove("workload")?.into_inner() else { return None };
    Some(workload)
}

fn is_duplicate(error: &toml::de::Error) -> bool {
    error.message().contains("duplicate key")
}

/// Reads the header of one file.
struct Header<'a> {
    library: &'a Library,
    source: &'a Arc<SourceText>,
    table: &'a DeTable<'a>,
    faults: &'a mut Vec<Fault>,
}

impl Header<'_> {
    fn required(&mut self, key: &str, words: &[&str]) -> Option<Spanned<String>> {
        let one_of = words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(" or ");
        if !self.table.contains_key(key) {
            let fault = Fault::new(self.source, 0..0, format!("`{key}` is missing")).key(key);
            let what = self.library.what;
            self.faults.push(fault.help(format!("a {what} file has `{key} = ...` at its top: {one_of}")));
        }
        self.optional(key, &one_of, |word| words.contains(&word))
    }

    fn optional(
        &mut self,
        key: &str,
        legal: &str,
        is_legal: impl Fn(&str) -> bool,
    ) -> Option<Spanned<String>> {
        let value = self.table.get(key)?;
        match value.get_ref().as_str() {
            Some(word) if is_legal(word) => Some(Spanned::new(value.span(), word.to_owned())),
            _ => {
                let found = &self.source.text[value.span()];
                let fault =
                    Fault::new(self.source, value.span(), format!("`{key}` must be {legal}, found {found}"));
                let help = format!("a {} file is expected here", self.library.what);
                self.faults.push(fault.key(key).help(help));
                None
            }
        }
    }
}
