//! Who may ask: Host against DNS rebinding, Origin against foreign pages, a token against strangers, a rate against floods.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};

use super::config::HttpConfig;
use super::error::ErrorResponse;
use crate::clock;
use crate::config::Secret;

/// Paths that a supervisor asks without a token. They name components and nothing else.
const OPEN_PATHS: [&str; 2] = ["/livez", "/readyz"];

/// The rules of one server.
#[derive(Debug)]
pub(super) struct Guard {
    local: SocketAddr,
    allowed_hosts: Vec<String>,
    token: Secret,
    rate: Option<Bucket>,
}

impl Guard {
    pub(super) fn new(config: &HttpConfig, local: SocketAddr) -> Self {
        Self {
            local,
            allowed_hosts: config.allowed_hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
            token: config.token.clone(),
            rate: config.requests_per_second.map(Bucket::new),
        }
    }

    /// Why a request is refused, if it is.
    pub(super) fn check(&self, request: &Request) -> Result<(), ErrorResponse> {
        let host = host_of(request.headers(), request.uri())?;
        // A probe by the kubelet comes under whatever address the pod got; what it may ask is public and read-only.
        let open = OPEN_PATHS.contains(&request.uri().path());
        if !open || self.token.is_empty() {
            self.check_host(&host)?;
        }
        check_origin(request.headers(), &host)?;
        if open {
            return Ok(());
        }
        self.check_token(request.headers())?;
        self.rate.as_ref().map_or(Ok(()), |rate| rate.take(clock::monotonic()))
    }

    fn check_host(&self, host: &str) -> Result<(), ErrorResponse> {
        let host = host.to_ascii_lowercase();
        let (name, port) = split_port(&host);
        let known = match name.trim_matches(['[', ']']).parse::<IpAddr>() {
            // A rebinding page has a name, never a bare address; listening everywhere means every address is this machine's.
            Ok(ip) => ip.to_canonical().is_loopback() || ip == self.local.ip() || self.local.ip().is_unspecified(),
            Err(_) => name == "localhost",
        };
        let listed = self.allowed_hosts.iter().any(|allowed| *allowed == host || (allowed == name && port.is_some()));
        if known || listed {
            return Ok(());
        }
        let message = format!("host {host:?} is not served here: add it to `http.allowed_hosts` if it should be");
        Err(ErrorResponse::new(StatusCode::MISDIRECTED_REQUEST, "wrong_host", message))
    }

    fn check_token(&self, headers: &HeaderMap) -> Result<(), ErrorResponse> {
        if self.token.is_empty() {
            return Ok(());
        }
        let given = headers.get(header::AUTHORIZATION).and_then(bearer).unwrap_or_default();
        if same(given.as_bytes(), self.token.expose().as_bytes()) {
            return Ok(());
        }
        let message = "a valid token is needed: send \"Authorization: Bearer <http.token>\"";
        Err(ErrorResponse::new(StatusCode::UNAUTHORIZED, "unauthorized", message))
    }
}

fn host_of(headers: &HeaderMap, uri: &Uri) -> Result<String, ErrorResponse> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(_), Some(_)) => None,
        (Some(host), None) => host.to_str().ok(),
        (None, _) => uri.authority().map(|authority| authority.as_str()),
    };
    host.map(str::to_owned).ok_or_else(|| ErrorResponse::bad_request("exactly one Host header is needed"))
}

/// A browser sends Origin with whatever a page does to another site: only our own pages may.
fn check_origin(headers: &HeaderMap, host: &str) -> Result<(), ErrorResponse> {
    for origin in headers.get_all(header::ORIGIN) {
        let own =
            origin.to_str().ok().and_then(|origin| origin.split_once("://")).is_some_and(|(scheme, authority)| {
                let default = if scheme == "https" { ":443" } else { ":80" };
                let plain = |host: &str| host.strip_suffix(default).unwrap_or(host).to_ascii_lowercase();
                plain(authority) == plain(host)
            });
        if !own {
            let message = "requests from pages of another origin are refused";
            return Err(ErrorResponse::new(StatusCode::FORBIDDEN, "foreign_origin", message));
        }
    }
    Ok(())
}

fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// `host:port`, `[::1]:port`, or either without a port.
fn split_port(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':') {
        Some((name, port))
            if port.bytes().all(|b| b.is_ascii_digit()) && (name.ends_with(']') || !name.contains(':')) =>
        {
            (name, Some(port))
        }
        _ => (host, None),
    }
}

/// Compares without stopping at the first difference, so that the time taken says nothing about where it lies.
fn same(given: &[u8], wanted: &[u8]) -> bool {
    let mut difference = given.len() ^ wanted.len();
    for (index, byte) in wanted.iter().enumerate() {
        let other = given.get(index).copied().unwrap_or(0);
        difference |= usize::from(std::hint::black_box(byte ^ other));
    }
    std::hint::black_box(difference) == 0
}

/// A token bucket that holds one second's worth.
#[derive(Debug)]
struct Bucket {
    per_second: f64,
    state: Mutex<(f64, Instant)>,
}

impl Bucket {
    fn new(per_second: u32) -> Self {
        let per_second = f64::from(per_second);
        Self { per_second, state: Mutex::new((per_second, clock::monotonic())) }
    }

    fn take(&self, now: Instant) -> Result<(), ErrorResponse> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (tokens, last) = *state;
        let refilled = tokens + now.saturating_duration_since(last).as_secs_f64() * self.per_second;
        let tokens = refilled.min(self.per_second);
        if tokens < 1.0 {
            *state = (tokens, now);
            let message = format!("more than {} requests a second", self.per_second);
            return Err(ErrorResponse::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", message));
        }
        *state = (tokens - 1.0, now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn guard(listen: &str, allowed: &[&str]) -> Guard {
        let config =
            HttpConfig { allowed_hosts: allowed.iter().map(|&h| h.to_owned()).collect(), ..HttpConfig::default() };
        Guard::new(&config, listen.parse().unwrap())
    }

    #[test]
    fn a_loopback_server_answers_to_loopback_names_and_listed_ones_only() {
        let guard = guard("127.0.0.1:8080", &["Churn.example", "other.example:9000"]);
        for host in [
            "localhost",
            "LOCALHOST:8080",
            "127.0.0.1:8080",
            "[::1]:8080",
            "[::1]",
            "churn.example",
            "churn.example:1",
            "other.example:9000",
        ] {
            assert!(guard.check_host(host).is_ok(), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "10.0.0.1",
            "other.example",
            "other.example:1",
            "",
            ":8080",
            "churn.example:x",
        ] {
            assert!(guard.check_host(host).is_err(), "{host}");
        }
    }

    #[test]
    fn a_server_on_every_address_answers_to_every_address_but_not_to_every_name() {
        let everywhere = guard("0.0.0.0:8080", &[]);
        assert!(everywhere.check_host("10.0.0.1:8080").is_ok());
        assert!(everywhere.check_host("evil.example").is_err());
        let one = guard("10.0.0.1:8080", &[]);
        assert!(one.check_host("10.0.0.1:8080").is_ok());
        assert!(one.check_host("10.0.0.2:8080").is_err());
    }

    #[test]
    fn only_the_very_token_is_the_same() {
        assert!(same(b"secret", b"secret"));
        for wrong in [&b""[..], b"secre", b"secrets", b"Secret", b"secret\0"] {
            assert!(!same(wrong, b"secret"));
        }
    }

    #[test]
    fn an_origin_must_be_the_host_itself() {
        let check = |origin: &str, host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ORIGIN, origin.parse().unwrap());
            check_origin(&headers, host).is_ok()
        };
        assert!(check("http://localhost:8080", "localhost:8080"));
        assert!(check("https://churn.example", "churn.example:443"));
        assert!(check("http://churn.example", "churn.example"));
        assert!(!check("http://evil.example", "localhost:8080"));
        assert!(!check("http://localhost:3000", "localhost:8080"));
        assert!(!check("null", "localhost:8080"));
    }

    #[test]
    fn a_rate_is_held_over_time() {
        let bucket = Bucket::new(2);
        let start = clock::monotonic() + Duration::from_secs(10);
        let at = |ms: u64| bucket.take(start + Duration::from_millis(ms)).is_ok();
        assert_eq!([at(0), at(0), at(0), at(500), at(600), at(1000)], [true, true, false, true, false, true]);
    }
}
