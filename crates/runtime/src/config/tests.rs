use std::collections::BTreeMap;
use std::net::SocketAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::*;

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
struct Root {
    /// How to reach Kafka.
    kafka: Kafka,
    /// How to reach Postgres.
    postgres: Postgres,
    /// What runs.
    sink: Sink,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
struct Kafka {
    /// Servers to ask first,
    /// separated by commas.
    brokers: String,
    /// Client properties.
    properties: BTreeMap<String, String>,
    /// Password of the log-in.
    password: Secret,
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
struct Postgres {
    /// Where the tables are.
    url: ConnectionUrl,
    /// Pooling.
    pool: Pool,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
struct Pool {
    /// Connections held.
    size: u16,
    /// Spare tokens.
    spare: Vec<Secret>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
struct Sink {
    /// Rows after which a batch is committed.
    rows: u32,
    /// Bytes after which a batch is committed.
    bytes: ByteSize,
    /// Time after which a batch is committed.
    linger: HumanDuration,
    /// Share of rows that are checked.
    check_ratio: f64,
    /// Whether duplicates are merged.
    merge: bool,
    /// Rate limit.
    limit: Option<u64>,
    /// Name of the consumer.
    consumer: Option<String>,
    /// Topics to read.
    topics: Vec<String>,
    /// Partitions to read.
    partitions: Vec<i32>,
    /// Where to listen.
    listen: SocketAddr,
    /// What to do at a conflict.
    conflict: Conflict,
}

/// What to do with a conflict.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Conflict {
    /// Set it aside.
    DeadLetter,
    /// Stop.
    Stop,
}

impl Default for Kafka {
    fn default() -> Self {
        Self { brokers: "127.0.0.1:9092".into(), properties: BTreeMap::new(), password: Secret::default() }
    }
}

impl Default for Pool {
    fn default() -> Self {
        Self { size: 4, spare: Vec::new() }
    }
}

impl Default for Sink {
    fn default() -> Self {
        Self {
            rows: 1000,
            bytes: ByteSize::mib(4),
            linger: HumanDuration::from_millis(250),
            check_ratio: 0.5,
            merge: true,
            limit: None,
            consumer: None,
            topics: vec!["scores".into()],
            partitions: vec![],
            listen: ([127, 0, 0, 1], 8080).into(),
            conflict: Conflict::DeadLetter,
        }
    }
}

impl Validate for Root {
    fn validate(&self) -> Vec<Fault> {
        within("sink", self.sink.validate())
    }
}

impl Validate for Sink {
    fn validate(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if self.rows == 0 {
            faults.push(Fault::new("rows", "must be at least 1"));
        }
        if !(0.0..=1.0).contains(&self.check_ratio) {
            faults.push(Fault::new("check_ratio", "must lie between 0 and 1"));
        }
        faults
    }
}

fn file(text: &str) -> (tempfile::TempDir, Sources) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("churn.toml");
    std::fs::write(&path, text).unwrap();
    (folder, Sources::none().with_file(path))
}

fn env(pairs: &[(&str, &str)]) -> Sources {
    Sources::none().with_env(pairs.iter().copied())
}

fn faults(sources: &Sources) -> Vec<String> {
    load::<Root>(sources).unwrap_err().iter().map(ToString::to_string).collect()
}

fn only_fault(sources: &Sources) -> String {
    let faults = faults(sources);
    assert_eq!(faults.len(), 1, "{faults:#?}");
    faults.into_iter().next().unwrap()
}

#[test]
fn without_sources_the_defaults_stand() {
    let loaded = load::<Root>(&Sources::none()).unwrap();
    assert_eq!(loaded.config.sink.rows, 1000);
    assert_eq!(loaded.config.kafka.brokers, "127.0.0.1:9092");
    assert!(loaded.show().iter().all(|shown| shown.origin == Origin::Default));
}

#[test]
fn each_layer_overrides_the_one_below_and_is_named_as_the_origin() {
    let (_folder, sources) = file("[sink]\nrows = 2\nmerge = false\nlimit = 9\n\n[postgres.pool]\nsize = 7\n");
    let sources = sources
        .with_env([("CHURN__SINK__ROWS", "3"), ("CHURN__SINK__LIMIT", "8"), ("PATH", "/bin"), ("CHURN_CONFIG", "x")])
        .with_set("sink.rows=4")
        .with_flag("sink.rows", "5", "--rows");
    let loaded = load::<Root>(&sources).unwrap();
    assert_eq!(loaded.config.sink.rows, 5);
    assert_eq!(loaded.config.sink.limit, Some(8));
    assert!(!loaded.config.sink.merge);
    assert_eq!(loaded.config.postgres.pool.size, 7);
    assert_eq!(loaded.origin("sink.rows"), Some(&Origin::Flag("--rows".into())));
    assert_eq!(loaded.origin("sink.limit"), Some(&Origin::Env("CHURN__SINK__LIMIT".into())));
    assert!(loaded.origin("sink.merge").unwrap().to_string().ends_with("churn.toml:3"));
    assert!(loaded.origin("postgres.pool.size").unwrap().to_string().ends_with("churn.toml:7"));
    assert_eq!(loaded.origin("sink.bytes"), Some(&Origin::Default));
    assert_eq!(loaded.origin("sink.nothing"), None);
}

#[test]
fn text_from_the_shell_becomes_what_the_key_expects() {
    let loaded = load::<Root>(&env(&[
        ("CHURN__KAFKA__BROKERS", "1234"),
        ("CHURN__SINK__CONSUMER", "true"),
        ("CHURN__KAFKA__PASSWORD", "[\"1\"]"),
        ("CHURN__SINK__CHECK_RATIO", "1"),
        ("CHURN__SINK__MERGE", "false"),
        ("CHURN__SINK__BYTES", "64 MiB"),
        ("CHURN__SINK__LINGER", "2m"),
        ("CHURN__SINK__TOPICS", "a, b,c"),
        ("CHURN__SINK__PARTITIONS", "[1, 2]"),
        ("CHURN__SINK__LISTEN", "0.0.0.0:0"),
        ("CHURN__SINK__CONFLICT", "stop"),
        ("CHURN__SINK__ROWS", "1_000_000"),
        ("CHURN__KAFKA__PROPERTIES", "{ \"acks\" = \"all\" }"),
        ("CHURN__POSTGRES__POOL__SIZE", "3"),
    ]))
    .unwrap()
    .config;
    assert_eq!(loaded.kafka.brokers, "1234");
    assert_eq!(loaded.sink.consumer.as_deref(), Some("true"));
    assert_eq!(loaded.kafka.password.expose(), "[\"1\"]");
    assert_eq!(loaded.sink.check_ratio, 1.0);
    assert!(!loaded.sink.merge);
    assert_eq!(loaded.sink.bytes, ByteSize::mib(64));
    assert_eq!(loaded.sink.linger, HumanDuration::from_secs(120));
    assert_eq!(loaded.sink.topics, ["a", "b", "c"]);
    assert_eq!(loaded.sink.partitions, [1, 2]);
    assert_eq!(loaded.sink.listen.to_string(), "0.0.0.0:0");
    assert_eq!(loaded.sink.conflict, Conflict::Stop);
    assert_eq!(loaded.sink.rows, 1_000_000);
    assert_eq!(loaded.kafka.properties["acks"], "all");
    assert_eq!(loaded.postgres.pool.size, 3);
}

#[test]
fn lists_of_numbers_and_empty_values_are_understood() {
    let (_folder, sources) = file("[sink]\nlimit = 5\nconsumer = \"x\"\n");
    let variables = [
        ("CHURN__SINK__PARTITIONS", "3,4"),
        ("CHURN__SINK__TOPICS", ""),
        ("CHURN__SINK__LIMIT", ""),
        ("CHURN__SINK__CONSUMER", ""),
        ("CHURN__KAFKA__BROKERS", ""),
    ];
    let config = load::<Root>(&sources.with_env(variables)).unwrap().config;
    assert_eq!(config.sink.partitions, [3, 4]);
    assert!(config.sink.topics.is_empty());
    assert_eq!((config.sink.limit, config.sink.consumer), (None, None));
    assert_eq!(config.kafka.brokers, "");
}

#[test]
fn a_list_of_texts_that_look_like_numbers_stays_a_list_of_texts() {
    let config = load::<Root>(&env(&[("CHURN__SINK__TOPICS", "1,2")])).unwrap().config;
    assert_eq!(config.sink.topics, ["1", "2"]);
}

#[test]
fn every_fault_of_every_layer_is_listed_at_once() {
    let (_folder, sources) = file(
        "colour = 1\n[sink]\nrows = \"many\"\nbyts = 3\nlinger = 30\n[kafak]\nbrokers = \"x\"\n[postgres]\npool = 3\n",
    );
    let sources = sources
        .with_env([
            ("CHURN__SINK__MERGE", "perhaps"),
            ("CHURN__SNIK__ROWS", "1"),
            ("CHURN__FOO", "1"),
            ("CHURN_SINK__ROWS", "1"),
        ])
        .with_set("sink.check_ratio=7")
        .with_set("nonsense")
        .with_flag("sink.conflict", "explode", "--conflict");
    let listed = faults(&sources);
    let wanted = [
        ("`colour`", "unknown key"),
        ("`sink.rows`", "churn.toml:3): \"many\" is not a whole number from 0"),
        ("`sink.byts`", "did you mean `sink.bytes`?"),
        ("`sink.linger`", "churn.toml:5): 30 is not a duration such as"),
        ("`kafak.brokers`", "did you mean `kafka.brokers`?"),
        ("`postgres.pool`", "is a section, not a value: set one of its keys, such as `postgres.pool.size`"),
        ("`sink.merge`", "(CHURN__SINK__MERGE): \"perhaps\" is not true or false"),
        ("`snik.rows`", "did you mean `sink.rows`?"),
        ("`foo`", "(CHURN__FOO): unknown key"),
        ("CHURN_SINK__ROWS", "`CHURN__SINK__ROWS`"),
        ("--set nonsense", "expected --set section.key=value"),
        ("`sink.conflict`", "(--conflict): \"explode\" is not one of \"dead-letter\", \"stop\""),
        ("`sink.check_ratio`", "(--set): must lie between 0 and 1"),
    ];
    for (key, text) in wanted {
        assert!(listed.iter().any(|fault| fault.contains(key) && fault.contains(text)), "{key} {text} in {listed:#?}");
    }
    assert_eq!(listed.len(), wanted.len(), "{listed:#?}");
    let all = load::<Root>(&sources).unwrap_err().to_string();
    assert!(all.starts_with("13 faults in the configuration\n  `colour`"), "{all}");
}

#[test]
fn a_wrong_value_that_a_stronger_layer_overrides_is_still_a_fault() {
    let (_folder, sources) = file("[sink]\nrows = -1\n");
    let fault = only_fault(&sources.with_set("sink.rows=5"));
    assert!(fault.contains("-1 is not a whole number from 0"), "{fault}");
}

#[test]
fn a_number_out_of_range_names_the_range() {
    let fault = only_fault(&env(&[("CHURN__POSTGRES__POOL__SIZE", "70000")]));
    assert!(fault.contains("\"70000\" is not a whole number from 0 to 65535"), "{fault}");
}

#[test]
fn the_last_word_of_a_key_finds_its_section() {
    let fault = only_fault(&Sources::none().with_set("kafka.url=x"));
    assert!(fault.contains("did you mean `postgres.url`?"), "{fault}");
    let fault = only_fault(&Sources::none().with_set("brokers=x"));
    assert!(fault.contains("did you mean `kafka.brokers`?"), "{fault}");
}

#[test]
fn a_missing_file_is_a_fault_only_when_it_was_named() {
    let fault = only_fault(&Sources::none().with_file("/nonexistent/churn.toml"));
    assert!(fault.contains("cannot read the configuration file /nonexistent/churn.toml"), "{fault}");
    assert!(load::<Root>(&Sources::process().with_env::<&str, &str>([])).is_ok(), "churn.toml need not exist");
}

#[test]
fn a_folder_and_bytes_that_are_not_text_are_faults() {
    let folder = tempfile::tempdir().unwrap();
    assert!(only_fault(&Sources::none().with_file(folder.path())).contains("cannot read the configuration file"));
    let path = folder.path().join("binary.toml");
    std::fs::write(&path, [0xff, 0xfe, 0x00]).unwrap();
    assert!(only_fault(&Sources::none().with_file(path)).contains("cannot read the configuration file"));
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_text_is_a_fault() {
    use std::os::unix::ffi::OsStringExt;
    let value = std::ffi::OsString::from_vec(vec![0xff]);
    let fault = only_fault(&Sources::none().with_env([("CHURN__KAFKA__BROKERS", value)]));
    assert!(fault.contains("`kafka.brokers` (CHURN__KAFKA__BROKERS): is not UTF-8 text"), "{fault}");
}

#[test]
fn broken_toml_names_its_line_and_quotes_nothing() {
    let (_folder, sources) = file("[kafka]\nbrokers = \"ok\"\npassword = \"hunter2\n\n[sink]\nbytes = 10 MiB\n");
    let listed = faults(&sources).join("\n");
    assert!(listed.contains("churn.toml:3: not TOML: "), "{listed}");
    assert!(listed.contains("churn.toml:6: not TOML: "), "{listed}");
    assert!(!listed.contains("hunter2"), "{listed}");
}

#[test]
fn odd_toml_values_are_faults_not_panics() {
    let (_folder, sources) = file(
        "[sink]\nrows = 99999999999999999999999999\ncheck_ratio = nan\nlimit = 1979-05-27\ntopics = [1, 2]\nlisten = { a = 1 }\n[[kafka]]\nbrokers = \"x\"\n",
    );
    let listed = faults(&sources);
    for key in ["sink.rows", "sink.check_ratio", "sink.limit", "sink.topics", "sink.listen", "kafka"] {
        assert!(listed.iter().any(|fault| fault.contains(&format!("`{key}`"))), "{key} in {listed:#?}");
    }
}

#[test]
fn a_map_is_set_as_a_whole() {
    let (_folder, sources) = file("[kafka.properties]\n\"linger.ms\" = \"5\"\nacks = \"all\"\n");
    let loaded = load::<Root>(&sources).unwrap();
    assert_eq!(loaded.config.kafka.properties["linger.ms"], "5");
    let fault = only_fault(&env(&[("CHURN__KAFKA__PROPERTIES__ACKS", "all")]));
    assert!(fault.contains("lies inside `kafka.properties`, which is set as a whole"), "{fault}");
}

#[test]
fn secrets_are_masked_wherever_they_could_show() {
    let sources = env(&[
        ("CHURN__KAFKA__PASSWORD", "hunter2"),
        ("CHURN__POSTGRES__URL", "postgres://churn:hunter2@db/churn?sslpassword=hunter2"),
        ("CHURN__POSTGRES__POOL__SPARE", "hunter2"),
        ("CHURN__KAFKA__PROPERTIES", "{ \"sasl.password\" = \"hunter2\", acks = \"all\" }"),
    ]);
    let loaded = load::<Root>(&sources).unwrap();
    assert_eq!(loaded.config.kafka.password.expose(), "hunter2");
    assert_eq!(loaded.config.postgres.pool.spare[0].expose(), "hunter2");
    assert!(loaded.config.postgres.url.expose().contains("hunter2@db"));
    let shown = serde_json::to_string(loaded.show()).unwrap();
    let debug = format!("{loaded:?} {} {}", loaded.config.kafka.password, loaded.config.postgres.url);
    assert!(!shown.contains("hunter2") && !debug.contains("hunter2"), "{shown} {debug}");
    let value = |key: &str| loaded.show().iter().find(|shown| shown.key == key).unwrap().value.clone();
    assert_eq!(value("kafka.password"), json!("***"));
    assert_eq!(value("postgres.url"), json!("postgres://churn:***@db/churn?sslpassword=***"));
    assert_eq!(value("postgres.pool.spare"), json!(["***"]));
    assert_eq!(value("kafka.properties"), json!({ "sasl.password": "***", "acks": "all" }));
}

#[test]
fn secrets_do_not_leak_through_faults() {
    let (_folder, sources) = file(
        "[kafka]\npassword = 82172\nproperties = \"password=hunter2\"\npasswort = \"hunter2\"\n[postgres]\nurl = \"hunter2\"\n[postgres.pool]\nspare = \"hunter2\"\n",
    );
    let sources = sources.with_set("kafka.properties={ \"sasl.password\" = 82172 }").with_set("password=hunter2");
    let listed = faults(&sources).join("\n");
    assert!(!listed.contains("hunter2") && !listed.contains("82172"), "{listed}");
    assert!(listed.contains("`kafka.password`") && listed.contains("\"***\" is not a secret"), "{listed}");
    assert!(listed.contains("there is no \"scheme://\""), "{listed}");
    assert!(listed.contains("is not a table, each value text"), "{listed}");
    assert_eq!(listed.lines().count(), 7, "{listed}");
}

#[test]
fn a_secret_may_live_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        format!("file:{}", path.display())
    };
    let (password, url) = (write("password", "hunter2\n"), write("url", "postgres://a:hunter2@b/c"));
    let sources = env(&[("CHURN__KAFKA__PASSWORD", &password), ("CHURN__POSTGRES__URL", &url)]);
    let loaded = load::<Root>(&sources).unwrap();
    assert_eq!(loaded.config.kafka.password.expose(), "hunter2");
    assert_eq!(loaded.config.postgres.url.expose(), "postgres://a:hunter2@b/c");
    let shown = serde_json::to_string(loaded.show()).unwrap();
    assert!(shown.contains(&password) && !shown.contains("hunter2"), "{shown}");

    let fault = only_fault(&env(&[("CHURN__KAFKA__PASSWORD", "file:/nonexistent/secret")]));
    assert!(fault.contains("cannot read the secret's file /nonexistent/secret"), "{fault}");
    let fault = only_fault(&env(&[("CHURN__KAFKA__PASSWORD", &write("empty", "\n"))]));
    assert!(fault.contains("is empty"), "{fault}");
}

#[test]
fn a_broken_rule_names_the_layer_that_broke_it() {
    let fault = only_fault(&env(&[("CHURN__SINK__ROWS", "0")]));
    assert_eq!(fault, "`sink.rows` (CHURN__SINK__ROWS): must be at least 1");
}

#[test]
fn the_reference_documents_every_key() {
    let reference = reference::<Root>();
    let key = |key: &str| reference.iter().find(|doc| doc.key == key).unwrap();
    let brokers = key("kafka.brokers");
    assert_eq!(brokers.help, "Servers to ask first, separated by commas.");
    assert_eq!((brokers.type_name.as_str(), brokers.default.as_str()), ("text", "\"127.0.0.1:9092\""));
    assert_eq!(key("postgres.pool.size").env, "CHURN__POSTGRES__POOL__SIZE");
    assert_eq!(key("sink.conflict").type_name, "one of \"dead-letter\", \"stop\"");
    assert_eq!(key("sink.conflict").help, "What to do at a conflict.");
    assert_eq!(key("sink.limit").type_name, "a whole number from 0, or nothing");
    assert_eq!(key("sink.bytes").default, "\"4 MiB\"");
    assert!(key("sink.topics").type_name.starts_with("a list, each text"));
    assert!(reference.iter().all(|doc| !doc.help.is_empty()));
    assert_eq!(reference.len(), 17);
}

#[test]
fn shown_values_read_back_as_toml() {
    let sources =
        env(&[("CHURN__SINK__CONSUMER", "a \"quoted\"\nname"), ("CHURN__KAFKA__PROPERTIES", "{ \"a.b\" = \"c\" }")]);
    let loaded = load::<Root>(&sources).unwrap();
    let set = |shown: &&ShownKey| !shown.text().is_empty();
    let text: String = loaded.show().iter().filter(set).map(|s| format!("{} = {}\n", s.key, s.text())).collect();
    let (_folder, again) = file(&text);
    let again = load::<Root>(&again).unwrap();
    let values =
        |loaded: &Loaded<Root>| loaded.show().iter().map(|s| (s.key.clone(), s.value.clone())).collect::<Vec<_>>();
    assert_eq!(values(&again), values(&loaded));
}

#[test]
fn a_secret_on_the_command_line_is_refused_and_not_repeated() {
    for assignment in ["kafka.password=hunter2", "postgres.url=postgres://me:hunter2@db/x"] {
        let fault = only_fault(&Sources::none().with_set(assignment));
        assert!(fault.contains("(--set): is a secret") && !fault.contains("hunter2"), "{fault}");
    }
    let fine = Sources::none().with_set("postgres.url=postgres://me@db/x").with_set("kafka.password=");
    assert_eq!(load::<Root>(&fine).unwrap().config.postgres.url.expose(), "postgres://me@db/x");
}
