//! Writing of a report to disk: the one place of file output.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Writes `files` (paths relative to `dir`, and their bytes), making folders as needed. Each file appears
/// whole or not at all: it is written under a temporary name beside its place and then renamed.
///
/// # Errors
/// The first error of the file system, with the path in its message; files before it are in place.
pub fn write_dir(dir: &Path, files: &[(String, Vec<u8>)]) -> io::Result<()> {
    for (name, bytes) in files {
        let path = dir.join(name);
        write_file(&path, bytes).map_err(|error| {
            io::Error::new(error.kind(), format!("cannot write {}: {error}", path.display()))
        })?;
    }
    Ok(())
}

/// A folder that can be written to. What was made of it is gone again with this value, unless something lies in it.
#[derive(Debug)]
pub struct Claim {
    /// Folders that were made, the innermost first.
    made: Vec<PathBuf>,
}

/// Makes sure that a report can be written to `dir`, before the work that it is about is done: makes the folder where
/// it is not there, and a file in it.
///
/// # Errors
/// What the file system says, with the path in its message.
pub fn claim(dir: &Path) -> io::Result<Claim> {
    let missing = |path: &&Path| !path.as_os_str().is_empty() && !path.exists();
    let claim = Claim { made: dir.ancestors().take_while(missing).map(Path::to_owned).collect() };
    let probe = dir.join(format!(".wafersim.{}.tmp", std::process::id()));
    let tried =
        fs::create_dir_all(dir).and_then(|()| fs::write(&probe, "")).and_then(|()| fs::remove_file(&probe));
    tried.map_err(|error| {
        io::Error::new(error.kind(), format!("cannot write to {}: {error}", dir.display()))
    })?;
    Ok(claim)
}

impl Drop for Claim {
    fn drop(&mut self) {
        for folder in &self.made {
            // A folder with something in it stays.
            if fs::remove_dir(folder).is_err() {
                return;
            }
        }
    }
}

fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    // The process id keeps two runs that write the same report from sharing a temporary file.
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}.tmp", std::process::id()));
    fs::write(&temporary, bytes).and_then(|()| fs::rename(&temporary, path)).inspect_err(|_| {
        // The write has failed already; a leftover that cannot be removed changes nothing.
        let _ = fs::remove_file(&temporary);
    })
}
