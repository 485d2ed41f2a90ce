//! Publishing, loading and promoting.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::champion::{Champion, Promotion, Reign};
use crate::config::RegistryConfig;
use crate::digest::{nonce, sha256};
use crate::manifest::{CLAIM, MANIFEST, MAX_FILE_BYTES, MAX_MANIFEST_BYTES, SIGNATURE, entries};
use crate::signing::{Keys, SIGNATURE_BYTES, SigningKey, TrustedKey};
use crate::storage::{Bucket, Folder, Found, Storage};
use crate::{Decision, FileEntry, Kind, MANIFEST_FORMAT, Manifest, RegistryError, Version};

const CHAMPION: &str = "champion.json";

/// What is to be published.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What it is.
    pub kind: Kind,
    /// When it was made, epoch milliseconds.
    pub created_at_ms: i64,
    /// Who or what made it.
    pub created_by: String,
    /// What it was made with.
    pub params: Map<String, Value>,
    /// What it was made from.
    pub lineage: Map<String, Value>,
    /// How good it is.
    pub metrics: Map<String, Value>,
    /// What the promotion gate said of it, where it was asked.
    pub decision: Option<Decision>,
    /// Its files by name.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// A version as it was published: every size and hash has been checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Artifact {
    /// What it says of itself.
    pub manifest: Manifest,
    /// SHA-256 of the manifest as stored: the version's hash.
    pub manifest_sha256: String,
    /// Its files by name.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// Versions of models and generators, and their champions. Cheap to clone; clones share the storage.
#[derive(Clone, Debug)]
pub struct Registry {
    pub(crate) storage: Storage,
    keys: Arc<Keys>,
}

impl Registry {
    /// The configured registry: a bucket, or a folder, which is made where there is none. A folder's operations block for the
    /// time of the file access: a few milliseconds, and only off the path of an event.
    ///
    /// # Errors
    /// The folder cannot be made, something else stands in its place, or a key or a certificate cannot be used. A bucket is first asked by the
    /// first operation.
    pub async fn open(config: &RegistryConfig) -> Result<Self, RegistryError> {
        let storage = if config.s3.bucket.is_empty() {
            Storage::Folder(Folder::open(config.path.clone())?)
        } else {
            Storage::S3(Bucket::open(&config.s3).await?)
        };
        let key = |setting: &str| {
            let setting = setting.to_owned();
            move |problem| RegistryError::Key { setting, problem }
        };
        let signing = match config.signing_key.expose() {
            "" => None,
            pem => Some(SigningKey::from_pem(pem).map_err(key("registry.signing_key"))?),
        };
        let trusted = config.trusted_keys.iter().map(|pem| TrustedKey::from_pem(pem.expose()));
        let trusted = trusted.collect::<Result<_, _>>().map_err(key("registry.trusted_keys"))?;
        Ok(Self { storage, keys: Arc::new(Keys::new(signing, trusted)) })
    }

    /// A registry in a folder, without signatures.
    ///
    /// # Errors
    /// The folder cannot be made, or something else stands in its place.
    pub fn folder(path: impl Into<PathBuf>) -> Result<Self, RegistryError> {
        Ok(Self { storage: Storage::Folder(Folder::open(path.into())?), keys: Arc::default() })
    }

    /// Where the registry is, for people.
    pub fn place(&self) -> String {
        self.storage.place("")
    }

    /// Proves that the registry can be written.
    ///
    /// # Errors
    /// It cannot.
    pub async fn check(&self) -> Result<(), RegistryError> {
        self.storage.check().await
    }

    /// Publishes a new version: claims the next free number, writes the files, then the manifest, with which the version
    /// begins to exist. What a publisher that died left behind is never listed, loaded or reused.
    ///
    /// # Errors
    /// A file's name or size is not acceptable, or the storage failed.
    pub async fn publish(&self, draft: Draft) -> Result<Artifact, RegistryError> {
        let unpublishable = |problem| RegistryError::Unpublishable { kind: draft.kind, problem };
        let mut manifest = Manifest {
            format: MANIFEST_FORMAT,
            kind: draft.kind,
            version: self.numbers(draft.kind).await?.last().map_or(Version::FIRST, |last| last.next()),
            created_at: timestamp(draft.created_at_ms).map_err(unpublishable)?,
            created_by: draft.created_by,
            params: draft.params,
            lineage: draft.lineage,
            metrics: draft.metrics,
            decision: draft.decision,
            files: entries(&draft.files),
        };
        manifest.check(draft.kind, manifest.version).map_err(unpublishable)?;
        let bytes = loop {
            let bytes = manifest.to_bytes().map_err(unpublishable)?;
            if bytes.len() as u64 > MAX_MANIFEST_BYTES {
                return Err(unpublishable(format!(
                    "its manifest has {} bytes, at most {MAX_MANIFEST_BYTES}",
                    bytes.len()
                )));
            }
            // Unlike the claim of anybody else, so that its writer knows its own by its content.
            let claim = key(draft.kind, manifest.version, CLAIM);
            if self.storage.create(&claim, nonce().as_bytes()).await? {
                break bytes;
            }
            manifest.version = manifest.version.next();
        };
        for (name, content) in &draft.files {
            self.create(&key(draft.kind, manifest.version, name), content).await?;
        }
        if let Some(signature) = self.keys.sign(&bytes) {
            self.create(&key(draft.kind, manifest.version, SIGNATURE), &signature).await?;
        }
        self.create(&key(draft.kind, manifest.version, MANIFEST), &bytes).await?;
        Ok(Artifact { manifest, manifest_sha256: sha256(&bytes), files: draft.files })
    }

    /// Loads a version and checks the size and the SHA-256 of every file.
    ///
    /// # Errors
    /// There is no such version, it was written by a newer program, anything in it differs from what was published, or
    /// the storage failed.
    pub async fn load(&self, kind: Kind, version: Version) -> Result<Artifact, RegistryError> {
        let (manifest, manifest_sha256) = self.read_manifest(kind, version).await?;
        let mut files = BTreeMap::new();
        for entry in &manifest.files {
            files.insert(entry.name.clone(), self.read_file(kind, version, entry).await?);
        }
        Ok(Artifact { manifest, manifest_sha256, files })
    }

    /// What a version says of itself.
    ///
    /// # Errors
    /// As [`Self::load`], for the manifest alone.
    pub async fn manifest(&self, kind: Kind, version: Version) -> Result<Manifest, RegistryError> {
        Ok(self.read_manifest(kind, version).await?.0)
    }

    /// The hash of a version: the SHA-256 of its manifest, hexadecimal.
    ///
    /// # Errors
    /// As [`Self::load`], for the manifest alone.
    pub async fn manifest_sha256(&self, kind: Kind, version: Version) -> Result<String, RegistryError> {
        Ok(self.read_manifest(kind, version).await?.1)
    }

    /// The versions of a kind that were published whole, in ascending order.
    ///
    /// # Errors
    /// The storage failed.
    pub async fn list(&self, kind: Kind) -> Result<Vec<Version>, RegistryError> {
        let mut published = Vec::new();
        for version in self.numbers(kind).await? {
            let names = self.storage.list(&format!("{}/{version}", kind.folder())).await?;
            if names.iter().any(|name| name == MANIFEST) {
                published.push(version);
            }
        }
        Ok(published)
    }

    /// The champion of a kind, `None` where nothing was promoted yet.
    ///
    /// # Errors
    /// The pointer is corrupt, from a newer program, or not signed as it has to be, or the storage failed.
    pub async fn champion(&self, kind: Kind) -> Result<Option<Champion>, RegistryError> {
        let key = pointer(kind);
        let bytes = match self.storage.read(&key, MAX_MANIFEST_BYTES).await? {
            Found::Nothing => return Ok(None),
            Found::TooLarge => return Err(self.corrupt(&key, format!("it is longer than {MAX_MANIFEST_BYTES} bytes"))),
            Found::Bytes(bytes) => bytes,
        };
        if self.keys.required() {
            let untrusted = |problem| RegistryError::Untrusted { path: self.storage.place(&key), problem };
            self.keys.verify_pointer(&bytes).map_err(untrusted)?;
        }
        self.check_format(&key, &bytes)?;
        Champion::parse(&bytes, kind).map(Some).map_err(|problem| self.corrupt(&key, problem))
    }

    /// Loads the version that a champion points to, and checks that it is the very one that was promoted.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub async fn load_champion(&self, champion: &Champion) -> Result<Artifact, RegistryError> {
        let artifact = self.load(champion.kind, champion.version).await?;
        self.must_be(&artifact, champion.kind, &champion.manifest_sha256)?;
        Ok(artifact)
    }

    /// Makes a version the champion, if the champion still is the one on which the promotion was decided (`None`: there
    /// was none), and, for a model, if the promotion gate let it pass against that one or the promotion says why it need not. The
    /// version is loaded and checked first.
    ///
    /// # Errors
    /// [`RegistryError::Overtaken`], which names the winner, when somebody else moved the pointer first;
    /// [`RegistryError::NotPassed`] when the gate did not let it pass; otherwise as [`Self::load`].
    pub async fn promote(
        &self,
        promotion: &Promotion,
        decided_upon: Option<&Champion>,
    ) -> Result<Champion, RegistryError> {
        let artifact = self.load(promotion.kind, promotion.version).await?;
        if let Some(champion) = decided_upon
            && promotion.kind == Kind::Model
            && promotion.overridden.is_none()
            && let Err(problem) = passed(&artifact.manifest, champion)
        {
            return Err(RegistryError::NotPassed { version: promotion.version, problem });
        }
        self.move_pointer(promotion, artifact.manifest_sha256, decided_upon, false).await
    }

    /// Makes a version the champion in the place of a pointer that is damaged or that nobody trusted has signed. Nothing is taken from it,
    /// neither who reigned nor what came before. The version is loaded and checked first.
    ///
    /// # Errors
    /// [`RegistryError::Overtaken`] when somebody else moved the pointer meanwhile; otherwise as [`Self::load`].
    pub async fn promote_over_damage(&self, promotion: &Promotion) -> Result<Champion, RegistryError> {
        let artifact = self.load(promotion.kind, promotion.version).await?;
        let key = pointer(promotion.kind);
        let expected = match self.storage.read(&key, MAX_MANIFEST_BYTES).await? {
            Found::Nothing => None,
            Found::TooLarge => return Err(self.corrupt(&key, format!("it is longer than {MAX_MANIFEST_BYTES} bytes"))),
            Found::Bytes(bytes) => Some(sha256(&bytes)),
        };
        self.write_pointer(promotion, artifact.manifest_sha256, None, expected.as_deref(), false).await
    }

    /// Makes the predecessor of this champion the champion again, or any former champion by its version. It passed the gate when
    /// its time came, so it need not pass again.
    ///
    /// # Errors
    /// [`RegistryError::NoPredecessor`] when there is none to return to; otherwise as [`Self::promote`].
    pub async fn roll_back(
        &self,
        champion: &Champion,
        to: Option<Version>,
        by: &str,
        reason: &str,
        at_ms: i64,
    ) -> Result<Champion, RegistryError> {
        let kind = champion.kind;
        let former = match to {
            None => champion.predecessor(),
            Some(to) => champion.history.iter().map(|former| &former.reign).find(|reign| reign.version == to),
        };
        let missing = RegistryError::NoPredecessor { kind, champion: champion.version, wanted: to };
        let former = former.filter(|reign| reign.version != champion.version).ok_or(missing)?;
        let artifact = self.load(kind, former.version).await?;
        self.must_be(&artifact, kind, &former.manifest_sha256)?;
        let (by, reason) = (by.to_owned(), reason.to_owned());
        let promotion = Promotion { kind, version: former.version, by, reason, overridden: None, at_ms };
        self.move_pointer(&promotion, artifact.manifest_sha256, Some(champion), true).await
    }

    async fn move_pointer(
        &self,
        promotion: &Promotion,
        manifest_sha256: String,
        before: Option<&Champion>,
        rolled_back: bool,
    ) -> Result<Champion, RegistryError> {
        let expected = before.map(|champion| champion.content_sha256.as_str());
        self.write_pointer(promotion, manifest_sha256, before, expected, rolled_back).await
    }

    /// Writes the pointer where its content still is what is expected (SHA-256; `None`: there is none).
    async fn write_pointer(
        &self,
        promotion: &Promotion,
        manifest_sha256: String,
        before: Option<&Champion>,
        expected: Option<&str>,
        rolled_back: bool,
    ) -> Result<Champion, RegistryError> {
        let Promotion { kind, version, by, reason, overridden, at_ms } = promotion.clone();
        let invalid = |problem| RegistryError::Unpublishable { kind, problem };
        let promoted_at = timestamp(at_ms).map_err(invalid)?;
        let reign = Reign { version, manifest_sha256, promoted_at, by, reason, overridden };
        let mut champion = Champion::succeed(kind, reign, before, rolled_back);
        let keyless = |problem| RegistryError::Key { setting: "registry.signing_key".into(), problem };
        let bytes = self.keys.sign_pointer(champion.to_bytes().map_err(invalid)?).map_err(keyless)?;
        champion.seal(&bytes);
        if self.storage.replace(&pointer(kind), &bytes, expected).await? {
            return Ok(champion);
        }
        let winner = self.champion(kind).await?.map(Box::new);
        Err(RegistryError::Overtaken { kind, version, winner })
    }

    fn must_be(&self, artifact: &Artifact, kind: Kind, manifest_sha256: &str) -> Result<(), RegistryError> {
        if artifact.manifest_sha256 == manifest_sha256 {
            return Ok(());
        }
        let problem = format!("its SHA-256 is {}, promoted was {manifest_sha256}", artifact.manifest_sha256);
        Err(self.corrupt(&key(kind, artifact.manifest.version, MANIFEST), problem))
    }

    /// Every number that was ever claimed, in ascending order.
    pub(crate) async fn numbers(&self, kind: Kind) -> Result<Vec<Version>, RegistryError> {
        let names = self.storage.list(kind.folder()).await?;
        let mut versions: Vec<Version> = names.iter().filter_map(|name| name.parse().ok()).collect();
        versions.sort_unstable();
        Ok(versions)
    }

    /// Writes below a claimed number, where nobody else may have written.
    async fn create(&self, key: &str, bytes: &[u8]) -> Result<(), RegistryError> {
        if self.storage.create(key, bytes).await? {
            return Ok(());
        }
        Err(self.corrupt(key, "somebody wrote into a version that was claimed by another".into()))
    }

    async fn read_manifest(&self, kind: Kind, version: Version) -> Result<(Manifest, String), RegistryError> {
        let key = key(kind, version, MANIFEST);
        let bytes = match self.storage.read(&key, MAX_MANIFEST_BYTES).await? {
            Found::Nothing => return Err(RegistryError::NotFound { kind, version }),
            Found::TooLarge => return Err(self.corrupt(&key, format!("it is longer than {MAX_MANIFEST_BYTES} bytes"))),
            Found::Bytes(bytes) => bytes,
        };
        self.check_signature(kind, version, &bytes).await?;
        self.check_format(&key, &bytes)?;
        let manifest: Manifest =
            serde_json::from_slice(&bytes).map_err(|error| self.corrupt(&key, error.to_string()))?;
        manifest.check(kind, version).map_err(|problem| self.corrupt(&key, problem))?;
        Ok((manifest, sha256(&bytes)))
    }

    /// Before anything in a manifest is understood.
    async fn check_signature(&self, kind: Kind, version: Version, manifest: &[u8]) -> Result<(), RegistryError> {
        if !self.keys.required() {
            return Ok(());
        }
        let problem = match self.storage.read(&key(kind, version, SIGNATURE), SIGNATURE_BYTES).await? {
            Found::Nothing => {
                "it has no signature, and registry.signing_key or registry.trusted_keys asks for one".into()
            }
            Found::TooLarge => "its signature is not 128 hexadecimal digits".into(),
            Found::Bytes(signature) => match self.keys.verify(manifest, &signature) {
                Ok(()) => return Ok(()),
                Err(problem) => problem,
            },
        };
        Err(RegistryError::Untrusted { path: self.storage.place(&key(kind, version, MANIFEST)), problem })
    }

    async fn read_file(&self, kind: Kind, version: Version, entry: &FileEntry) -> Result<Vec<u8>, RegistryError> {
        let key = key(kind, version, &entry.name);
        let problem = match self.storage.read(&key, entry.size.min(MAX_FILE_BYTES)).await? {
            Found::Nothing => "it is not there".into(),
            Found::TooLarge => format!("it is longer than the {} bytes of the manifest", entry.size),
            Found::Bytes(bytes) if bytes.len() as u64 != entry.size => {
                format!("it has {} bytes, the manifest says {}", bytes.len(), entry.size)
            }
            Found::Bytes(bytes) => match sha256(&bytes) {
                found if found == entry.sha256 => return Ok(bytes),
                found => format!("its SHA-256 is {found}, the manifest says {}", entry.sha256),
            },
        };
        Err(self.corrupt(&key, problem))
    }

    /// Looks at the format before anything else, because the rest of a newer document may mean something else.
    fn check_format(&self, key: &str, bytes: &[u8]) -> Result<(), RegistryError> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let Format { format } = serde_json::from_slice(bytes).map_err(|error| self.corrupt(key, error.to_string()))?;
        if format > MANIFEST_FORMAT {
            let path = self.storage.place(key);
            return Err(RegistryError::NewerFormat { path, found: format, known: MANIFEST_FORMAT });
        }
        Ok(())
    }

    fn corrupt(&self, key: &str, problem: String) -> RegistryError {
        RegistryError::Corrupt { path: self.storage.place(key), problem }
    }
}

pub(crate) fn key(kind: Kind, version: Version, name: &str) -> String {
    format!("{}/{version}/{name}", kind.folder())
}

/// What stands in the way of the version, as far as the gate is concerned.
fn passed(manifest: &Manifest, champion: &Champion) -> Result<(), String> {
    match &manifest.decision {
        // A promotion that was already made may be made again.
        _ if champion.version == manifest.version => Ok(()),
        None => Err("the promotion gate was never asked about it".into()),
        Some(decision) if !decision.passed => Err(format!("the promotion gate said no: {}", decision.reason)),
        Some(decision) if decision.against != champion.version => Err(format!(
            "the promotion gate compared it with {}, the champion is {}",
            decision.against, champion.version
        )),
        Some(_) => Ok(()),
    }
}

fn pointer(kind: Kind) -> String {
    format!("{}/{CHAMPION}", kind.folder())
}

fn timestamp(ms: i64) -> Result<Timestamp, String> {
    Timestamp::from_millisecond(ms).map_err(|error| format!("{ms} ms is no time: {error}"))
}
