//! Tells the program which commit it is built from.
//!
//! `CHURN_COMMIT` says it where there is no repository (images are built without one); otherwise git does; where neither is there, as in
//! an unpacked archive, nobody does and the build goes on. It is asked again when sources change, not with every commit: the program is
//! compiled anew then in any case, and a commit that changes no source gives the same program.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the program is made of, seen from the workspace's root; `crates` and `services` one by one.
const SOURCES: [&str; 5] = ["Cargo.toml", "Cargo.lock", "data", "schemas", "docs/permissions.toml"];
/// Crates that only tests use.
const DEV_ONLY: [&str; 3] = ["chaos", "hostile", "testkit"];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=CHURN_COMMIT");
    let given = env::var("CHURN_COMMIT").unwrap_or_default();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let commit = if given.trim().is_empty() { asked_of_git(&root) } else { Some(given.trim().to_owned()) };
    if let Some(commit) = commit {
        println!("cargo:rustc-env=CHURN_COMMIT={commit}");
    }
}

/// The commit that is checked out, with `-dirty` behind it where the sources are not those of the commit.
fn asked_of_git(root: &Path) -> Option<String> {
    let top = git(root, &["rev-parse", "--show-toplevel"])?;
    // An archive that was unpacked within another repository is not of that repository's commit.
    if Path::new(&top).canonicalize().ok()? != root.canonicalize().ok()? {
        return None;
    }
    for source in sources(root) {
        println!("cargo:rerun-if-changed={}", source.display());
    }
    let commit = git(root, &["rev-parse", "HEAD"])?;
    let changed = git(
        root,
        &["status", "--porcelain", "--", "crates", "services", "Cargo.toml", "Cargo.lock", "data", "schemas"],
    )?;
    Some(if changed.is_empty() { commit } else { format!("{commit}-dirty") })
}

fn sources(root: &Path) -> Vec<PathBuf> {
    let mut sources: Vec<PathBuf> = SOURCES.iter().map(|source| root.join(source)).collect();
    for folder in ["crates", "services"] {
        let entries = std::fs::read_dir(root.join(folder)).into_iter().flatten().flatten();
        let crates = entries.filter(|entry| !DEV_ONLY.iter().any(|name| entry.file_name() == *name));
        sources.extend(crates.flat_map(|entry| ["src", "migrations"].map(|part| entry.path().join(part))));
    }
    sources.retain(|source| source.exists());
    sources
}

fn git(root: &Path, arguments: &[&str]) -> Option<String> {
    // Without a lock: somebody may be committing meanwhile.
    let output = Command::new("git").arg("--no-optional-locks").arg("-C").arg(root).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
