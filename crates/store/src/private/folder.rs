//! The private server's folder: made, locked, and removed when its owner is gone.
//!
//! The owner holds a lock on the file `owner`, which the system takes away when the process ends, however it ends. A
//! folder whose lock can be had is nobody's: no process id has to be trusted, and none can be mistaken for another's.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::binaries::Binaries;
use super::error::PrivateError;
use super::server;
use super::user::{User, open_to_all};

const PREFIX: &str = "churnstream-postgres-";
const OWNER: &str = "owner";

/// A folder that this process owns.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Whom the server runs as, where it is not this process's user.
    pub(super) user: Option<User>,
    /// Removes the folder when dropped.
    _temporary: Option<TempDir>,
    /// Held for as long as the folder is.
    _lock: File,
}

impl Folder {
    /// The given folder, to be kept, or a temporary one.
    pub(super) async fn open(given: Option<&Path>, binaries: &Binaries) -> Result<Self, PrivateError> {
        match given {
            Some(path) => Self::kept(path, binaries).await,
            None => Self::temporary(),
        }
    }

    fn temporary() -> Result<Self, PrivateError> {
        let place = temporary_place();
        let error = |reason: std::io::Error| unusable(&place, &reason);
        let temporary = tempfile::Builder::new().prefix(PREFIX).tempdir_in(&place).map_err(error)?;
        let path = temporary.path().to_owned();
        let user = hand_over(&path)?;
        let lock = new_lock(&path).map_err(error)?;
        Ok(Self { path, user, _temporary: Some(temporary), _lock: lock })
    }

    async fn kept(path: &Path, binaries: &Binaries) -> Result<Self, PrivateError> {
        let error = |reason: std::io::Error| unusable(path, &reason);
        fs::create_dir_all(path).map_err(error)?;
        // Postgres gets it by its full name: it starts from another folder.
        let path = fs::canonicalize(path).map_err(error)?;
        if !path.join(OWNER).exists() && fs::read_dir(&path).map_err(error)?.next().is_some() {
            return Err(PrivateError::Folder { path, reason: "it holds something else".to_owned() });
        }
        let lock = if path.join(OWNER).exists() {
            File::open(path.join(OWNER)).map_err(error)?
        } else {
            new_lock(&path).map_err(error)?
        };
        // A lock of our own taken twice is no conflict.
        if lock.try_lock().is_err() {
            return Err(PrivateError::Folder { path, reason: "another run uses it".to_owned() });
        }
        let user = hand_over(&path)?;
        if user.is_some() && !open_to_all(path.parent().unwrap_or(&path)) {
            let reason = "as root the server runs as another user, who cannot reach it".to_owned();
            return Err(PrivateError::Folder { path, reason });
        }
        server::end_left_over(binaries, &path).await;
        Ok(Self { path, user, _temporary: None, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn data(&self) -> PathBuf {
        data(&self.path)
    }

    pub(super) fn log(&self) -> PathBuf {
        self.path.join("log")
    }

    pub(super) fn password(&self) -> PathBuf {
        self.path.join("password")
    }

    /// Whether the folder goes with the server, so that a clean end is not worth waiting for.
    pub(super) fn is_temporary(&self) -> bool {
        self._temporary.is_some()
    }

    /// An error about the folder.
    pub(super) fn unusable(&self, reason: &std::io::Error) -> PrivateError {
        unusable(&self.path, reason)
    }
}

/// Where the data are, below the folder.
pub(super) fn data(folder: &Path) -> PathBuf {
    folder.join("data")
}

/// Ends the servers and removes the temporary folders of programs that were killed. What cannot be removed stays for
/// the next time.
pub(super) async fn sweep(binaries: &Binaries) {
    let Ok(entries) = fs::read_dir(temporary_place()) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX)) {
        let folder = entry.path();
        let Ok(lock) = File::open(folder.join(OWNER)) else { continue };
        if lock.try_lock().is_ok() {
            server::end_left_over(binaries, &folder).await;
            match fs::remove_dir_all(&folder) {
                Ok(()) => tracing::info!(folder = %folder.display(), "removed what a killed run left behind"),
                Err(error) => {
                    tracing::warn!(folder = %folder.display(), %error, "cannot remove what a killed run left behind");
                }
            }
        }
    }
}

/// The system's folder for temporary files, or another that every user can reach: where the server runs as another
/// user, it has to.
fn temporary_place() -> PathBuf {
    let system = std::env::temp_dir();
    let places = [system.clone(), "/tmp".into(), "/var/tmp".into()];
    places.into_iter().find(|place| open_to_all(place)).unwrap_or(system)
}

/// Makes the lock's file and holds it before it gets its name: nobody can find it and not find it locked.
fn new_lock(folder: &Path) -> std::io::Result<File> {
    let unnamed = folder.join(format!("{OWNER}.{}", std::process::id()));
    let lock = File::create(&unnamed)?;
    lock.lock()?;
    fs::rename(unnamed, folder.join(OWNER))?;
    Ok(lock)
}

/// Gives the folder to the user that the server runs as, and closes it to others.
fn hand_over(folder: &Path) -> Result<Option<User>, PrivateError> {
    let user = User::other()?;
    let closed = fs::set_permissions(folder, fs::Permissions::from_mode(0o700));
    let given = closed.and_then(|()| match user {
        Some(user) => chown(folder, Some(user.uid), Some(user.gid)),
        None => Ok(()),
    });
    given.map(|()| user).map_err(|reason| unusable(folder, &reason))
}

fn unusable(path: &Path, reason: &std::io::Error) -> PrivateError {
    PrivateError::Folder { path: path.to_owned(), reason: reason.to_string() }
}
