use std::cell::Cell;
use std::time::Duration;

use anyhow::{Result, bail};
use churn_testkit::{fresh_name, poll_until};

#[tokio::test]
async fn polling_returns_the_first_value() -> Result<()> {
    let asked = Cell::new(0);
    let value = poll_until(Duration::from_secs(10), || async {
        asked.set(asked.get() + 1);
        (asked.get() == 3).then_some("there")
    })
    .await?;
    assert_eq!((value, asked.get()), ("there", 3));
    Ok(())
}

#[tokio::test]
async fn polling_in_vain_names_the_line_and_the_last_error() {
    let probe = || async {
        let answer: Result<bool> = Err(anyhow::anyhow!("server says no"));
        answer
    };
    let error = poll_until(Duration::from_millis(50), probe).await.expect_err("it never answers");
    assert!(error.to_string().contains("polling.rs"), "{error}");
    assert!(error.to_string().contains("server says no"), "{error}");
}

#[tokio::test]
async fn hanging_probe_is_cut_off() -> Result<()> {
    match poll_until(Duration::from_millis(50), std::future::pending::<bool>).await {
        Ok(()) => bail!("a probe that hangs has answered"),
        Err(_) => Ok(()),
    }
}

#[test]
fn fresh_names_differ() {
    assert_ne!(fresh_name("same"), fresh_name("same"));
}
