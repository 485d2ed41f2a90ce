//! The api part over HTTP.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use churn_testkit::{Program, free_port, poll_until};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::run::{churn, run};

struct Api {
    program: Program,
    base: String,
    client: reqwest::Client,
    _folder: TempDir,
}

impl Api {
    async fn start(with_model: bool) -> Result<Self> {
        let folder = TempDir::new()?;
        if with_model {
            let output = run(folder.path(), &["demo", "--duration", "1s", "--rate", "100"]);
            ensure!(output.status.success(), "{}", crate::run::stderr(&output));
        }
        let base = format!("http://127.0.0.1:{}", free_port());
        let env = [
            ("CHURN__HTTP__LISTEN", base.trim_start_matches("http://").to_owned()),
            ("CHURN__REGISTRY__PATH", folder.path().join(".churn/registry").display().to_string()),
        ];
        let program = Program::spawn(churn(), ["run", "api"], env)?;
        let api = Self { program, base, client: churn_testkit::http_client(), _folder: folder };
        poll_until(Duration::from_secs(30), async || {
            Ok::<_, anyhow::Error>(api.client.get(format!("{}/livez", api.base)).send().await?.status().is_success())
        })
        .await
        .with_context(|| api.program.stderr())?;
        Ok(api)
    }

    async fn post(&self, path: &str, body: String) -> Result<(u16, Value)> {
        let request = self.client.post(format!("{}{path}", self.base)).header("content-type", "application/json");
        let response = request.body(body).send().await?;
        let status = response.status().as_u16();
        Ok((status, response.json().await?))
    }

    async fn text(&self, path: &str, body: String) -> Result<String> {
        Ok(self.client.post(format!("{}{path}", self.base)).body(body).send().await?.text().await?)
    }

    async fn get(&self, path: &str) -> Result<(u16, String)> {
        let response = self.client.get(format!("{}{path}", self.base)).send().await?;
        Ok((response.status().as_u16(), response.text().await?))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn predictions_and_samples_are_served_with_the_champion() -> Result<()> {
    let api = Api::start(true).await?;
    let risky = json!({ "tenure": 1, "contract": "Month-to-month", "internet_service": "Fiber optic", "monthly_charges": 95.0 });
    let loyal = json!({ "tenure": 72, "contract": "Two year", "internet_service": "DSL", "monthly_charges": 60.0 });
    let (status, one) = api.post("/v1/predict", risky.to_string()).await?;
    ensure!(status == 200 && one["model_version"] == "v1", "{one}");
    let (_, many) = api.post("/v1/predict", json!({ "customers": [risky, loyal] }).to_string()).await?;
    let probability = |index: usize| many["predictions"][index]["probability"].as_f64().unwrap_or(f64::NAN);
    ensure!(probability(0) > probability(1), "{many}");
    ensure!(one["predictions"][0] == many["predictions"][0], "one and many differ: {one} {many}");
    let reasons = many["predictions"][1]["reasons"].as_array().context("reasons")?;
    let size = |at: usize| reasons[at]["contribution"].as_f64().unwrap_or(f64::NAN).abs();
    ensure!(reasons.len() == 3 && size(0) >= size(1) && size(1) >= size(2) && size(2) > 0.0, "{many}");
    ensure!(
        reasons.iter().any(|reason| reason["feature"] == "contract" && reason["contribution"].as_f64() < Some(0.0))
    );

    let (status, faulty) =
        api.post("/v1/predict", json!({ "customers": [loyal, { "tenure": -3 }] }).to_string()).await?;
    ensure!(status == 422 && faulty["error"]["details"]["errors"][0]["path"] == "customers[1].tenure", "{faulty}");
    let (status, _) = api.post("/v1/predict", "x".repeat(2 << 20)).await?;
    ensure!(status == 413);
    let (status, _) = api.post("/v1/predict", "{".into()).await?;
    ensure!(status == 400);

    let (status, sample) = api.post("/v1/synthesize", json!({ "n": 3, "seed": 5 }).to_string()).await?;
    ensure!(status == 200 && sample["customers"].as_array().is_some_and(|rows| rows.len() == 3), "{sample}");
    let (_, again) = api.post("/v1/synthesize", json!({ "n": 3, "seed": 5 }).to_string()).await?;
    ensure!(sample == again, "the same seed gives the same customers");
    let (status, refused) = api.post("/v1/synthesize", json!({ "n": 0 }).to_string()).await?;
    ensure!(status == 422 && refused["error"]["details"]["errors"][0]["path"] == "n", "{refused}");
    let (status, refused) = api.post("/v1/synthesize", json!({ "n": "three" }).to_string()).await?;
    ensure!(status == 422 && refused["error"]["details"]["errors"][0]["path"] == "n", "{refused}");
    let (status, many) = api.post("/v1/synthesize", json!({ "n": 2_500, "seed": 5 }).to_string()).await?;
    let many = many["customers"].as_array().context("customers")?;
    ensure!(status == 200 && many.len() == 2_500, "{}", many.len());
    ensure!(sample["customers"].as_array().is_some_and(|few| few[..] == many[..3]), "a part differs from the whole");
    let table = api.text("/v1/synthesize", json!({ "n": 2_500, "seed": 5, "format": "csv" }).to_string()).await?;
    ensure!(table.lines().count() == 2_501 && table.matches("zip_code").count() == 1, "one header and every row");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_model_the_api_is_alive_but_not_ready() -> Result<()> {
    let api = Api::start(false).await?;
    let (status, ready) = api.get("/readyz").await?;
    ensure!(status == 503 && ready.contains("churn setup"), "{ready}");
    let (status, refused) = api.post("/v1/predict", "{}".into()).await?;
    ensure!(status == 503, "{refused}");
    let (_, status) = api.get("/v1/status").await?;
    ensure!(status.contains("\"monitor\":null"), "{status}");
    for path in ["/docs", "/openapi.json", "/metrics", "/version", "/v1/status", "/livez"] {
        let (status, body) = api.get(path).await?;
        ensure!(status == 200 && !body.is_empty(), "{path}: {status}");
    }
    // What the document says of the api is there: it needs a model, or is refused, but is not unknown.
    for (path, methods) in churn_api::openapi()["paths"].as_object().context("paths")? {
        let path = path.replace("{model}", "churn").replace("{version}", "v1");
        for (method, operation) in methods.as_object().context("methods")? {
            if operation["tags"][0] == "api" || operation["tags"][0] == "every part" {
                let request = if method == "get" {
                    api.client.get(api.base.clone() + &path)
                } else {
                    api.client.post(api.base.clone() + &path).body("{}")
                };
                let status = request.send().await?.status();
                ensure!(status != 405 && (status != 404 || path.contains("/versions/")), "{method} {path}: {status}");
            }
        }
    }
    let (_, page) = api.get("/docs").await?;
    ensure!(!page.contains("http://") && !page.contains("https://"), "the page needs no outside asset");
    let foreign =
        api.client.post(format!("{}/v1/predict", api.base)).header("origin", "https://evil.example").send().await?;
    ensure!(foreign.status() == 403);
    Ok(())
}

/// Follows kserve/open-inference-protocol, specification/protocol/inference_rest.md, call by call.
#[tokio::test(flavor = "multi_thread")]
async fn the_open_inference_protocol_is_spoken_as_it_is_specified() -> Result<()> {
    let api = Api::start(true).await?;
    let asked = async |path: &str| -> Result<(u16, Value)> {
        let (status, body) = api.get(path).await?;
        Ok((status, serde_json::from_str(&body)?))
    };
    let (status, server) = asked("/v2").await?;
    ensure!(status == 200 && server["name"].is_string() && server["extensions"].is_array(), "{server}");
    ensure!(asked("/v2/health/live").await?.1["live"] == true);
    let (status, ready) = asked("/v2/health/ready").await?;
    ensure!(status == 200 && ready["ready"] == true && ready["live"] == true, "{ready}");
    let (_, model) = asked("/v2/models/churn").await?;
    ensure!(model["name"] == "churn" && model["versions"] == json!(["v1"]) && model["platform"].is_string(), "{model}");
    let inputs = model["inputs"].as_array().context("inputs")?;
    ensure!(inputs.len() == 19 && inputs.iter().all(|tensor| tensor["shape"] == json!([-1])), "{model}");
    ensure!(asked("/v2/models/churn/versions/v1").await?.1 == model);
    for path in ["/v2/models/churn/ready", "/v2/models/churn/versions/v1/ready"] {
        ensure!(asked(path).await?.1["ready"] == true, "{path}");
    }
    for path in ["/v2/models/other", "/v2/models/churn/versions/v9", "/v2/models/churn/versions/v9/ready"] {
        let (status, refused) = asked(path).await?;
        ensure!(status == 404 && refused["error"].is_string(), "{path}: {refused}");
    }

    let tensor = |name: &str, datatype: &str, shape: Value, data: Value| json!({ "name": name, "datatype": datatype, "shape": shape, "data": data });
    let request = json!({ "id": "42", "inputs": [
        tensor("tenure", "INT32", json!([2]), json!([1, 72])),
        tensor("contract", "BYTES", json!([2, 1]), json!([["Month-to-month"], ["Two year"]])),
        tensor("partner", "BOOL", json!([2]), json!([true, null])),
        tensor("monthly_charges", "FP64", json!([2]), json!([95.0, 60.0])),
    ]});
    let (status, answer) = api.post("/v2/models/churn/infer", request.to_string()).await?;
    ensure!(status == 200 && answer["id"] == "42" && answer["model_name"] == "churn", "{answer}");
    ensure!(answer["model_version"] == "v1", "{answer}");
    let output = &answer["outputs"][0];
    ensure!(output["name"] == "churn_probability" && output["datatype"] == "FP64" && output["shape"] == json!([2]));
    let customers = json!({ "customers": [
        { "tenure": 1, "contract": "Month-to-month", "partner": true, "monthly_charges": 95.0 },
        { "tenure": 72, "contract": "Two year", "monthly_charges": 60.0 },
    ]});
    let (_, same) = api.post("/v1/predict", customers.to_string()).await?;
    for row in 0..2 {
        ensure!(output["data"][row] == same["predictions"][row]["probability"], "{answer} {same}");
        ensure!(answer["outputs"][1]["data"][row] == same["predictions"][row]["label"], "{answer} {same}");
        for place in 0..3 {
            let (reason, at) = (&same["predictions"][row]["reasons"][place], row * 3 + place);
            ensure!(answer["outputs"][2]["data"][at] == reason["feature"], "{answer} {same}");
            let single = |number: &Value| number.as_f64().map(|number| number as f32);
            let (one, other) = (&answer["outputs"][3]["data"][at], &reason["contribution"]);
            ensure!(single(one).is_some() && single(one) == single(other), "{answer} {same}");
        }
    }
    let names: Vec<_> = model["outputs"].as_array().context("outputs")?.iter().map(|output| &output["name"]).collect();
    ensure!(names == ["churn_probability", "churn_label", "churn_reasons", "churn_contributions"], "{model}");
    ensure!(answer["outputs"][2]["shape"] == json!([2, 3]) && answer["outputs"][2]["datatype"] == "BYTES", "{answer}");
    let one =
        json!({ "inputs": [tensor("tenure", "FP32", json!([1]), json!([5]))], "outputs": [{ "name": "churn_label" }] });
    let (_, one) = api.post("/v2/models/churn/versions/v1/infer", one.to_string()).await?;
    ensure!(one["outputs"].as_array().is_some_and(|outputs| outputs.len() == 1) && one.get("id").is_none(), "{one}");

    let refusals = [
        (json!({}), "inputs"),
        (json!({ "inputs": [] }), "0 customers"),
        (json!({ "inputs": [tensor("tenure", "INT32", json!([2]), json!([1]))] }), "1 elements"),
        (json!({ "inputs": [tensor("tenure", "INT32", json!([1, 2]), json!([1, 2]))] }), "shape"),
        (json!({ "inputs": [tensor("tenure", "INT32", json!([1]), json!(["one"]))] }), "INT32"),
        (json!({ "inputs": [tensor("tenure", "STRING", json!([1]), json!(["one"]))] }), "STRING"),
        (json!({ "inputs": [tensor("tenur", "INT32", json!([1]), json!([1]))] }), "tenure"),
        (json!({ "inputs": [tensor("tenure", "INT32", json!([1]), json!([-1]))] }), "inputs[0].tenure"),
        (json!({ "inputs": [tensor("tenure", "INT32", json!([9_000_000_000_u64]), json!([1]))] }), "expected 1 to"),
        (
            json!({ "inputs": [tensor("tenure", "INT32", json!([1]), json!([1]))], "outputs": [{ "name": "x" }] }),
            "output",
        ),
        (
            json!({ "inputs": [tensor("tenure", "INT32", json!([1]), json!([1]))],
                "outputs": [{ "name": "churn_label" }, { "name": "churn_label" }] }),
            "comes twice",
        ),
    ];
    for (request, complaint) in refusals {
        let (status, refused) = api.post("/v2/models/churn/infer", request.to_string()).await?;
        let error = refused["error"].as_str().context("the error is no string")?;
        ensure!(status == 400 && error.contains(complaint), "{request}: {status} {error}");
    }
    Ok(())
}
