use anyhow::{Context, Result};
use churn_testkit::{fresh_name, schema_registry};

#[tokio::test]
async fn registered_schema_is_read_back_by_its_id() -> Result<()> {
    let (url, subject) = (schema_registry(), fresh_name("testkit"));
    let client = churn_testkit::http_client();
    let schema = r#"{"type":"record","name":"mark","fields":[{"name":"id","type":"long"}]}"#;
    let registered: serde_json::Value = client
        .post(format!("{url}/subjects/{subject}/versions"))
        .json(&serde_json::json!({ "schema": schema }))
        .send()
        .await?
        .error_for_status()?
        .json()
        .await?;
    let id = registered["id"].as_i64().context("no id in the answer")?;
    let read: serde_json::Value =
        client.get(format!("{url}/schemas/ids/{id}")).send().await?.error_for_status()?.json().await?;
    let text = read["schema"].as_str().context("no schema in the answer")?;
    let same: serde_json::Value = serde_json::from_str(text)?;
    assert_eq!(same, serde_json::from_str::<serde_json::Value>(schema)?);
    Ok(())
}
