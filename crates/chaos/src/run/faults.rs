//! Carries out one fault of the plan.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::{Away, Run, TICK};
use crate::flow::FaultId;
use crate::plan::{Fault, Server, Target};
use crate::topics::poison;

impl Run<'_> {
    pub(super) async fn inject(&mut self, fault: Fault) -> Result<()> {
        // These take as long as the broker keeps them waiting, and nobody would wake it meanwhile.
        if let Fault::Restart(_) | Fault::Remove(_) | Fault::Promote = fault
            && self.away.iter().any(|away| away.stalled)
        {
            self.bring_back(Server::Kafka).await?;
        }
        // Last: callers that were told to wait must not find the api there before the fault hits it.
        if let Fault::Kill(target) | Fault::Restart(target) | Fault::Pause(target, _) = fault {
            self.prepare(target).await?;
        }
        let id = self.watch.begin(&fault.to_string(), fault.stops_flow());
        if !self.strike(fault, id).await? {
            self.watch.end(id);
        }
        Ok(())
    }

    /// Whether it lasts, and ends when its time is over.
    async fn strike(&mut self, fault: Fault, id: FaultId) -> Result<bool> {
        match fault {
            Fault::KillServer(server, time) => return self.kill_server(server, time, id).await,
            Fault::StallBroker(time) => return self.stall_broker(time, id),
            Fault::Pause(target, time) => {
                let paused =
                    self.stack.part(target).map(|part| part.pause(time).map(|()| part.number())).transpose()?;
                self.watch.hold(id, paused.into_iter().collect());
                return Ok(true);
            }
            Fault::FullQueue(time) => {
                let sinks = self.stack.parts().iter_mut().filter(|part| part.is(Target::Sink(0)));
                let paused = sinks.map(|part| part.pause(time).map(|()| part.number())).collect::<Result<_>>()?;
                self.watch.hold(id, paused);
                return Ok(true);
            }
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
            Fault::Add(target) => drop(self.stack.add(target)?),
            Fault::Remove(target) => {
                let ended = self.stack.remove(target).await?;
                self.note(ended);
            }
            // A server that is away has no connections.
            Fault::EndBackends if self.is_away(Server::Postgres) => {}
            Fault::EndBackends => self.stack.end_backends().await?,
            Fault::Poison(topic, records) => {
                self.bring_back(Server::Kafka).await?;
                let (topic, salt) = (self.stack.poisoned(topic), self.poison.len());
                self.poison.extend(poison(self.stack.bootstrap(), &topic, records, salt).await?);
            }
            Fault::Promote => self.promote().await?,
        }
        Ok(false)
    }

    pub(super) fn is_away(&self, server: Server) -> bool {
        self.away.iter().any(|away| away.server == server)
    }

    async fn kill_server(&mut self, server: Server, time: Duration, fault: FaultId) -> Result<bool> {
        if self.is_away(server) {
            return Ok(false);
        }
        self.stack.kill_server(server).await?;
        self.away.push(Away { server, fault, until: Instant::now() + time, stalled: false });
        Ok(true)
    }

    fn stall_broker(&mut self, time: Duration, fault: FaultId) -> Result<bool> {
        if self.is_away(Server::Kafka) {
            return Ok(false);
        }
        self.stack.stall_broker()?;
        self.away.push(Away { server: Server::Kafka, fault, until: Instant::now() + time, stalled: true });
        Ok(true)
    }

    async fn bring_back(&mut self, server: Server) -> Result<()> {
        while self.is_away(server) {
            self.pass(TICK).await?;
        }
        Ok(())
    }
}
