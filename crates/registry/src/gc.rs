//! Deleting versions that nobody needs any more.
//!
//! A version ends as it began, with its manifest: that goes first, so that no reader ever finds half a version. The claim stays for
//! ever, so that a number is never given to another version: scores carry it.

use crate::manifest::{CLAIM, MANIFEST};
use crate::registry::key;
use crate::{Kind, Registry, RegistryError, Version};

/// What a publisher that died left behind is taken for dead after a day: no publishing takes nearly as long.
const ABANDONED_AFTER_MS: i64 = 86_400_000;

/// What is not to be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keep {
    /// So many of the newest versions.
    pub newest: usize,
    /// So many of the former champions, to which one can return; the champion itself always stays.
    pub former: usize,
    /// These versions, such as those in shadow.
    pub versions: Vec<Version>,
}

/// What was deleted, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Sweep {
    /// Whole versions.
    pub versions: Vec<Version>,
    /// Numbers whose publisher died: their files.
    pub abandoned: Vec<Version>,
    /// Versions that stay.
    pub kept: Vec<Version>,
}

impl Registry {
    /// Deletes what [`Keep`] does not name; with `dry_run` only says what that is.
    ///
    /// # Errors
    /// The pointer cannot be read, or the storage failed; what was deleted by then stays deleted.
    pub async fn sweep(&self, kind: Kind, keep: &Keep, now_ms: i64, dry_run: bool) -> Result<Sweep, RegistryError> {
        let mut kept = self.referred_to(kind, keep.former).await?;
        kept.extend(&keep.versions);
        let published = self.list(kind).await?;
        kept.extend(published.iter().rev().take(keep.newest));
        let (kept, versions): (Vec<_>, Vec<_>) = published.iter().partition(|version| kept.contains(version));
        let abandoned = self.abandoned(kind, &published, now_ms).await?;
        if !dry_run {
            for version in versions.iter().chain(&abandoned) {
                self.delete(kind, *version).await?;
            }
        }
        Ok(Sweep { versions, abandoned, kept })
    }

    async fn referred_to(&self, kind: Kind, former: usize) -> Result<Vec<Version>, RegistryError> {
        let Some(champion) = self.champion(kind).await? else { return Ok(Vec::new()) };
        let mut versions = vec![champion.version];
        for former in champion.history.iter().filter(|former| !former.rolled_back) {
            if !versions.contains(&former.reign.version) {
                versions.push(former.reign.version);
            }
        }
        versions.truncate(1 + former);
        Ok(versions)
    }

    async fn abandoned(&self, kind: Kind, published: &[Version], now_ms: i64) -> Result<Vec<Version>, RegistryError> {
        let mut abandoned = Vec::new();
        for version in self.numbers(kind).await? {
            let claimed = self.storage.modified_ms(&key(kind, version, CLAIM)).await?;
            let old = claimed.is_some_and(|claimed| now_ms - claimed > ABANDONED_AFTER_MS);
            if old && !published.contains(&version) && !self.files(kind, version).await?.is_empty() {
                abandoned.push(version);
            }
        }
        Ok(abandoned)
    }

    /// Names of everything below a number but the claim.
    async fn files(&self, kind: Kind, version: Version) -> Result<Vec<String>, RegistryError> {
        let mut names = self.storage.list(&format!("{}/{version}", kind.folder())).await?;
        names.retain(|name| name != CLAIM);
        Ok(names)
    }

    async fn delete(&self, kind: Kind, version: Version) -> Result<(), RegistryError> {
        self.storage.delete(&key(kind, version, MANIFEST)).await?;
        for name in self.files(kind, version).await? {
            self.storage.delete(&key(kind, version, &name)).await?;
        }
        Ok(())
    }
}
