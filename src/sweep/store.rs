//! The folder of a sweep: its plan, and a record for each point that is done.
//!
//! ```text
//! plan.json  points/KEY.json  points/KEY/record.json  points/KEY.lock
//! ```
//!
//! A point is done when `KEY.json` is there, which appears last and whole. Whoever runs a point holds its lock, which the
//! system takes back when the process ends, however it ends: two processes never run one point at a time, and one that is
//! killed leaves nothing behind that must be mended.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::record::{PointRecord, RunRecord};
use crate::report::write_dir;
use crate::sweep::Plan;

/// Name of the plan in its folder.
const PLAN: &str = "plan.json";

/// The folder of a sweep.
#[derive(Clone, Debug)]
pub struct Store {
    dir: PathBuf,
}

/// The right to run a point.
#[derive(Debug)]
pub struct Claim {
    path: PathBuf,
    /// Locked; the lock goes with it.
    _file: File,
}

impl Drop for Claim {
    fn drop(&mut self) {
        // A lock that cannot be removed is empty and free.
        let _ = fs::remove_file(&self.path);
    }
}

/// A folder that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file that cannot be read, written or locked.
    #[error("{}: {source}", path.display())]
    Io {
        /// File.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that is not what its name says.
    #[error("{} is not a {what} of this program ({source}); remove it to make it again", path.display())]
    Json {
        /// File.
        path: PathBuf,
        /// "plan", "record of a point".
        what: &'static str,
        /// Why.
        source: serde_json::Error,
    },
    /// A report that cannot be written.
    #[error(transparent)]
    Write(#[from] io::Error),
}

impl Store {
    /// The store in a folder, which need not be there yet.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Remove it with all that is in it, if it is there.
    ///
    /// # Errors
    /// [`StoreError::Io`]
    pub fn remove(&self) -> Result<(), StoreError> {
        match fs::remove_dir_all(&self.dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StoreError::Io { path: self.dir.clone(), source: error })
            }
            _ => Ok(()),
        }
    }

    /// Its plan, which need not be there yet.
    pub fn plan_file(&self) -> PathBuf {
        self.dir.join(PLAN)
    }

    /// Write the plan, in place of the one that is there.
    ///
    /// # Errors
    /// [`StoreError::Write`]
    pub fn write_plan(&self, plan: &Plan) -> Result<(), StoreError> {
        let mut text = serde_json::to_string_pretty(plan).expect("a plan has string keys");
        text.push('\n');
        Ok(write_dir(&self.dir, &[(PLAN.to_owned(), text.into_bytes())])?)
    }

    /// The plan.
    ///
    /// # Errors
    /// [`StoreError`] where there is none, or another file in its place.
    pub fn read_plan(&self) -> Result<Plan, StoreError> {
        let path = self.plan_file();
        let text =
            fs::read_to_string(&path).map_err(|source| StoreError::Io { path: path.clone(), source })?;
        serde_json::from_str(&text).map_err(|source| StoreError::Json { path, what: "plan", source })
    }

    fn points(&self, name: String) -> PathBuf {
        self.dir.join("points").join(name)
    }

    /// What came of a point; `None`: nothing yet.
    ///
    /// # Errors
    /// [`StoreError`] where its record cannot be read.
    pub fn outcome(&self, key: &str) -> Result<Option<PointRecord>, StoreError> {
        let path = self.points(format!("{key}.json"));
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(StoreError::Io { path, source }),
        };
        let record = serde_json::from_str(&text);
        record.map(Some).map_err(|source| StoreError::Json { path, what: "record of a point", source })
    }

    /// The right to run a point; `None` where another process has it.
    ///
    /// # Errors
    /// [`StoreError::Io`] where there can be no lock.
    pub fn claim(&self, key: &str) -> Result<Option<Claim>, StoreError> {
        let path = self.points(format!("{key}.lock"));
        let io = |source| StoreError::Io { path: path.clone(), source };
        fs::create_dir_all(self.dir.join("points")).map_err(io)?;
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Claim { path, _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(io(source)),
        }
    }

    /// Whether some process runs a point.
    pub fn is_running(&self, key: &str) -> bool {
        let file = File::open(self.points(format!("{key}.lock")));
        file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// Write what came of a point, its row last.
    ///
    /// # Errors
    /// [`StoreError::Write`]
    pub fn write(&self, _: &Claim, point: &PointRecord, run: Option<&RunRecord>) -> Result<(), StoreError> {
        let record = run.map(|run| (format!("{}/record.json", point.key), run.to_json().into_bytes()));
        let row = (format!("{}.json", point.key), point.to_json().into_bytes());
        let files: Vec<(String, Vec<u8>)> = record.into_iter().chain([row]).collect();
        Ok(write_dir(&self.dir.join("points"), &files)?)
    }
}
