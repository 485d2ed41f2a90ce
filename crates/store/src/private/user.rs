//! Whom the server runs as.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use super::error::PrivateError;

/// Ids of a user and its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct User {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl User {
    /// Whose this is.
    pub(super) fn owner_of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self { uid: metadata.uid(), gid: metadata.gid() })
    }

    /// The other user to run as: none for an ordinary user, who runs it as itself.
    pub(super) fn other() -> Result<Option<Self>, PrivateError> {
        if !is_root() {
            return Ok(None);
        }
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let found = named(&users, "postgres").or_else(|| named(&users, "nobody"));
        found.map(Some).ok_or(PrivateError::NoUser)
    }
}

/// Whether this process is root's. The standard library does not say; a file made here does.
pub(super) fn is_root() -> bool {
    tempfile::tempfile().and_then(|file| file.metadata()).is_ok_and(|metadata| metadata.uid() == 0)
}

/// Whether every user can reach what lies in this folder.
pub(super) fn open_to_all(folder: &Path) -> bool {
    folder.ancestors().all(|part| fs::metadata(part).is_ok_and(|metadata| metadata.permissions().mode() & 0o001 != 0))
}

/// The entry of passwd(5) with this name.
fn named(users: &str, name: &str) -> Option<User> {
    let fields = users.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields[0] == name)?;
    Some(User { uid: fields.get(2)?.parse().ok()?, gid: fields.get(3)?.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_their_whole_name() {
        let users = "root:x:0:0:root:/root:/bin/sh\nnobody2:x:7:7::/:\nnobody:x:65534:65533::/:\nbroken\n";
        assert_eq!(named(users, "nobody"), Some(User { uid: 65_534, gid: 65_533 }));
        assert_eq!(named(users, "postgres"), None);
        assert_eq!(named(users, "broken"), None);
    }
}
