//! Carries out one fault of the plan.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use churn_registry::{Kind, RegistryError, Version};

use super::versions::promotion;
use super::{Away, Run, TICK};
use crate::plan::{Fault, Server, Target};
use crate::topics::poison;

impl Run<'_> {
    pub(super) async fn inject(&mut self, fault: Fault) -> Result<()> {
        if let Fault::Kill(target) | Fault::Restart(target) | Fault::Pause(target, _) = fault {
            self.prepare(target).await?;
        }
        // To end in order takes a part as long as its broker keeps it waiting, and nobody would wake the broker meanwhile.
        if let Fault::Restart(_) | Fault::Remove(_) = fault
            && self.away.iter().any(|away| away.stalled)
        {
            self.bring_back(Server::Kafka).await?;
        }
        match fault {
            Fault::Kill(target) => {
                if let Some(part) = self.stack.part(target) {
                    part.kill()?;
                }
            }
            Fault::Restart(target) => {
                if let Some(part) = self.stack.part(target) {
                    let ended = part.restart().await?;
                    self.note(ended);
                }
            }
            Fault::Pause(target, time) => {
                if let Some(part) = self.stack.part(target) {
                    part.pause(time)?;
                }
            }
            Fault::Add(target) => {
                self.stack.add(target)?;
            }
            Fault::Remove(target) => {
                let ended = self.stack.remove(target).await?;
                self.note(ended);
            }
            Fault::KillServer(server, time) => self.kill_server(server, time).await?,
            Fault::StallBroker(time) => self.stall_broker(time)?,
            // A server that is away has no connections.
            Fault::EndBackends if self.is_away(Server::Postgres) => {}
            Fault::EndBackends => self.stack.end_backends().await?,
            Fault::FullQueue(time) => {
                for part in self.stack.parts().iter_mut().filter(|part| part.is(Target::Sink(0))) {
                    part.pause(time)?;
                }
            }
            Fault::Poison(topic, records) => {
                self.bring_back(Server::Kafka).await?;
                let (topic, salt) = (self.stack.poisoned(topic), self.poison.len());
                self.poison.extend(poison(self.stack.bootstrap(), &topic, records, salt).await?);
            }
            Fault::Promote => self.promote().await?,
        }
        Ok(())
    }

    pub(super) fn is_away(&self, server: Server) -> bool {
        self.away.iter().any(|away| away.server == server)
    }

    async fn kill_server(&mut self, server: Server, time: Duration) -> Result<()> {
        if !self.is_away(server) {
            self.stack.kill_server(server).await?;
            self.away.push(Away { server, until: Instant::now() + time, stalled: false });
        }
        Ok(())
    }

    fn stall_broker(&mut self, time: Duration) -> Result<()> {
        if !self.is_away(Server::Kafka) {
            self.stack.stall_broker()?;
            self.away.push(Away { server: Server::Kafka, until: Instant::now() + time, stalled: true });
        }
        Ok(())
    }

    async fn bring_back(&mut self, server: Server) -> Result<()> {
        while self.is_away(server) {
            self.pass(TICK).await?;
        }
        Ok(())
    }

    async fn promote(&mut self) -> Result<()> {
        let registry = self.stack.registry()?;
        self.promotions += 1;
        loop {
            let champion = registry.champion(Kind::Model).await?.context("there is no champion")?;
            let others: Vec<Version> = self.versions.iter().copied().filter(|v| *v != champion.version).collect();
            let version = others[self.promotions % others.len()];
            match registry.promote(&promotion(version), Some(&champion)).await {
                // The trainer promoted one at this moment.
                Err(RegistryError::Overtaken { .. }) => {}
                done => return done.map(drop).map_err(Into::into),
            }
        }
    }
}
