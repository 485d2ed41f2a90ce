//! `churn health`: asks the part beside it how it is, for supervisors that have no other program at hand, such as a container
//! made of this one alone.
//!
//! It reads the same configuration as the part, so inside the part's container it needs no argument. Exit codes: 0 yes, 1 it says
//! no, 69 nobody answers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::Context;
use churn_runtime::config::HumanDuration;
use churn_runtime::exit::{Ending, Exit};
use clap::Args;
use serde::Serialize;
use serde_json::Value;

use crate::app::App;

/// Time between two questions while waiting.
const AGAIN: Duration = Duration::from_millis(200);
/// More than any part has to say; another server on the port may never end.
const LONGEST_ANSWER: usize = 64 * 1024;

#[derive(Debug, Args)]
pub(crate) struct Health {
    /// Asks whether the part runs at all (/livez) instead of whether it can do its work (/readyz).
    #[arg(long)]
    live: bool,
    /// Another part's address; that of http.listen without it, on loopback where that is every address.
    #[arg(long, value_name = "HOST:PORT")]
    address: Option<String>,
    /// Time for one answer.
    #[arg(long, value_name = "TIME", default_value = "3s")]
    timeout: HumanDuration,
    /// Asks again for so long until the answer is yes.
    #[arg(long, value_name = "TIME", default_value = "0s")]
    wait: HumanDuration,
}

/// What was asked and what was said.
#[derive(Debug, Serialize)]
struct Checked {
    url: String,
    healthy: bool,
    /// The status of the answer; none where nobody answered.
    status: Option<u16>,
    /// What the part said, or why it said nothing.
    answer: Value,
}

pub(super) async fn run(app: &App, args: &Health) -> anyhow::Result<()> {
    let address = match &args.address {
        Some(address) => address.clone(),
        None => reachable(app.config().http.listen)?.to_string(),
    };
    let url = format!("http://{address}/{}", if args.live { "livez" } else { "readyz" });
    // A proxy of the environment is for the world outside, never for one's own neighbour.
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(args.timeout.get())
        .build()
        .context("prepare to ask over HTTP")?;
    let started = Instant::now();
    let checked = loop {
        let checked = ask(&client, &url).await?;
        if checked.healthy || started.elapsed() >= args.wait.get() {
            break checked;
        }
        tokio::time::sleep(AGAIN).await;
    };
    if app.json || checked.healthy {
        app.answer(&checked, |checked| format!("{} says yes", checked.url))?;
    }
    if checked.healthy {
        return Ok(());
    }
    let exit = if checked.status.is_some() { Exit::Failed } else { Exit::Unavailable };
    Err(Ending::new(exit, format!("{} {}", checked.url, reason(&checked))).into())
}

/// Where a server that listens there can be reached from its own machine.
fn reachable(listen: SocketAddr) -> anyhow::Result<SocketAddr> {
    if listen.port() == 0 {
        let message = "http.listen leaves the port to the system (port 0): name the part by --address HOST:PORT";
        return Err(Ending::usage(message).into());
    }
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    Ok(SocketAddr::new(ip, listen.port()))
}

/// # Errors
/// The address is none.
async fn ask(client: &reqwest::Client, url: &str) -> anyhow::Result<Checked> {
    let silent = |why: String| Checked { url: url.to_owned(), healthy: false, status: None, answer: why.into() };
    let mut response = match client.get(url).send().await {
        Ok(response) => response,
        Err(error) if error.is_builder() => return Err(Ending::usage(error).into()),
        Err(error) => return Ok(silent(churn_runtime::exit::reasons(&error.without_url()))),
    };
    let status = response.status();
    let mut body = Vec::new();
    while body.len() < LONGEST_ANSWER {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(error) => return Ok(silent(churn_runtime::exit::reasons(&error.without_url()))),
        }
    }
    let text = || Value::String(String::from_utf8_lossy(&body).trim().to_owned());
    let answer: Value = serde_json::from_slice(&body).unwrap_or_else(|_| text());
    // Another server that happens to listen there says 200 to anything.
    let healthy = status.is_success() && (answer["ready"] == true || answer["live"] == true);
    Ok(Checked { url: url.to_owned(), healthy, status: Some(status.as_u16()), answer })
}

fn reason(checked: &Checked) -> String {
    match (checked.status, checked.answer["error"]["message"].as_str()) {
        (None, _) => format!("does not answer: {}", checked.answer.as_str().unwrap_or("no reason")),
        (Some(_), Some(message)) => format!("says no: {message}"),
        (Some(status), None) => format!("answers with status {status}, but not as a part does"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_every_address_is_asked_on_loopback() {
        let asked = |listen: &str| reachable(listen.parse().unwrap()).map(|address| address.to_string());
        assert_eq!(asked("0.0.0.0:8080").unwrap(), "127.0.0.1:8080");
        assert_eq!(asked("[::]:8080").unwrap(), "[::1]:8080");
        assert_eq!(asked("10.0.0.7:9000").unwrap(), "10.0.0.7:9000");
        assert!(asked("127.0.0.1:0").unwrap_err().to_string().contains("--address"));
    }
}
