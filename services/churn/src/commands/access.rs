//! `churn access`: the least rights that each part needs, as SQL and as commands for Kafka.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use churn_runtime::exit::Ending;
use churn_stream::Topics;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::cli;
use crate::config::Config;

const PERMISSIONS: &str = include_str!("../../../../docs/permissions.toml");

/// What one part may do, as docs/permissions.toml has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Duty {
    about: String,
    #[serde(default)]
    database: Vec<String>,
    #[serde(default)]
    schema: Vec<String>,
    #[serde(default)]
    owns_tables: bool,
    #[serde(default)]
    tables: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    kafka: Vec<Rule>,
}

/// What a user may do with some things of Kafka.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    /// `topic`, `group`, `cluster` or `transactional_id`.
    resource: String,
    names: Vec<String>,
    /// Whether a name is only the beginning.
    #[serde(default)]
    prefixed: bool,
    operations: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Access {
    part: String,
    about: String,
    /// Statements for an administrator of the database, who has made the role.
    sql: Vec<String>,
    kafka: Vec<Rule>,
    /// The same rules as commands of Kafka's own tool.
    kafka_commands: Vec<String>,
}

pub(super) fn run(app: &App, args: &cli::Access) -> anyhow::Result<()> {
    let mut duties: BTreeMap<String, Duty> = toml::from_str(PERMISSIONS).context("read the built-in permissions")?;
    if let Some(part) = &args.part {
        let known: Vec<String> = duties.keys().cloned().collect();
        duties.retain(|name, _| name == part);
        if duties.is_empty() {
            bail!(Ending::usage(format!("{part} is no part; the parts are {}", known.join(", "))));
        }
    }
    let names = Names::new(app.config(), args);
    let access: Vec<Access> = duties.into_iter().map(|(part, duty)| names.access(part, duty, args)).collect();
    app.answer(&access, |access| access.iter().map(text).collect::<Vec<_>>().join("\n\n"))
}

fn text(access: &Access) -> String {
    let head = format!("-- {}: {}", access.part, access.about);
    let lines = [head].into_iter().chain(access.sql.iter().cloned()).chain(access.kafka_commands.iter().cloned());
    lines.collect::<Vec<_>>().join("\n")
}

/// The names of the configuration.
struct Names {
    words: Vec<(&'static str, String)>,
    topics: Vec<String>,
    brokers: String,
    database: String,
}

impl Names {
    fn new(config: &Config, args: &cli::Access) -> Self {
        let prefix = &config.kafka.topic_prefix;
        let Topics { events, outcomes, scores, shadow, retrain_requests, model_updates, positions } =
            config.kafka.topics();
        let group = |name: &str| format!("{prefix}{name}");
        // Members are numbered; what stands before the number is theirs.
        let numbered = |name: &str| group(name.trim_end_matches(|c: char| c.is_ascii_digit()));
        let words = vec![
            ("{events}", events),
            ("{outcomes}", outcomes),
            ("{scores}", scores),
            ("{shadow}", shadow),
            ("{retrain_requests}", retrain_requests),
            ("{model_updates}", model_updates),
            ("{positions}", positions),
            ("{scorer_group}", group(&config.scorer.group)),
            ("{sink_group}", group(&config.sink.group)),
            ("{monitor_group}", group(&config.monitor.group)),
            ("{trainer_group}", group(&config.trainer.group)),
            ("{scorer_transactions}", numbered(&config.scorer.transactional_id)),
            ("{synthesizer_transactions}", numbered(&config.synthesizer.stream)),
            ("{prefix}", prefix.clone()),
        ];
        let brokers = match config.kafka.brokers.as_str() {
            "" => "localhost:9092".to_owned(),
            brokers => brokers.to_owned(),
        };
        let topics = config.kafka.topics().specs(&config.kafka).into_iter().map(|topic| topic.name).collect();
        Self { words, topics, brokers, database: args.database.clone() }
    }

    fn access(&self, part: String, duty: Duty, args: &cli::Access) -> Access {
        let role = args.role.clone().unwrap_or_else(|| format!("churn_{part}"));
        let user = args.user.clone().unwrap_or_else(|| format!("churn-{part}"));
        let kafka: Vec<Rule> = duty.kafka.iter().map(|rule| self.filled(rule)).collect();
        let kafka_commands = kafka.iter().map(|rule| self.command(rule, &user)).collect();
        Access { sql: self.sql(&duty, &role), about: duty.about, part, kafka, kafka_commands }
    }

    fn filled(&self, rule: &Rule) -> Rule {
        let fill =
            |name: &String| self.words.iter().fold(name.clone(), |name, (word, value)| name.replace(word, value));
        let names = match rule.names.iter().any(|name| name == "{topics}") {
            true => self.topics.clone(),
            false => rule.names.iter().map(fill).collect(),
        };
        Rule { names, ..rule.clone() }
    }

    fn sql(&self, duty: &Duty, role: &str) -> Vec<String> {
        let role = quoted(role);
        let mut statements = Vec::new();
        if !duty.database.is_empty() {
            let (rights, database) = (duty.database.join(", "), quoted(&self.database));
            statements.push(format!("grant {rights} on database {database} to {role};"));
        }
        if duty.owns_tables {
            return statements;
        }
        if !duty.schema.is_empty() {
            statements.push(format!("grant {} on schema churn to {role};", duty.schema.join(", ")));
        }
        for (table, rights) in &duty.tables {
            statements.push(format!("grant {} on churn.{table} to {role};", rights.join(", ")));
        }
        statements
    }

    fn command(&self, rule: &Rule, user: &str) -> String {
        let mut words = vec![format!(
            "kafka-acls.sh --bootstrap-server {} --add --allow-principal {}",
            self.brokers,
            shell(&format!("User:{user}"))
        )];
        words.extend(rule.operations.iter().map(|operation| format!("--operation {}", camel(operation))));
        if rule.prefixed {
            words.push("--resource-pattern-type prefixed".to_owned());
        }
        match rule.resource.as_str() {
            "cluster" => words.push("--cluster".to_owned()),
            resource => {
                let flag = resource.replace('_', "-");
                words.extend(rule.names.iter().map(|name| format!("--{flag} {}", shell(name))));
            }
        }
        words.join(" ")
    }
}

/// `idempotent_write` as Kafka's tool spells it.
fn camel(operation: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
    };
    operation.split('_').map(word).collect()
}

/// An identifier of SQL, whatever it holds.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A word of a shell's command, whatever it holds.
fn shell(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}
