//! `churn demo`: every part in one process, on a broker and a Postgres of its own, shown live and audited at the end.

mod audit;
mod live;
mod report;
mod servers;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use churn_monitor::MonitorHandle;
use churn_runtime::CancellationToken;
use churn_runtime::clock::Stopwatch;
use churn_runtime::config::{HumanDuration, Origin};
use churn_runtime::exit::Ending;
use churn_runtime::shutdown::Shutdown;
use churn_runtime::{http, telemetry};

use churn_synthesizer::Source;

use crate::app::{App, Flag, Shared};
use crate::cli::{self, Global};
use crate::commands::{admin, setup};
use crate::parts::{Platform, Running};
use crate::bootstrap;

use live::{Live, Watched};
use report::{LiveModel, Report};
use servers::Servers;

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
    let shared = Shared::new();
    let registry = app.registry()?;
    let bar = bootstrap::progress_bar();
    let (servers, (generator, champion)) = tokio::try_join!(Servers::start(&app, &shared), async {
        let generator = bootstrap::generator(&registry, app.config(), &bar).await?;
        bootstrap::model(&registry, app.config(), &bar).await?;
        bar.finish_and_clear();
        anyhow::Ok(generator)
    })?;
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
    let demo = Demo { platform, source: Source { generator: Arc::new(generator), version: champion.version.to_string() }, shutdown, duration, grace: app.grace(), setup_started };
    let result = demo.stream(&servers).await;
    let report = servers.stop().await.and(result)?;
    finish(&app, &args, &report)
}

struct Demo {
    platform: Platform,
    source: Source,
    shutdown: Shutdown,
    duration: Option<Duration>,
    grace: Duration,
    setup_started: Stopwatch,
}

impl Demo {
    async fn stream(self, servers: &Servers) -> anyhow::Result<Report> {
        let (produce, consume, serve) = (CancellationToken::new(), CancellationToken::new(), CancellationToken::new());
        let platform = &self.platform;
        platform.watch_models(&consume).await?;
        // Consumers first: the embedded broker keeps records only for those that are there.
        let mut consumers = Running::default();
        consumers.spawn("sink", platform.sink().await?.run(consume.clone()));
        consumers.spawn("scorer", platform.scorer().await?.run(consume.clone()));
        let monitor = platform.monitor().await?;
        let watched = monitor.handle();
        consumers.spawn("monitor", monitor.run(consume.clone()));
        let server = self.serve(&serve).await?;
        let mut producers = Running::default();
        let synthesizer = platform.synthesizer(self.source.clone()).await?;
        producers.spawn("synthesizer", synthesizer.run(produce.clone()));

        let mut clock = Clock { setup: self.setup_started, streaming: Stopwatch::start(), first_row: None };
        self.watch(&mut clock, &watched, &mut consumers, &mut producers).await?;
        produce.cancel();
        let streamed = self.drain(&mut clock, &mut consumers, &mut producers).await?;
        consume.cancel();
        tokio::time::timeout(self.grace, consumers.all()).await.context("the parts did not stop in time (grace)")??;
        let outcome = audit::run(servers, platform, streamed, clock.first_row, &watched).await;
        server.stop(Duration::from_secs(1)).await.context("stop the HTTP server")?;
        outcome
    }

    async fn serve(&self, close: &CancellationToken) -> anyhow::Result<http::RunningServer> {
        let api = self.platform.api(Some(self.source.generator.clone()));
        let server = admin::serve("demo", &self.platform.config, &self.platform.shared, api, close).await?;
        println!("serving http://{0}/docs, /metrics, /v1/status; Ctrl-C drains and ends", server.local_addr());
        Ok(server)
    }

    /// Draws until the duration is over, the user stops the run, or a part ends by itself.
    async fn watch(
        &self,
        clock: &mut Clock,
        monitor: &MonitorHandle,
        consumers: &mut Running,
        producers: &mut Running,
    ) -> anyhow::Result<()> {
        let mut live = Live::new(telemetry::stdout_is_terminal());
        let mut draw = tokio::time::interval(live.interval());
        let mut look = tokio::time::interval(Duration::from_millis(20));
        let over = async {
            match self.duration {
                Some(duration) => tokio::time::sleep(duration).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(over);
        loop {
            tokio::select! {
                _ = draw.tick() => self.draw(&mut live, clock, monitor)?,
                _ = look.tick(), if clock.first_row.is_none() => clock.look(&self.platform.shared),
                () = &mut over => return Ok(()),
                () = self.shutdown.requested() => return Ok(()),
                ended = consumers.next() => bail!("the {} ended before its time", ended?),
                ended = producers.next() => bail!("the {} ended before its time", ended?),
            }
        }
    }

    fn draw(&self, live: &mut Live, clock: &Clock, monitor: &MonitorHandle) -> anyhow::Result<()> {
        let state = monitor.snapshot();
        let watched = Watched {
            model: live_model(&state),
            drifted: state.drifted_features(),
            resident_bytes: churn_runtime::metrics::process::memory().map(|memory| memory.resident),
        };
        live.draw(clock.streaming.seconds(), &self.platform.shared.progress, &watched).context("draw")
    }

    /// Waits until everything that was produced is scored and stored, and says how many seconds after the start that was.
    async fn drain(&self, clock: &mut Clock, consumers: &mut Running, producers: &mut Running) -> anyhow::Result<f64> {
        let topics = self.platform.cluster.topics().clone();
        let progress = &self.platform.shared.progress;
        let drained = async {
            let produced = clock.streaming;
            tokio::select! {
                result = producers.all() => result?,
                ended = consumers.next() => bail!("the {} ended before its time", ended?),
            }
            let rows = [topics.events.as_str(), &topics.scores];
            while !progress.drained(&rows) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let seconds = produced.seconds();
            while !progress.drained(&[&topics.outcomes]) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Ok(seconds)
        };
        let patience = self.grace + self.platform.config.synthesizer.outcome_delay.get();
        tokio::time::timeout(patience, drained).await.context("the stream did not drain in time (grace)")?
    }
}

/// When things happened.
struct Clock {
    setup: Stopwatch,
    streaming: Stopwatch,
    first_row: Option<f64>,
}

impl Clock {
    fn look(&mut self, shared: &Shared) {
        if shared.progress.stage("sink").snapshot().durable > 0 {
            self.first_row = Some(self.setup.seconds());
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
