//! The cryptography of every TLS connection but those to Kafka: rustls with the `ring` provider.
//!
//! Kafka's are librdkafka's own, which uses the system's OpenSSL.

/// Makes `ring` this process's provider. Whoever builds an HTTP client calls it first: without a provider the client panics.
/// Safe to repeat.
pub fn install() {
    // Refused when a provider is in place, which is then the one of an earlier call.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
