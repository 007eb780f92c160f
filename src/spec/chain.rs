//! A file and those that it inherits from.

use std::path::PathBuf;
use std::sync::Arc;

use toml::Spanned;

use super::document::Document;
use super::open::{open, open_named};
use super::preset::Library;
use crate::error::{Fault, Faults};

/// A file and those that it inherits from, the file itself first.
pub(super) struct Chain {
    /// Never empty.
    pub(super) documents: Vec<Document>,
    /// The `kind` of the first that says it.
    pub(super) kind: Option<String>,
    /// Whether files of two kinds are in it, so that no field table fits all.
    pub(super) mixed: bool,
    /// Whether every file was found and parsed: only then can a value be called missing.
    pub(super) complete: bool,
}

impl Chain {
    /// Reads `name` and what it inherits from; what is wrong with headers and syntax goes to `faults`.
    ///
    /// # Errors
    /// Where `name` itself cannot be read.
    pub(super) fn read(library: &Library, name: &str, faults: &mut Vec<Fault>) -> Result<Self, Faults> {
        let first = open_named(library, name)?;
        let seen = (first.id, first.source.origin.clone());
        let document = Document::parse(library, first.source, first.stem, faults);
        Ok(Self::below(library, document, first.folder, vec![seen], faults))
    }

    /// A document and those that it inherits from, by paths from `folder`. `seen` are the files that are being read: id
    /// and origin.
    pub(super) fn below(
        library: &Library,
        first: Document,
        mut folder: Option<PathBuf>,
        mut seen: Vec<(String, String)>,
        faults: &mut Vec<Fault>,
    ) -> Self {
        let mut chain = Self { documents: Vec::new(), kind: None, mixed: false, complete: true };
        let mut document = first;
        loop {
            chain.complete &= document.sound;
            chain.agree_on_kind(&document, faults);
            let inherits = document.inherits.clone();
            let source = Arc::clone(&document.source);
            chain.documents.push(document);
            let Some(parent) = inherits else { return chain };
            let fault = |message: String, help: String| {
                Fault::new(&source, parent.span(), message).key("inherits").help(help)
            };
            let next = match open(library, parent.get_ref(), folder.as_deref()) {
                Ok(opened) if seen.iter().any(|(id, _)| *id == opened.id) => {
                    let mut path: Vec<&str> = seen.iter().map(|(_, origin)| origin.as_str()).collect();
                    path.push(&opened.source.origin);
                    let path = path.join(" -> ");
                    faults.push(fault(
                        format!("a file cannot inherit from itself: {path}"),
                        "one of these files must not inherit, or inherit from another".to_owned(),
                    ));
                    chain.complete = false;
                    return chain;
                }
                Ok(opened) => opened,
                Err((message, help)) => {
                    faults.push(fault(message, help));
                    chain.complete = false;
                    return chain;
                }
            };
            seen.push((next.id, next.source.origin.clone()));
            folder = next.folder;
            document = Document::parse(library, next.source, next.stem, faults);
        }
    }

    fn agree_on_kind(&mut self, document: &Document, faults: &mut Vec<Fault>) {
        let Some(kind) = &document.kind else { return };
        match (&self.kind, self.documents.last()) {
            (Some(of_heir), Some(heir)) if of_heir != kind.get_ref() => {
                let span = heir.inherits.as_ref().map_or(0..0, Spanned::span);
                let message = format!("a \"{of_heir}\" cannot inherit from a \"{}\"", kind.get_ref());
                let fault = Fault::new(&heir.source, span, message).key("inherits");
                faults.push(fault.help("inherit from a file of the same kind"));
                self.mixed = true;
            }
            _ => self.kind = Some(kind.get_ref().clone()),
        }
    }
}
