//! The whole configuration: one section a part or server.

use std::path::PathBuf;

use churn_api::ApiConfig;
use churn_mlflow::MlflowConfig;
use churn_monitor::MonitorConfig;
use churn_registry::RegistryConfig;
use churn_runtime::config::{Fault, HumanDuration, Validate, within};
use churn_runtime::http::HttpConfig;
use churn_runtime::telemetry::LogConfig;
use churn_runtime::traces::TracesConfig;
use churn_scorer::ScorerConfig;
use churn_sink::SinkConfig;
use churn_store::PostgresConfig;
use churn_stream::KafkaConfig;
use churn_synthesizer::SynthesizerConfig;
use churn_trainer::TrainerConfig;
use churn_wire::WireConfig;
use serde::{Deserialize, Serialize};

/// Everything that can be configured.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Log lines.
    pub(crate) log: LogConfig,
    /// Traces by OpenTelemetry.
    pub(crate) telemetry: TracesConfig,
    /// The HTTP server of each part.
    pub(crate) http: HttpConfig,
    /// Kafka.
    pub(crate) kafka: KafkaConfig,
    /// The schema registry.
    pub(crate) schema_registry: WireConfig,
    /// Postgres.
    pub(crate) postgres: PostgresConfig,
    /// Models and generators.
    pub(crate) registry: RegistryConfig,
    /// The mirror of models and generators in MLflow.
    pub(crate) mlflow: MlflowConfig,
    /// The rows that the first generator and model are fitted on.
    pub(crate) data: DataConfig,
    /// The synthesizer.
    pub(crate) synthesizer: SynthesizerConfig,
    /// The scorer.
    pub(crate) scorer: ScorerConfig,
    /// The sink.
    pub(crate) sink: SinkConfig,
    /// The monitor.
    pub(crate) monitor: MonitorConfig,
    /// The trainer.
    pub(crate) trainer: TrainerConfig,
    /// The api.
    pub(crate) api: ApiConfig,
    /// How long draining may take after a request to stop, before the process gives up with exit code 1.
    pub(crate) grace: HumanDuration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            log: LogConfig::default(),
            telemetry: TracesConfig::default(),
            http: HttpConfig::default(),
            kafka: KafkaConfig::default(),
            schema_registry: WireConfig::default(),
            postgres: PostgresConfig::default(),
            registry: RegistryConfig::default(),
            mlflow: MlflowConfig::default(),
            data: DataConfig::default(),
            synthesizer: SynthesizerConfig::default(),
            scorer: ScorerConfig::default(),
            sink: SinkConfig::default(),
            monitor: MonitorConfig::default(),
            trainer: TrainerConfig::default(),
            api: ApiConfig::default(),
            grace: HumanDuration::from(std::time::Duration::from_secs(30)),
        }
    }
}

/// The rows that the first generator and model are fitted on.
#[derive(Clone, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DataConfig {
    /// Customers with their outcome, as CSV; the shipped ones when empty.
    pub(crate) customers: Option<PathBuf>,
    /// Locations to draw from when the customers have none, as CSV; the shipped ones when empty.
    pub(crate) locations: Option<PathBuf>,
}

impl Validate for Config {
    fn validate(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        faults.extend(within("log", self.log.validate()));
        faults.extend(within("telemetry", self.telemetry.validate()));
        faults.extend(within("http", self.http.validate()));
        faults.extend(within("kafka", self.kafka.validate()));
        faults.extend(within("schema_registry", self.schema_registry.validate()));
        faults.extend(within("postgres", self.postgres.validate()));
        faults.extend(within("registry", self.registry.validate()));
        faults.extend(within("mlflow", self.mlflow.validate()));
        faults.extend(within("synthesizer", self.synthesizer.validate()));
        faults.extend(within("scorer", self.scorer.validate()));
        faults.extend(within("sink", self.sink.validate()));
        faults.extend(within("monitor", self.monitor.validate()));
        faults.extend(within("trainer", self.trainer.validate()));
        faults.extend(within("api", self.api.validate()));
        faults
    }
}
