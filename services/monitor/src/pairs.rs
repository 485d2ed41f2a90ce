//! Champion against shadow, on the same events.
//!
//! A shadow's scores come on a topic of their own, with the ids of the champion's. A pair is judged when both scores and
//! the outcome are known, in whatever order they come. They wait for each other in two generations of bounded size, as in
//! the join; what is dropped with the older one is not counted, and an outcome that comes later than that judges no pair:
//! a shadow's scores are stored nowhere.
//!
//! Nothing is kept, and nothing is looked up, while there is no shadow.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use churn_domain::{OutcomeBatch, Probability, ScoreBatch, ScoreId};
use churn_drift::performance::{Paired, Said};
use serde::{Deserialize, Serialize};

use crate::join::RandomBits;

type Waiting = HashMap<u128, Known, BuildHasherDefault<RandomBits>>;

/// Shadows that are compared at a time; the one not seen for longest goes first.
const MOST_SHADOWS: usize = 2;
/// Champion's scores without one of a shadow after which the shadow is taken to be gone.
const PATIENCE: u64 = 1_000_000;
/// Ids of one generation, about 70 bytes each: 18 MB a shadow.
const IDS: usize = 1 << 17;

/// One shadow against the champion.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Pair {
    pub(crate) shadow: String,
    pub(crate) champion: String,
    pub(crate) paired: Paired,
    #[serde(skip)]
    young: Waiting,
    #[serde(skip)]
    old: Waiting,
    /// Champion's scores since the last one of the shadow.
    #[serde(skip)]
    unseen: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Known {
    champion: Option<Said>,
    shadow: Option<Said>,
    actual: Option<bool>,
}

/// All shadows.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Pairs(Vec<Pair>);

impl Pairs {
    /// Takes scores of shadows.
    pub(crate) fn shadows(&mut self, batch: &ScoreBatch) {
        for row in 0..batch.len() {
            if let (Some(version), Some(said)) = (batch.model_version.get(row), said(batch, row)) {
                let pair = self.enter(version);
                pair.unseen = 0;
                pair.learn(batch.score_id[row], |known| known.shadow = Some(said));
            }
        }
    }

    /// Takes scores of the champion.
    pub(crate) fn champions(&mut self, batch: &ScoreBatch) {
        for pair in &mut self.0 {
            pair.unseen = pair.unseen.saturating_add(batch.len() as u64);
            if pair.unseen > PATIENCE {
                (pair.young, pair.old) = (Waiting::default(), Waiting::default());
                continue;
            }
            for row in 0..batch.len() {
                let Some((version, said)) = batch.model_version.get(row).zip(said(batch, row)) else { continue };
                // A model that has become the champion, or that a champion has replaced, is compared with nobody.
                if version != pair.shadow {
                    pair.of_champion(version);
                    pair.learn(batch.score_id[row], |known| known.champion = Some(said));
                }
            }
        }
    }

    /// Takes outcomes.
    pub(crate) fn outcomes(&mut self, batch: &OutcomeBatch) {
        if self.0.iter().all(|pair| pair.unseen > PATIENCE) {
            return;
        }
        for (row, &churned) in batch.churned.iter().enumerate() {
            let id = batch.score_id(row);
            for pair in self.0.iter_mut().filter(|pair| pair.unseen <= PATIENCE) {
                // The first truth stands.
                pair.learn(id, |known| known.actual = known.actual.or(Some(churned)));
            }
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Pair> {
        self.0.iter()
    }

    fn enter(&mut self, shadow: &str) -> &mut Pair {
        let at = match self.0.iter().position(|pair| pair.shadow == shadow) {
            Some(at) => at,
            None => {
                if self.0.len() >= MOST_SHADOWS {
                    let longest = (0..self.0.len()).max_by_key(|&at| self.0[at].unseen).unwrap_or_default();
                    self.0.swap_remove(longest);
                }
                self.0.push(Pair::new(shadow));
                self.0.len() - 1
            }
        };
        &mut self.0[at]
    }
}

impl Pair {
    fn new(shadow: &str) -> Self {
        Self {
            shadow: shadow.to_owned(),
            champion: String::new(),
            paired: Paired::default(),
            young: Waiting::default(),
            old: Waiting::default(),
            unseen: 0,
        }
    }

    /// Another champion is another comparison: what the one before said and was not judged on yet is none of it.
    fn of_champion(&mut self, version: &str) {
        if self.champion != version {
            version.clone_into(&mut self.champion);
            self.paired = Paired::default();
            let waiting = self.young.values_mut().chain(self.old.values_mut());
            waiting.filter(|known| known.complete().is_none()).for_each(|known| known.champion = None);
        }
    }

    fn learn(&mut self, id: ScoreId, what: impl Fn(&mut Known)) {
        let id = id.bits();
        let found = match self.young.contains_key(&id) {
            true => self.young.get_mut(&id),
            false => self.old.get_mut(&id),
        };
        let Some(known) = found else {
            if self.young.len() >= IDS {
                self.old = std::mem::take(&mut self.young);
            }
            let mut known = Known::default();
            what(&mut known);
            self.young.insert(id, known);
            return;
        };
        let before = known.complete().is_some();
        what(known);
        // A record that comes again completes nothing.
        if let Some((champion, shadow, actual)) = known.complete().filter(|_| !before) {
            self.paired.add(champion, shadow, actual);
        }
    }
}

impl Known {
    fn complete(&self) -> Option<(Said, Said, bool)> {
        Some((self.champion?, self.shadow?, self.actual?))
    }
}

fn said(batch: &ScoreBatch, row: usize) -> Option<Said> {
    Some((Probability::new(batch.probability[row]).ok()?, batch.label[row]))
}
