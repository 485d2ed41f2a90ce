//! Replays what fuzzing found and what it starts from, and changes it at random: on stable Rust, in every test run.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

use std::fs;
use std::path::{Path, PathBuf};

use churn_hostile::DOORS;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Changed versions of each file of a corpus.
const CHANGES: usize = 200;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

/// The files of a door's corpus, by name.
fn corpus(door: &str) -> Vec<(String, Vec<u8>)> {
    let folder = fuzz().join("corpus").join(door);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let file = |path: PathBuf| (path.display().to_string(), fs::read(&path).unwrap());
    let mut files: Vec<_> = entries.map(|entry| file(entry.unwrap().path())).collect();
    files.sort();
    files
}

#[test]
fn every_door_has_a_fuzz_target_and_a_corpus_of_good_and_bad() {
    for (name, door) in DOORS {
        assert!(fuzz().join(format!("fuzz_targets/{name}.rs")).exists(), "{name} has no target");
        for (file, bytes) in corpus(name) {
            // The name says what becomes of it: good-… is let in, bad-… is refused, found-… only must not panic.
            let name = Path::new(&file).file_name().unwrap().to_string_lossy().into_owned();
            let let_in = door(&bytes);
            assert!(!name.starts_with("good-") || let_in, "{file} was refused");
            assert!(!name.starts_with("bad-") || !let_in, "{file} was let in");
        }
        let names: Vec<String> = corpus(name).into_iter().map(|(file, _)| file).collect();
        for kind in ["good-", "bad-"] {
            assert!(names.iter().any(|file| file.contains(kind)), "{name} has no {kind} file: {names:?}");
        }
    }
}

#[test]
fn no_change_to_a_file_of_a_corpus_breaks_what_is_behind_its_door() {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    for (name, door) in DOORS {
        for (_, bytes) in corpus(name) {
            for _ in 0..CHANGES {
                door(&changed(&mut rng, &bytes));
            }
        }
    }
}

fn changed(rng: &mut ChaCha8Rng, bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..rng.random_range(1..5) {
        let at = rng.random_range(0..=bytes.len());
        match rng.random_range(0..5) {
            0 if at < bytes.len() => bytes[at] ^= 1 << rng.random_range(0..8),
            1 if at < bytes.len() => bytes[at] = rng.random(),
            2 => bytes.truncate(at),
            3 => bytes.insert(at, rng.random()),
            _ => {
                let end = rng.random_range(at..=bytes.len());
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
        }
    }
    bytes
}
