//! Files of a checkpoint: found, mapped, and their headers read.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use safetensors::SafeTensors;
use serde::Deserialize;

use crate::checkpoint::{Checkpoint, CheckpointError, Format, Located};

/// The index that stands beside shards.
const INDEX: &str = "model.safetensors.index.json";

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl Checkpoint {
    /// Open a `.safetensors` file, an `index.json` with its shards, or a folder with either.
    ///
    /// # Errors
    /// [`CheckpointError`] that names the file.
    pub fn open(path: &Path) -> Result<Self, CheckpointError> {
        let files = files(path)?;
        let mut checkpoint = Self { files: Vec::new(), tensors: BTreeMap::new() };
        for file in files {
            checkpoint.add(&file)?;
        }
        Ok(checkpoint)
    }

    fn add(&mut self, path: &Path) -> Result<(), CheckpointError> {
        let read = |source| CheckpointError::Read { file: path.to_owned(), source };
        let file = File::open(path).map_err(read)?;
        #[expect(unsafe_code, reason = "a file that is larger than memory; nobody writes to it meanwhile")]
        // SAFETY: the map is read-only; a file that somebody cuts short while it is read ends the process with a
        // bus error, as with every reader of mapped files.
        let map = unsafe { Mmap::map(&file) }.map_err(read)?;
        let header = |what: String| CheckpointError::Header { file: path.to_owned(), what };
        let (size, metadata) = SafeTensors::read_metadata(&map).map_err(|error| header(error.to_string()))?;
        let data = size + size_of::<u64>();
        for (name, info) in metadata.tensors() {
            let (from, to) = info.data_offsets;
            let bytes = data + from..data + to;
            if bytes.end > map.len() {
                return Err(header(format!("tensor `{name}` ends behind the file")));
            }
            let located = Located {
                file: self.files.len(),
                format: Format(info.dtype),
                shape: info.shape.clone(),
                bytes,
            };
            if let Some(other) = self.tensors.insert(name.clone(), located) {
                let other = self.files.get(other.file).map_or_else(PathBuf::new, |(path, _)| path.clone());
                return Err(CheckpointError::Twice { file: path.to_owned(), other, tensor: name });
            }
        }
        self.files.push((path.to_owned(), map));
        Ok(())
    }
}

/// The safetensors files that a path stands for.
/// Size and time of the last change of each file of a checkpoint: they differ where its tensors do. Empty where it cannot be
/// opened.
pub fn state(path: &Path) -> Vec<(PathBuf, u64, u128)> {
    let of_file = |file: PathBuf| {
        let data = std::fs::metadata(&file).ok()?;
        let changed = data.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
        Some((file, data.len(), changed.as_nanos()))
    };
    files(path).unwrap_or_default().into_iter().filter_map(of_file).collect()
}

fn files(path: &Path) -> Result<Vec<PathBuf>, CheckpointError> {
    if path.extension().is_some_and(|extension| extension == "json") {
        return shards(path);
    }
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let index = path.join(INDEX);
    if index.is_file() {
        return shards(&index);
    }
    let read = |source| CheckpointError::Read { file: path.to_owned(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(read)? {
        files.push(entry.map_err(read)?.path());
    }
    files.retain(|file| file.extension().is_some_and(|extension| extension == "safetensors"));
    files.sort();
    if files.is_empty() { Err(CheckpointError::Empty { file: path.to_owned() }) } else { Ok(files) }
}

/// The shards that an index names, beside it.
fn shards(index: &Path) -> Result<Vec<PathBuf>, CheckpointError> {
    let text = std::fs::read_to_string(index)
        .map_err(|source| CheckpointError::Read { file: index.to_owned(), source })?;
    let fault = |what: String| CheckpointError::Index { file: index.to_owned(), what };
    let Index { weight_map } = serde_json::from_str(&text).map_err(|error| fault(error.to_string()))?;
    let names: BTreeSet<String> = weight_map.into_values().collect();
    let folder = index.parent().unwrap_or_else(|| Path::new("."));
    let shard = |name: String| {
        let plain = Path::new(&name).file_name().is_some_and(|file| file == name.as_str());
        if plain { Ok(folder.join(name)) } else { Err(fault(format!("`{name}` is no file name"))) }
    };
    names.into_iter().map(shard).collect()
}
