//! Buckets on the shared S3 server, and a private one that speaks TLS.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::fresh::fresh_name;
use crate::own::OwnServer;
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
    /// `http://127.0.0.1:port` of the server, `https` of one that speaks TLS; name buckets in the path.
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
    make_bucket(servers::shared().s3.endpoint, &run_folder().join("s3/data"))
}

fn make_bucket(endpoint: String, data: &Path) -> Result<Bucket> {
    let name = fresh_name("test");
    let folder = data.join(&name);
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

/// A private S3 server that speaks TLS only. Stopped, and its data deleted, when dropped.
#[derive(Debug)]
pub struct OwnS3 {
    server: OwnServer,
}

impl OwnS3 {
    /// Starts a new server with a certificate that is good or has `expired`.
    ///
    /// # Errors
    /// When it does not come up; the error holds the end of its log.
    pub async fn start_with_tls(expired: bool) -> Result<Self> {
        let certificate = if expired { "expired" } else { "server" };
        Ok(Self { server: OwnServer::start_with("s3", Some(("certificate", certificate))).await? })
    }

    /// The folder of the server's certificates: `ca.pem` is to be trusted, `other-ca.pem` is not.
    pub fn certificates(&self) -> PathBuf {
        self.server.folder.join("tls")
    }

    /// Makes an empty bucket.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn bucket(&self) -> Result<Bucket> {
        make_bucket(self.server.address()?, &self.server.folder.join("data"))
    }
}
