//! `churn model`: what the registry holds, and which of it is in use.

mod compare;
mod list;
mod mirror;
mod pointer;
mod sweep;

use anyhow::Context;
use churn_registry::{Champion, Kind, Registry, Version};
use churn_runtime::exit::Ending;
use clap::{Args, Subcommand, ValueEnum};

use crate::app::App;
use crate::cli::{ModelExport, ModelReport};

/// What to do with the versions of the registry.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum Model {
    /// Lists the versions and which of them is the champion; a version that is corrupt is listed with what is wrong.
    List(Of),
    /// Loads one version, checks every hash and signature, and shows what it says of itself.
    Show {
        /// The version, such as v3; the champion without it.
        version: Option<String>,
        #[command(flatten)]
        of: Of,
    },
    /// Shows in what two versions differ: parameters, lineage, metrics, decision, files.
    Diff {
        /// One version.
        from: String,
        /// The other; the champion without it.
        to: Option<String>,
        #[command(flatten)]
        of: Of,
    },
    /// Writes what a model is good for as one HTML file with pictures.
    Report(ModelReport),
    /// Writes a model in the format of another program.
    Export(ModelExport),
    /// Makes a version the champion that the promotion gate has let pass.
    Promote {
        /// The version.
        version: String,
        /// Promotes it whatever the gate said, for this reason, which is recorded.
        #[arg(long = "override", value_name = "REASON")]
        overridden: Option<String>,
        #[command(flatten)]
        of: Of,
    },
    /// Makes the champion before this one the champion again.
    Rollback {
        /// A certain former champion.
        #[arg(long, value_name = "VERSION")]
        to: Option<String>,
        /// Why; recorded.
        #[arg(long, default_value = "asked for by the operator")]
        reason: String,
        #[command(flatten)]
        of: Of,
    },
    /// Brings MLflow (mlflow.url) up to date: a run and a model version for each version, aliases for champion and challenger.
    Mirror {
        /// Goes on until stopped, every mlflow.interval.
        #[arg(long)]
        follow: bool,
    },
    /// Deletes versions that nobody needs; the champion always stays, and no number is ever used again.
    Gc {
        /// Keeps so many of the newest versions.
        #[arg(long, default_value_t = 10)]
        keep: usize,
        /// Keeps so many former champions, to which one can roll back.
        #[arg(long, default_value_t = 5)]
        keep_former: usize,
        /// Keeps this version too, such as one in shadow; may be repeated.
        #[arg(long, value_name = "VERSION")]
        keep_version: Vec<String>,
        /// Says what would be deleted.
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        of: Of,
    },
}

/// Of which kind the versions are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Args)]
pub(crate) struct Of {
    /// What kind of versions.
    #[arg(long, value_enum, default_value_t = KindName::Model)]
    kind: KindName,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum KindName {
    Model,
    Generator,
}

impl From<Of> for Kind {
    fn from(of: Of) -> Self {
        match of.kind {
            KindName::Model => Self::Model,
            KindName::Generator => Self::Generator,
        }
    }
}

pub(super) async fn run(app: &App, command: Model) -> anyhow::Result<()> {
    let registry = app.registry().await?;
    match command {
        Model::Report(args) => super::model_report::run(app, &args).await,
        Model::Export(args) => super::model_export::run(app, &args).await,
        Model::List(of) => list::list(app, &registry, of.into()).await,
        Model::Show { version, of } => list::show(app, &registry, of.into(), version.as_deref()).await,
        Model::Diff { from, to, of } => compare::diff(app, &registry, of.into(), &from, to.as_deref()).await,
        Model::Promote { version, overridden, of } => {
            pointer::promote(app, &registry, of.into(), &version, overridden).await
        }
        Model::Rollback { to, reason, of } => {
            pointer::roll_back(app, &registry, of.into(), to.as_deref(), &reason).await
        }
        Model::Mirror { follow } => mirror::mirror(app, registry, follow).await,
        Model::Gc { keep, keep_former, keep_version, dry_run, of } => {
            let versions = keep_version.iter().map(|text| version(text)).collect::<anyhow::Result<_>>()?;
            let keep = churn_registry::Keep { newest: keep, former: keep_former, versions };
            sweep::sweep(app, &registry, of.into(), &keep, dry_run).await
        }
    }
}

fn version(text: &str) -> anyhow::Result<Version> {
    Ok(text.parse::<Version>().map_err(Ending::usage)?)
}

async fn champion(registry: &Registry, kind: Kind) -> anyhow::Result<Champion> {
    let champion = registry.champion(kind).await.map_err(Ending::of).context("look up the champion")?;
    champion.with_context(|| format!("{} has no {kind} in use yet; `churn setup` makes the first", registry.place()))
}

async fn version_or_champion(registry: &Registry, kind: Kind, text: Option<&str>) -> anyhow::Result<Version> {
    match text {
        Some(text) => version(text),
        None => Ok(champion(registry, kind).await?.version),
    }
}

/// Who acts, as the pointer remembers it.
fn operator(command: &str) -> String {
    let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
    user.map_or_else(|_| command.to_owned(), |user| format!("{command} by {user}"))
}
