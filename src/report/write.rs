//! Writing of a report to disk: the one place of file output.

use std::fs;
use std::io;
use std::path::Path;

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
