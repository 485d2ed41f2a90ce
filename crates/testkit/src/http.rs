//! An HTTP client for tests.

use std::time::Duration;

/// Longer than any answer on a busy machine takes; a server that hangs then fails the test instead of holding it up.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A client that goes past every proxy of the machine. It has the `ring` provider for TLS, without which a client panics.
///
/// # Panics
/// When the client cannot be built.
pub fn http_client() -> reqwest::Client {
    // Refused when a test before has done it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build().expect("an HTTP client")
}
