//! Buckets on the shared S3 server.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::fresh::fresh_name;
use crate::servers::{self, run_folder};

/// The user that `servers/s3.sh` starts the server with.
const ACCESS_KEY: &str = "churn";
const SECRET_KEY: &str = "churn-secret";

/// An empty bucket of one test; deleted with this value.
///
/// The server keeps a bucket as a folder and an object as a file below it, so a test can damage what is stored behind the
/// server's back, as a failing disk would ([`Bucket::object`]).
#[derive(Debug)]
pub struct Bucket {
    /// `http://127.0.0.1:port` of the server; name buckets in the path.
    pub endpoint: String,
    /// The bucket's name.
    pub name: String,
    /// An access key that may do everything.
    pub access_key: String,
    /// Its secret.
    pub secret_key: String,
    folder: PathBuf,
}

/// Makes an empty bucket with a name of its own on the shared server.
///
/// # Errors
/// When it cannot be made.
///
/// # Panics
/// When the shared servers are not up; the message names the command that starts them.
pub fn fresh_bucket() -> Result<Bucket> {
    let endpoint = servers::shared().s3.endpoint;
    let name = fresh_name("test");
    let folder = run_folder().join("s3/data").join(&name);
    // To the server a folder at the top is a bucket of its root user.
    fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let (access_key, secret_key) = (ACCESS_KEY.to_owned(), SECRET_KEY.to_owned());
    Ok(Bucket { endpoint, name, access_key, secret_key, folder })
}

impl Bucket {
    /// The file that holds the object of this key.
    pub fn object(&self, key: &str) -> PathBuf {
        self.folder.join(key)
    }
}

impl Drop for Bucket {
    /// Best effort: what is left behind goes when the servers go down.
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
