//! Finding Postgres' programs.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::PrivateError;
use crate::StoreError;

/// Where distributions put them; a `*` stands for any end of that part of the path.
const USUAL: [&str; 6] = [
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
];

/// A folder that holds `postgres`, `initdb` and `pg_ctl` of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binaries {
    folder: PathBuf,
    pub(super) major: u32,
}

impl Binaries {
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// The chosen folder, or the newest version on PATH and in the usual places.
pub(super) fn find(chosen: Option<&Path>) -> Result<Binaries, PrivateError> {
    let folders = match chosen {
        Some(folder) => vec![folder.to_owned()],
        None => candidates(),
    };
    newest(&folders).map_err(|found| {
        let places = match chosen {
            Some(folder) => folder.display().to_string(),
            None => format!("looked on PATH, {}", USUAL.join(", ")),
        };
        PrivateError::NotFound {
            looked: if found.is_empty() { places } else { format!("{places}: {}", found.join(", ")) },
        }
    })
}

/// The newest that is new enough, or what was found instead.
fn newest(folders: &[PathBuf]) -> Result<Binaries, Vec<String>> {
    let found: Vec<Binaries> = folders.iter().filter_map(|folder| inspect(folder)).collect();
    let newest = found
        .iter()
        .max_by_key(|binaries| binaries.major)
        .filter(|binaries| binaries.major >= StoreError::OLDEST_MAJOR);
    newest
        .cloned()
        .ok_or_else(|| found.iter().map(|old| format!("version {} in {}", old.major, old.folder.display())).collect())
}

fn candidates() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = env::split_paths(&path).filter(|folder| folder.is_absolute()).collect();
    folders.extend(USUAL.into_iter().flat_map(expand));
    // A link and its target are one place: the program must lie beside the others of its version.
    let real = |folder: PathBuf| fs::canonicalize(folder.join("postgres")).ok()?.parent().map(Path::to_owned);
    let mut real: Vec<PathBuf> = folders.into_iter().filter_map(real).collect();
    real.sort();
    real.dedup();
    real
}

/// The folders that match a pattern with one star at most.
fn expand(pattern: &str) -> Vec<PathBuf> {
    let Some((before, after)) = pattern.split_once('*') else { return vec![pattern.into()] };
    let (parent, prefix) = before.rsplit_once('/').unwrap_or(("", before));
    let Ok(entries) = fs::read_dir(if parent.is_empty() { "/" } else { parent }) else { return Vec::new() };
    let matching = entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
    matching.map(|entry| entry.path().join(after.trim_start_matches('/'))).collect()
}

fn inspect(folder: &Path) -> Option<Binaries> {
    let there = ["postgres", "initdb", "pg_ctl"].iter().all(|program| folder.join(program).is_file());
    let output = there.then(|| Command::new(folder.join("postgres")).arg("--version").output())?.ok()?;
    Some(Binaries { folder: folder.to_owned(), major: major(&String::from_utf8_lossy(&output.stdout))? })
}

/// The first number in `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`, or in `17beta1`.
fn major(text: &str) -> Option<u32> {
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let digits = &text[start..];
    digits[..digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len())].parse().ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A folder with programs that only say their version.
    fn install(root: &Path, version: &str) -> PathBuf {
        let folder = root.join(version).join("bin");
        fs::create_dir_all(&folder).unwrap();
        for program in ["postgres", "initdb", "pg_ctl"] {
            let file = folder.join(program);
            fs::write(&file, format!("#!/bin/sh\necho '{program} (PostgreSQL) {version}'\n")).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        }
        folder
    }

    #[test]
    fn the_newest_version_is_taken_and_old_ones_are_named() {
        let root = tempfile::tempdir().unwrap();
        let old = install(root.path(), "13.14");
        let new = install(root.path(), "16beta2");
        let newer = install(root.path(), "17.1");
        assert_eq!(newest(&[old.clone(), newer.clone(), new]).unwrap(), Binaries { folder: newer, major: 17 });
        let message = find(Some(&old)).unwrap_err().to_string();
        assert!(message.contains("version 13 in") && message.contains("apt-get install"), "{message}");
    }

    #[test]
    fn without_programs_the_message_says_how_to_get_them() {
        let root = tempfile::tempdir().unwrap();
        let message = find(Some(root.path())).unwrap_err().to_string();
        for way_out in ["apt-get install -y postgresql", "dnf install", "brew install", "postgres.url"] {
            assert!(message.contains(way_out), "{message}");
        }
    }

    #[test]
    fn a_star_stands_for_the_end_of_a_name() {
        let root = tempfile::tempdir().unwrap();
        for name in ["pgsql-15", "pgsql-16", "other"] {
            fs::create_dir(root.path().join(name)).unwrap();
        }
        let mut found = expand(&format!("{}/pgsql-*/bin", root.path().display()));
        found.sort();
        assert_eq!(found, [root.path().join("pgsql-15/bin"), root.path().join("pgsql-16/bin")]);
    }
}
