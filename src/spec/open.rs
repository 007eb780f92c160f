//! From a name to the text of a spec: presets and files.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::hugging_face;
use super::nearest::nearest;
use super::preset::{LIBRARIES, Library};
use crate::error::{Fault, Faults, SourceText};

/// The text of a spec, and where it was found.
pub(super) struct Opened {
    /// Tells two texts apart in an inheritance chain.
    pub(super) id: String,
    /// The text.
    pub(super) source: Arc<SourceText>,
    /// Preset name or file stem.
    pub(super) stem: String,
    /// Folder that paths in the text are relative to; `None` for a preset.
    pub(super) folder: Option<PathBuf>,
}

/// What is wrong, and how to mend it.
pub(super) type Refusal = (String, String);

/// Opens what a user has named on the command line.
///
/// # Errors
/// Where there is no such preset or file.
pub(super) fn open_named(library: &Library, name: &str) -> Result<Opened, Faults> {
    open(library, name, None).map_err(|(message, help)| {
        let asked = SourceText::new("command line", name);
        Faults::from(Fault::new(&asked, 0..name.len(), message).help(help))
    })
}

/// Opens the preset or, where `name` has a `/` or ends in `.toml` or `.json`, the file `name` in `folder`.
pub(super) fn open(library: &Library, name: &str, folder: Option<&Path>) -> Result<Opened, Refusal> {
    if name.contains('/') || name.ends_with(".toml") || name.ends_with(".json") {
        let name = name.strip_prefix("./").filter(|rest| !rest.is_empty()).unwrap_or(name);
        return file(library, &folder.map_or_else(|| PathBuf::from(name), |folder| folder.join(name)));
    }
    let names = || library.presets.iter().map(|preset| preset.name);
    let Some(preset) = library.presets.iter().find(|preset| preset.name == name) else {
        let meant = nearest(name, names()).map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
        let all = names().collect::<Vec<_>>().join(", ");
        let other = LIBRARIES.iter().find(|other| other.presets.iter().any(|preset| preset.name == name));
        let other = other.map(|other| format!("`{name}` is a {}; ", other.what)).unwrap_or_default();
        return Err((
            format!("there is no {} preset `{name}`", library.what),
            format!("{other}{meant}presets are {all}; a path has a `/` or ends in `.toml`"),
        ));
    };
    Ok(Opened {
        id: preset.name.to_owned(),
        source: SourceText::new(preset.path, preset.text),
        stem: preset.name.to_owned(),
        folder: None,
    })
}

fn file(library: &Library, path: &Path) -> Result<Opened, Refusal> {
    let shown = path.display();
    let refuse = |problem: String| {
        let bare =
            path.file_stem().and_then(|stem| library.presets.iter().find(|preset| stem == preset.name));
        let meant =
            bare.map(|preset| format!("did you mean the preset `{}`? ", preset.name)).unwrap_or_default();
        let help = format!("{meant}give a path to a {} file, or the bare name of a preset", library.what);
        (format!("`{shown}` {problem}"), help)
    };
    let bytes = read(path).map_err(|error| refuse(format!("cannot be read: {error}")))?;
    if bytes.len() as u64 > LARGEST {
        return Err(refuse(format!("is larger than {LARGEST} bytes: not a {}", library.what)));
    }
    let mut text = String::from_utf8(bytes).map_err(|_| refuse("is not UTF-8 text".to_owned()))?;
    if library.imports_json && path.extension().is_some_and(|extension| extension == "json") {
        text = hugging_face::workload(&text).map_err(refuse)?;
    }
    let id = path.canonicalize().map_or_else(|_| shown.to_string(), |path| path.display().to_string());
    Ok(Opened {
        id,
        source: SourceText::new(shown.to_string(), text),
        stem: stem(path).unwrap_or_else(|| shown.to_string()),
        folder: path.parent().map(Path::to_owned),
    })
}

/// What a file is called: every configuration of Hugging Face is called `config`, so its folder's name stands.
fn stem(path: &Path) -> Option<String> {
    let stem = path.file_stem()?;
    let folder = path.parent().and_then(Path::file_name).filter(|_| stem == "config");
    Some(folder.unwrap_or(stem).to_string_lossy().into_owned())
}

/// No spec comes near this; a device or a model file does not fill the memory.
const LARGEST: u64 = 1 << 20;

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
