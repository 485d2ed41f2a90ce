//! `churn demo`: every part in one process, on a broker and a Postgres of its own, shown live and audited at the end.

mod audit;
mod closed_loop;
mod live;
mod pace;
mod report;
mod servers;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use axum::Router;
use churn_monitor::MonitorHandle;
use churn_registry::{Champion, Kind, RegistryError};
use churn_runtime::CancellationToken;
use churn_runtime::clock::{Stopwatch, now_ms};
use churn_runtime::config::{HumanDuration, Origin};
use churn_runtime::exit::Ending;
use churn_runtime::shutdown::Shutdown;
use churn_runtime::{http, telemetry};

use churn_synthesizer::Source;

use crate::app::{App, Flag, Shared};
use crate::bootstrap;
use crate::cli::{self, Global};
use crate::commands::{admin, setup};
use crate::parts::{Platform, Running};
use crate::say;

use closed_loop::ClosedLoop;
use live::{Live, Watched};
use report::{LiveModel, Report};
use servers::Servers;

/// How often the stored rows are looked at: the grain of the times in the report.
const LOOK: Duration = Duration::from_millis(20);
/// How long the last spans may take to reach a collector.
const LAST_SPANS: Duration = Duration::from_secs(1);

/// Loads the configuration for the demo, which keeps the terminal to itself: only warnings are logged unless told otherwise, and
/// the HTTP server takes a free port.
///
/// # Errors
/// Every fault of the configuration at once.
pub(crate) fn app(global: &Global, flags: Vec<Flag>) -> anyhow::Result<App> {
    App::start_with(global, flags, |loaded| {
        let untouched = |key| loaded.origin(key) == Some(&Origin::Default);
        let (level, listen) = (untouched("log.level"), untouched("http.listen"));
        if level {
            loaded.config.log.level = "warn".into();
        }
        if listen {
            loaded.config.http.listen.set_port(0);
        }
        pace::quicken(loaded);
    })
}

/// Runs the demo until its duration is over or the user stops it.
///
/// # Errors
/// A server cannot be started, a part failed, or the audit found a lost or doubled row.
pub(crate) async fn run(app: App, args: cli::Demo) -> anyhow::Result<()> {
    let duration = args.duration.as_deref().map(str::parse::<HumanDuration>).transpose();
    let duration = duration.map_err(Ending::usage).context("--duration")?.map(|duration| duration.get());
    let shutdown = Shutdown::install().context("listen for signals")?;
    let mut shared = Shared::new();
    shared.trace(app.config())?;
    let registry = app.registry().await?;
    say::note("starting the servers, and fitting a generator and a first model where there are none");
    let bar = bootstrap::progress_bar();
    let (servers, (generator, champion)) = tokio::try_join!(Servers::start(&app, &shared), async {
        let generator = bootstrap::generator(&registry, app.config(), &bar).await?;
        bootstrap::model(&registry, app.config(), &bar).await?;
        bar.finish_and_clear();
        anyhow::Ok(generator)
    })?;
    let before = registry.champion(Kind::Model).await.map_err(Ending::of).context("look up the champion")?;
    let setup_started = Stopwatch::start();
    setup::database(app.config(), &servers.store).await?;
    let platform = Platform {
        config: servers.demo_config(app.config()),
        cluster: servers.cluster.clone(),
        schemas: servers.schemas.clone(),
        registry,
        models: Default::default(),
        shared,
    };
    let demo = Demo {
        quiet: app.json,
        source: Source {
            generator: Arc::new(generator),
            version: champion.version.to_string(),
            generators: Arc::new(bootstrap::RegistryGenerators(app.registry().await?)),
            scenarios: platform.shared.scenarios.clone(),
        },
        champion: before,
        platform,
        shutdown,
        duration,
        grace: app.grace(),
        setup_started,
    };
    let result = demo.stream(&servers).await;
    let report = servers.stop().await.and(result)?;
    finish(&app, &args, &report)
}

struct Demo {
    /// The answer will be JSON: nothing else goes to standard output.
    quiet: bool,
    platform: Platform,
    source: Source,
    /// The champion model before the demo.
    champion: Option<Champion>,
    shutdown: Shutdown,
    duration: Option<Duration>,
    grace: Duration,
    setup_started: Stopwatch,
}

impl Demo {
    async fn stream(self, servers: &Servers) -> anyhow::Result<Report> {
        let (produce, consume, serve) = (CancellationToken::new(), CancellationToken::new(), CancellationToken::new());
        let platform = &self.platform;
        platform.watch_models(true, &consume).await?;
        // Consumers first: the embedded broker keeps records only for those that are there.
        let mut consumers = Running::default();
        let sink = platform.sink(&consume).await?.context("the demo was stopped before it began")?;
        consumers.spawn("sink", sink.run(consume.clone()));
        consumers.spawn("scorer", platform.scorer().await?.run(consume.clone()));
        let monitor = platform.monitor().await?;
        let watched = monitor.handle();
        consumers.spawn("monitor", monitor.run(consume.clone()));
        let trainer = platform.trainer(&consume).await?;
        let (trained, routes) = (trainer.handle(), trainer.routes());
        consumers.spawn("trainer", trainer.run(consume.clone()));
        let server = self.serve(routes, &serve).await?;
        say::note(&servers.places());
        let mut producers = Running::default();
        let synthesizer = platform.synthesizer(self.source.clone()).await?;
        producers.spawn("synthesizer", synthesizer.run(produce.clone()));

        let mut clock = Clock::start(self.setup_started);
        let (slot, scenarios) = (platform.models.clone(), platform.shared.scenarios.clone());
        let mut closed_loop = ClosedLoop::new(trained, slot, scenarios, now_ms());
        self.watch(&mut clock, &watched, &mut closed_loop, &mut consumers, &mut producers).await?;
        produce.cancel();
        self.drain(&mut clock, &mut consumers, &mut producers).await?;
        consume.cancel();
        tokio::time::timeout(self.grace, consumers.all()).await.context("the parts did not stop in time (grace)")??;
        closed_loop.look(&watched.snapshot(), now_ms());
        platform.shared.traces.flush(LAST_SPANS).await;
        let outcome = audit::run(servers, platform, &clock, &watched, closed_loop.steps).await;
        self.leave_as_found().await?;
        server.stop(Duration::from_secs(1)).await.context("stop the HTTP server")?;
        outcome
    }

    /// What a model has learned from the demo's stream is of no use after it: the champion from before returns.
    async fn leave_as_found(&self) -> anyhow::Result<()> {
        let registry = &self.platform.registry;
        let Some(before) = &self.champion else { return Ok(()) };
        let now = registry.champion(Kind::Model).await.map_err(Ending::of).context("look up the champion")?;
        let Some(now) = now.filter(|now| now.version != before.version) else { return Ok(()) };
        let reason = "the demo's stream has ended";
        let returned = registry.roll_back(&now, Some(before.version), "churn demo", reason, now_ms()).await;
        match returned {
            // Somebody else has promoted meanwhile.
            Ok(_) | Err(RegistryError::Overtaken { .. }) => Ok(()),
            Err(error) => Err(Ending::of(error)).context("return to the champion from before the demo"),
        }
    }

    async fn serve(&self, retrain: Router, close: &CancellationToken) -> anyhow::Result<http::RunningServer> {
        let api = self.platform.api(Some(self.source.generator.clone()));
        let api = api.merge(self.source.scenarios.routes()).merge(retrain);
        let server = admin::serve("demo", &self.platform.config, &self.platform.shared, api, close).await?;
        say::note(&format!(
            "serving http://{0}/docs, /metrics, /v1/status; Ctrl-C drains and ends",
            server.local_addr()
        ));
        Ok(server)
    }

    /// Draws until the duration is over, the user stops the run, or a part ends by itself.
    async fn watch(
        &self,
        clock: &mut Clock,
        monitor: &MonitorHandle,
        closed_loop: &mut ClosedLoop,
        consumers: &mut Running,
        producers: &mut Running,
    ) -> anyhow::Result<()> {
        let mut live = Live::new(telemetry::stdout_is_terminal());
        let mut draw = tokio::time::interval(live.interval());
        let mut look = tokio::time::interval(LOOK);
        let over = async {
            match self.duration {
                Some(duration) => tokio::time::sleep(duration).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(over);
        loop {
            tokio::select! {
                _ = draw.tick(), if !self.quiet => {
                    // Nobody reads on, as behind `| head`: over, as by Ctrl-C.
                    if !self.draw(&mut live, clock, monitor)? {
                        return Ok(());
                    }
                }
                _ = look.tick() => {
                    clock.look(&self.platform.shared);
                    let new = closed_loop.look(&monitor.snapshot(), now_ms());
                    let steps = &closed_loop.steps[closed_loop.steps.len() - new..];
                    if !self.quiet {
                        for step in steps {
                            if !live.note(&step.to_string()).context("draw")? {
                                return Ok(());
                            }
                        }
                    }
                }
                () = &mut over => return Ok(()),
                () = self.shutdown.requested() => return Ok(()),
                ended = consumers.next() => bail!("the {} ended before its time", ended?),
                ended = producers.next() => bail!("the {} ended before its time", ended?),
            }
        }
    }

    fn draw(&self, live: &mut Live, clock: &Clock, monitor: &MonitorHandle) -> anyhow::Result<bool> {
        let state = monitor.snapshot();
        let watched = Watched {
            model: live_model(&state),
            drifted: state.drifted_features(),
            resident_bytes: churn_runtime::metrics::process::memory().map(|memory| memory.resident),
        };
        live.draw(clock.streaming.seconds(), &self.platform.shared.progress, &watched).context("draw")
    }

    /// Waits until everything that was produced is scored and stored.
    async fn drain(&self, clock: &mut Clock, consumers: &mut Running, producers: &mut Running) -> anyhow::Result<()> {
        let topics = self.platform.cluster.topics();
        let all = [topics.events.as_str(), &topics.scores, &topics.outcomes];
        let mut look = tokio::time::interval(LOOK);
        let drained = async {
            let mut producing = true;
            loop {
                tokio::select! {
                    result = producers.all(), if producing => {
                        result?;
                        producing = false;
                    }
                    ended = consumers.next() => bail!("the {} ended before its time", ended?),
                    _ = look.tick() => clock.look(&self.platform.shared),
                }
                if !producing && self.platform.shared.progress.drained(&all) {
                    clock.look(&self.platform.shared);
                    return Ok(());
                }
            }
        };
        let patience = self.grace + self.platform.config.synthesizer.outcome_delay.get();
        tokio::time::timeout(patience, drained).await.context("the stream did not drain in time (grace)")?
    }
}

/// When rows were stored, as far as looking now and then tells.
struct Clock {
    setup: Stopwatch,
    streaming: Stopwatch,
    rows: u64,
    first_row: Option<f64>,
    last_row: f64,
}

impl Clock {
    fn start(setup: Stopwatch) -> Self {
        Self { setup, streaming: Stopwatch::start(), rows: 0, first_row: None, last_row: 0.0 }
    }

    fn look(&mut self, shared: &Shared) {
        let rows = shared.progress.stage("sink").snapshot().durable;
        if rows > self.rows {
            self.first_row.get_or_insert_with(|| self.setup.seconds());
            (self.rows, self.last_row) = (rows, self.streaming.seconds());
        }
    }
}

fn live_model(state: &churn_monitor::MonitorSnapshot) -> LiveModel {
    state.current().map_or_else(LiveModel::default, |model| LiveModel {
        version: model.version.clone(),
        auc: model.auc,
        log_loss: model.log_loss,
    })
}

fn finish(app: &App, args: &cli::Demo, report: &Report) -> anyhow::Result<()> {
    if let Some(path) = &args.report {
        let json = serde_json::to_vec_pretty(report).context("write the report")?;
        std::fs::write(path, json).map_err(Ending::data).with_context(|| format!("write {}", path.display()))?;
    }
    app.answer(report, |report| format!("\n{report}"))?;
    let violations = report.violations();
    if violations.is_empty() { Ok(()) } else { bail!("the audit failed: {}", violations.join("; ")) }
}
