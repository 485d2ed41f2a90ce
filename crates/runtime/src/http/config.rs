//! Where the admin server listens and whom it lets in.

use std::net::{IpAddr, SocketAddr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{ByteSize, Fault, HumanDuration, Secret, Validate};

/// The admin server of a part.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct HttpConfig {
    /// Address and port to listen on; port 0 takes a free one. Anything but loopback needs a token.
    pub listen: SocketAddr,
    /// Bearer token that every request but /livez and /readyz must carry. Empty: none, for loopback only.
    pub token: Secret,
    /// Names, besides loopback and the listen address, that a Host header may hold: "churn.example" for any port, or with one.
    pub allowed_hosts: Vec<String>,
    /// Largest request body.
    pub body_limit: ByteSize,
    /// Time for one request, its body included.
    pub request_timeout: HumanDuration,
    /// Requests answered at the same time; more wait for their turn within their own time.
    pub concurrent_requests: u32,
    /// Requests a second, /livez and /readyz not counted. Nothing: no limit.
    pub requests_per_second: Option<u32>,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            token: Secret::default(),
            allowed_hosts: Vec::new(),
            body_limit: ByteSize::mib(1),
            request_timeout: HumanDuration::from_secs(30),
            concurrent_requests: 64,
            requests_per_second: None,
        }
    }
}

impl HttpConfig {
    /// Whether strangers could connect without a token.
    pub(super) fn is_open(&self) -> bool {
        !is_loopback(self.listen.ip()) && self.token.is_empty()
    }
}

fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

impl Validate for HttpConfig {
    fn validate(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if self.is_open() {
            let message =
                format!("is needed to listen on {}, which others can reach; or listen on 127.0.0.1", self.listen);
            faults.push(Fault::new("token", message));
        }
        if !self.token.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
            faults.push(Fault::new(
                "token",
                "holds characters that no Authorization header can carry: use visible ASCII",
            ));
        }
        if self.body_limit.get() == 0 {
            faults.push(Fault::new("body_limit", "must be larger than 0 B"));
        }
        if self.request_timeout.get().is_zero() {
            faults.push(Fault::new("request_timeout", "must be longer than 0s"));
        }
        if self.concurrent_requests == 0 {
            faults.push(Fault::new("concurrent_requests", "must be at least 1"));
        }
        if self.requests_per_second == Some(0) {
            faults.push(Fault::new("requests_per_second", "must be at least 1; leave it out for no limit"));
        }
        for host in &self.allowed_hosts {
            if host.is_empty() || host.contains(['/', '*', ' ']) {
                faults.push(Fault::new(
                    "allowed_hosts",
                    format!("{host:?} is not a host name such as \"churn.example\""),
                ));
            }
        }
        faults
    }
}
