//! The command line.

use std::path::PathBuf;

use churn_runtime::config::HumanDuration;
use churn_synthesizer::{Rate, ScenarioSpec, Start};
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Scores a never-ending stream of telecom customers for churn.
#[derive(Debug, Parser)]
#[command(name = "churn", version, propagate_version = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags that every command takes.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Configuration file; without it churn.toml, where there is one.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Overrides one configuration key; may be repeated.
    #[arg(long = "set", global = true, value_name = "SECTION.KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Answers in JSON.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs everything in one process on a broker and a Postgres of its own, and shows it live.
    Demo(Demo),
    /// Runs one part, or all of them, against the configured Kafka and Postgres.
    Run {
        /// The part.
        part: PartName,
    },
    /// Asks a running part whether it can do its work: exit 0 yes, 1 no, 69 nobody answers.
    Health(crate::commands::health::Health),
    /// Prepares topics, schemas, tables, partitions, reference rows, generator and first model; safe to repeat.
    Setup {
        /// Connects, checks permissions and says what would be done.
        #[arg(long)]
        dry_run: bool,
        /// Goes on until SIGTERM and does it again each time: an orchestrator without a clock of its own keeps the tables'
        /// partitions ahead so. Where it fails, it says so and tries again in a tenth of the time.
        #[arg(long, value_name = "TIME", conflicts_with = "dry_run")]
        every: Option<HumanDuration>,
    },
    /// Puts customers of a CSV file into the stream.
    Produce(Produce),
    /// Scores customers of a CSV file with the champion.
    Predict(Predict),
    /// Searches for the best model on a file, and puts it into the registry.
    Train(Train),
    /// Asks the trainer for a new model.
    Retrain(crate::commands::retrain::Retrain),
    /// Fits generators of synthetic customers and samples from them.
    #[command(subcommand)]
    Synth(Synth),
    /// Shows what the registry holds, and moves the champion.
    #[command(subcommand)]
    Model(crate::commands::model::Model),
    /// Compares data, finds changes in streams of numbers, estimates performance without labels.
    #[command(subcommand)]
    Drift(crate::commands::drift::args::Drift),
    /// Shows and sets where consumers stand.
    #[command(subcommand)]
    Offsets(crate::commands::offsets::Offsets),
    /// Lists and drops the partitions of the tables of scores and outcomes.
    #[command(subcommand)]
    Store(crate::commands::store::StoreCommand),
    /// Writes pages about what is stored.
    #[command(subcommand)]
    Report(crate::commands::report::ReportCommand),
    /// Tells the whole history of one score: event, generator, model, places, times and outcome.
    Trace(crate::commands::trace::Trace),
    /// Looks into dead letters, sends their records again, or throws them away.
    #[command(subcommand)]
    Dlq(crate::commands::dlq::Dlq),
    /// Says what the pipeline makes of given events, without a broker: docs/test-cases.md.
    Test(Test),
    /// Prints the least rights that each part needs in Postgres and Kafka, as statements and commands to run.
    Access(Access),
    /// Says which metrics the parts show.
    #[command(subcommand)]
    Metrics(MetricsCommand),
    /// Shows and checks the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PartName {
    Synthesizer,
    Scorer,
    Sink,
    Monitor,
    Trainer,
    Api,
    All,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Ends by itself after this time, such as 30s or 2m; without it, on Ctrl-C.
    #[arg(long, value_name = "TIME")]
    pub(crate) duration: Option<String>,
    /// Events a second, or max for as fast as backpressure lets it.
    #[arg(long)]
    pub(crate) rate: Option<Rate>,
    /// Seed of the synthesized customers.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Writes the summary to this file as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Lets something happen to the stream: covariate-drift, concept-drift, label-shift, missing-values, new-category, burst or
    /// silence. May be repeated; NAME*0.5 halves its strength, NAME@20s gives it a time of its own, burst+5s a length.
    #[arg(long, value_name = "NAME")]
    pub(crate) scenario: Vec<ScenarioSpec>,
    /// When the scenarios without a time of their own begin.
    #[arg(long, value_name = "TIME", default_value = "15s", requires = "scenario")]
    pub(crate) at: HumanDuration,
}

impl Demo {
    /// The scenarios as the configuration spells them, each with its time; none when none is asked for.
    pub(crate) fn scenarios(&self) -> Option<String> {
        let timed = self.scenario.iter().map(|spec| match spec.start {
            Start::Now => ScenarioSpec { start: Start::After(self.at), ..*spec },
            Start::After(_) | Start::Sequence(_) => *spec,
        });
        let texts: Vec<String> = timed.map(String::from).collect();
        (!texts.is_empty()).then(|| texts.join(","))
    }
}

#[derive(Debug, Args)]
pub(crate) struct Produce {
    /// Customers, with the columns of data/README.md.
    #[arg(long, value_name = "FILE")]
    pub(crate) data: PathBuf,
    /// Name of the stream; a name used before goes on after its last event.
    #[arg(long, default_value = "produce")]
    pub(crate) stream: String,
    /// Events a second, or max.
    #[arg(long, default_value = "max")]
    pub(crate) rate: Rate,
    /// Leaves out rows with a bad value and lists them.
    #[arg(long)]
    pub(crate) skip_bad_rows: bool,
    /// Emits the churn column as outcomes, if the file has one.
    #[arg(long)]
    pub(crate) outcomes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Predict {
    /// Customers, with the columns of data/README.md.
    #[arg(long, value_name = "FILE")]
    pub(crate) data: PathBuf,
    /// Where the scored customers go.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Version of the model; the champion without it.
    #[arg(long, value_name = "VERSION")]
    pub(crate) model: Option<String>,
    /// Adds the features that moved each score most, and by how much on the log-odds: so many of them.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(crate) reasons: usize,
    /// Threads; all cores without it.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) threads: Option<usize>,
    /// Leaves out rows with a bad value and lists them.
    #[arg(long)]
    pub(crate) skip_bad_rows: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Train {
    /// Customers with the churn column, with the columns of data/README.md.
    #[arg(long, value_name = "FILE")]
    pub(crate) data: PathBuf,
    /// Time for the whole training, such as 60s or 5m, the last fit included; the best model so far is taken when it is up.
    /// Judging the model comes after it and is told apart.
    #[arg(long, value_name = "TIME", default_value = Train::DEFAULT_BUDGET)]
    pub(crate) budget: String,
    /// Learners to try at most. Without a budget of time, the result is the same on every machine.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) trials: Option<usize>,
    /// Seed: the same seed and number of trials give the same model.
    #[arg(long, default_value_t = 7)]
    pub(crate) seed: u64,
    /// What is made as good as possible.
    #[arg(long, value_enum, default_value = "log_loss")]
    pub(crate) metric: GoalName,
    /// Cost of one retention offer, for the profit.
    #[arg(long, default_value_t = 50.0, value_name = "AMOUNT")]
    pub(crate) offer_cost: f64,
    /// What a customer who stays because of an offer is worth, for the profit.
    #[arg(long, default_value_t = 500.0, value_name = "AMOUNT")]
    pub(crate) customer_value: f64,
    /// Learners to try; all of them without it. May be repeated.
    #[arg(long, value_enum, value_name = "LEARNER")]
    pub(crate) learner: Vec<LearnerName>,
    /// Takes the best single learner, never a blend: boosted trees alone can be exported to XGBoost.
    #[arg(long)]
    pub(crate) no_blend: bool,
    /// How often the winner is cross-validated again after the budget, on folds that the search has not seen.
    #[arg(long, value_name = "NUMBER", default_value_t = 3)]
    pub(crate) repeats: usize,
    /// Threads; all cores without it. Changes no result of a number of trials.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) threads: Option<usize>,
    /// Writes each trial to this file as one line of JSON, as it is done.
    #[arg(long, value_name = "FILE")]
    pub(crate) trials_out: Option<PathBuf>,
    /// Judges the training instead of making a model: a CSV file with the columns row (from 0) and fold. Each fold is
    /// predicted by a search of its own on the others; the budget is for all of them together.
    #[arg(long, value_name = "FILE", requires = "oof")]
    pub(crate) folds: Option<PathBuf>,
    /// Where the probabilities of --folds go, as CSV: row, fold, probability.
    #[arg(long, value_name = "FILE", requires = "folds")]
    pub(crate) oof: Option<PathBuf>,
    /// Learns from every customer, also from the tenth that any two models are compared on: the gate then has only customers of
    /// the stream to compare this model on.
    #[arg(long, conflicts_with = "folds")]
    pub(crate) all_customers: bool,
    /// Leaves out rows with a bad value and lists them.
    #[arg(long)]
    pub(crate) skip_bad_rows: bool,
}

impl Train {
    pub(crate) const DEFAULT_BUDGET: &str = "60s";
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum GoalName {
    LogLoss,
    Auc,
    F1,
    Profit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum LearnerName {
    Logistic,
    BoostedTrees,
    Ebm,
    NaiveBayes,
}

impl From<LearnerName> for churn_learn::Family {
    fn from(name: LearnerName) -> Self {
        match name {
            LearnerName::Logistic => Self::Logistic,
            LearnerName::BoostedTrees => Self::BoostedTrees,
            LearnerName::Ebm => Self::Ebm,
            LearnerName::NaiveBayes => Self::NaiveBayes,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Test {
    /// The cases, in YAML.
    #[arg(value_name = "FILE")]
    pub(crate) cases: PathBuf,
    /// Version of the model; that of the file without it, or the champion.
    #[arg(long, value_name = "VERSION")]
    pub(crate) model: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Access {
    /// One part, or setup; all of them without it.
    #[arg(long, value_name = "PART")]
    pub(crate) part: Option<String>,
    /// Role in Postgres; churn_<part> without it.
    #[arg(long, value_name = "ROLE")]
    pub(crate) role: Option<String>,
    /// User of Kafka; churn-<part> without it.
    #[arg(long, value_name = "USER")]
    pub(crate) user: Option<String>,
    /// Database in Postgres.
    #[arg(long, value_name = "NAME", default_value = "churn")]
    pub(crate) database: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Synth {
    /// Fits a generator on real customers.
    Fit {
        /// Customers with the churn column.
        #[arg(long, value_name = "FILE")]
        data: PathBuf,
        /// Locations to draw from when the data has none; the shipped ones without it.
        #[arg(long, value_name = "FILE")]
        locations: Option<PathBuf>,
        /// Where the generator goes, besides the registry.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Leaves out rows with a bad value and lists them.
        #[arg(long)]
        skip_bad_rows: bool,
        /// Leaves the registry alone: no report is made and no champion is changed.
        #[arg(long)]
        no_record: bool,
    },
    /// Samples customers: the same seed gives the same bytes on any number of threads.
    Sample {
        /// A file that fit wrote.
        #[arg(long, value_name = "FILE")]
        generator: PathBuf,
        /// Number of customers.
        #[arg(long)]
        rows: u64,
        /// Seed.
        #[arg(long, default_value_t = 7)]
        seed: u64,
        /// Threads; all cores without it.
        #[arg(long)]
        threads: Option<usize>,
        /// Fixes a column, such as contract="Two year" or churn=Yes; may be repeated.
        #[arg(long = "where", value_name = "COLUMN=VALUE")]
        conditions: Vec<String>,
        /// Names of the columns in the file: ours, or the 26 of IBM's header.
        #[arg(long, value_enum, default_value_t)]
        header: HeaderStyle,
        /// Where the customers go, as CSV.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Says how good synthetic customers are: alike, possible, private, and of use.
    Report(SynthReport),
}

/// Under which header customers are written.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
pub(crate) enum HeaderStyle {
    /// That of the shipped file.
    #[default]
    Churnstream,
    /// The columns under which IBM publishes this data, without id, count and what leaks the answer.
    Ibm,
}

#[derive(Debug, Args)]
pub(crate) struct SynthReport {
    /// A file that fit wrote; the registry's champion without it and without --synthetic.
    #[arg(long, value_name = "FILE", conflicts_with = "synthetic")]
    pub(crate) generator: Option<PathBuf>,
    /// Real customers with the churn column; the shipped ones without it.
    #[arg(long, value_name = "FILE")]
    pub(crate) real: Option<PathBuf>,
    /// Synthetic customers with the churn column, from anywhere.
    #[arg(long, value_name = "FILE", requires = "real")]
    pub(crate) synthetic: Option<PathBuf>,
    /// Real customers whom whoever made the synthetic ones has not seen.
    #[arg(long, value_name = "FILE", requires = "synthetic")]
    pub(crate) holdout: Option<PathBuf>,
    /// Customers to sample from the generator.
    #[arg(long, default_value_t = 50_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000), conflicts_with = "synthetic")]
    pub(crate) rows: u64,
    /// Seed of the sample.
    #[arg(long, default_value_t = 7)]
    pub(crate) seed: u64,
    /// Writes the report with its pictures to this file, as one HTML page.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Leaves out rows with a bad value and lists them.
    #[arg(long)]
    pub(crate) skip_bad_rows: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub(crate) struct ModelReport {
    /// The version, such as v3.
    pub(crate) version: String,
    /// Where the report goes; model-VERSION.html without it.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub(crate) struct ModelExport {
    /// The version, such as v3.
    pub(crate) version: String,
    /// The format.
    #[arg(long, value_enum, default_value = "xgboost-json")]
    pub(crate) format: ExportFormat,
    /// Where the model goes; model-VERSION.json without it.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Customers to encode as the exported model wants them.
    #[arg(long, value_name = "FILE", requires = "matrix")]
    pub(crate) data: Option<PathBuf>,
    /// Where the encoded customers go, as CSV: the model's columns in their order, empty where missing, and last the
    /// probability that this program gives.
    #[arg(long, value_name = "FILE", requires = "data")]
    pub(crate) matrix: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// XGBoost's JSON, which `xgboost.Booster(model_file=...)` loads.
    XgboostJson,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum MetricsCommand {
    /// Prints every metric with type, unit, labels and meaning, as the page docs/metrics.md.
    Reference,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Prints every effective value and where it came from; secrets are masked.
    Show,
    /// Lists every fault at once.
    Check,
    /// Prints what every key means.
    Reference {
        /// As a page in Markdown: docs/configuration.md.
        #[arg(long)]
        markdown: bool,
    },
}
