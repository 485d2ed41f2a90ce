//! Requests to the api, one after the other.

use std::time::Duration;

use churn_testkit::http_client;
use tokio::task::JoinHandle;

/// Customers of a request.
const CUSTOMERS: usize = 200;
/// Time between two requests: the other parts want the processor too.
const PAUSE: Duration = Duration::from_millis(10);

/// Asks for predictions until it is aborted. An answer that fails is asked for again: memory is measured here, not the api.
pub(crate) fn ask(port: u16) -> JoinHandle<()> {
    let customer = r#"{"tenure": 2, "contract": "Month-to-month", "monthly_charges": 70.7, "total_charges": 141.4}"#;
    let customers: Vec<&str> = std::iter::repeat_n(customer, CUSTOMERS).collect();
    let body = format!(r#"{{"customers": [{}]}}"#, customers.join(","));
    let url = format!("http://127.0.0.1:{port}/v1/predict");
    tokio::spawn(async move {
        let client = http_client();
        loop {
            if let Ok(answer) = client.post(&url).body(body.clone()).send().await {
                let _ = answer.bytes().await;
            }
            tokio::time::sleep(PAUSE).await;
        }
    })
}
