//! A folder as storage.
//!
//! A new file is written beside its place, made durable and then linked into it, so that no reader sees half of it and no
//! writer overwrites another. The conditional replacement holds an advisory lock on `.lock` while it compares and renames:
//! it excludes threads and processes of machines that share the folder, where their file system supports such locks.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use tempfile::NamedTempFile;

use super::Found;
use crate::RegistryError;
use crate::digest::sha256;

const LOCK: &str = ".lock";
const PARTIAL_PREFIX: &str = ".partial-";

/// A folder of this machine.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    root: PathBuf,
}

impl Folder {
    /// Uses the folder, and makes it where there is none.
    pub(crate) fn open(root: PathBuf) -> Result<Self, RegistryError> {
        fs::create_dir_all(&root).map_err(failed("make the registry's folder", &root))?;
        Ok(Self { root })
    }

    pub(crate) fn path(&self, key: &str) -> PathBuf {
        self.root.join(key)
    }

    pub(crate) fn read(&self, key: &str, limit: u64) -> Result<Found, RegistryError> {
        let path = self.path(key);
        match read_bounded(&path, limit) {
            Ok(bytes) if bytes.len() as u64 > limit => Ok(Found::TooLarge),
            Ok(bytes) => Ok(Found::Bytes(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Found::Nothing),
            Err(error) => Err(failed("read", &path)(error)),
        }
    }

    pub(crate) fn create(&self, key: &str, bytes: &[u8]) -> Result<bool, RegistryError> {
        let path = self.path(key);
        let write = || -> io::Result<bool> {
            let parent = parent(&path);
            fs::create_dir_all(parent)?;
            match partial(parent, bytes)?.persist_noclobber(&path) {
                Ok(_) => sync_folder(parent).map(|()| true),
                Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Ok(false),
                Err(error) => Err(error.error),
            }
        };
        write().map_err(failed("write", &path))
    }

    pub(crate) fn replace(&self, key: &str, bytes: &[u8], expected: Option<&str>) -> Result<bool, RegistryError> {
        let path = self.path(key);
        let write = || -> io::Result<bool> {
            let lock = File::options().create(true).truncate(false).write(true).open(self.path(LOCK))?;
            lock.lock()?;
            if current(&path)?.as_deref() != expected {
                return Ok(false);
            }
            let parent = parent(&path);
            fs::create_dir_all(parent)?;
            partial(parent, bytes)?.persist(&path).map_err(|error| error.error)?;
            sync_folder(parent)?;
            lock.unlock()?;
            Ok(true)
        };
        write().map_err(failed("write", &path))
    }

    pub(crate) fn list(&self, prefix: &str) -> Result<Vec<String>, RegistryError> {
        let path = self.path(prefix);
        let names = || -> io::Result<Vec<String>> {
            let entries = match fs::read_dir(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
                entries => entries?,
            };
            let mut names = Vec::new();
            for entry in entries {
                names.extend(entry?.file_name().into_string());
            }
            Ok(names)
        };
        names().map_err(failed("list", &path))
    }

    pub(crate) fn delete(&self, key: &str) -> Result<(), RegistryError> {
        let path = self.path(key);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(failed("delete", &path)(error)),
            _ => Ok(()),
        }
    }

    pub(crate) fn modified_ms(&self, key: &str) -> Result<Option<i64>, RegistryError> {
        let path = self.path(key);
        match fs::metadata(&path).and_then(|data| data.modified()) {
            Ok(time) => Ok(time.duration_since(UNIX_EPOCH).ok().and_then(|age| i64::try_from(age.as_millis()).ok())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("look at", &path)(error)),
        }
    }

    pub(crate) fn check(&self) -> Result<(), RegistryError> {
        partial(&self.root, b"writable").map(drop).map_err(failed("write into", &self.root))
    }
}

/// Reads one byte past the limit at most, whatever the file's length claims to be.
fn read_bounded(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn current(path: &Path) -> io::Result<Option<String>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(sha256(&bytes))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn partial(folder: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PARTIAL_PREFIX);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Other parts may run as other users and have to read what one of them has published.
        builder.permissions(fs::Permissions::from_mode(0o644));
    }
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// Makes a rename survive a power cut.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

fn failed<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> RegistryError + 'a {
    move |source| RegistryError::Storage {
        action,
        path: path.display().to_string(),
        setting: "registry.path",
        source: source.into(),
    }
}
