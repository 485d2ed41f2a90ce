//! Which strata and which stretches what is given leaves, and by which rule it leaves none.

use churn_domain::{FEATURE_COUNT, FEATURES, LABEL};

use super::ConditionError;
use super::fixed::Fixed;
use crate::constraint::Bounds;
use crate::generator::Generator;
use crate::roles::roles;
use crate::row::dollars;
use crate::stratum::Copula;

/// What is known of one latent number, in the order of drawing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Step {
    /// It lies between these.
    Stretch(f64, f64),
    /// Nothing, but a later step needs it.
    Free,
    /// It gives this monthly charge, in cents.
    Monthly(i64),
    /// It gives this total, in cents.
    Total(i64),
}

/// A stratum and the steps through its given latent numbers.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) stratum: usize,
    /// Place among the stratum's columns, and what is known.
    pub(super) steps: Vec<(usize, Step)>,
}

/// A standard normal number that is as good as infinite.
const FAR: f64 = 8.5;

/// All plans, those of a stratum together and with their columns in one order, and what to say if none of them can be.
pub(super) fn plans(generator: &Generator, fixed: &Fixed) -> Result<(Vec<Plan>, String), ConditionError> {
    let strata = possible_strata(generator, fixed)?;
    let mut plans = Vec::new();
    let (mut monthly, mut total) = (None, None);
    for stratum in strata {
        let planner = Planner { generator, fixed, copula: &generator.strata[stratum], stratum };
        let (extras, reach) = planner.extras();
        monthly = join(monthly, reach);
        let (tenures, reach) = planner.tenures();
        total = join(total, reach);
        for extras in &extras {
            plans.extend(tenures.iter().map(|tenure| planner.plan(extras, *tenure)));
        }
    }
    let refusal = match (fixed.monthly, monthly, fixed.total, total) {
        (Some(wanted), Some(reach), _, _) if plans.is_empty() || fixed.total.is_none() => format!(
            "monthly_charges follow the services, and none that fit the rest cost {}; they cost {} to {}",
            dollars(wanted),
            dollars(reach.min),
            dollars(reach.max)
        ),
        (_, _, Some(wanted), Some(reach)) => format!(
            "total_charges follow tenure × monthly_charges, and nobody who fits the rest has paid {}; they have paid {} to {}",
            dollars(wanted),
            dollars(reach.min),
            dollars(reach.max)
        ),
        _ => "what is given has no probability together".into(),
    };
    Ok((plans, refusal))
}

fn join(left: Option<Bounds<i64>>, right: Option<Bounds<i64>>) -> Option<Bounds<i64>> {
    Bounds::around([left, right].into_iter().flatten().flat_map(|bounds| [bounds.min, bounds.max]))
}

/// Strata that have the given label and codes; the error names what leaves none.
fn possible_strata(generator: &Generator, fixed: &Fixed) -> Result<Vec<usize>, ConditionError> {
    let roles = roles();
    let mut strata: Vec<usize> = (0..generator.strata.len()).collect();
    let mut keep = |reason: String, fits: &dyn Fn(&Copula) -> bool| {
        strata.retain(|&stratum| fits(&generator.strata[stratum]));
        if strata.is_empty() { Err(ConditionError::Impossible(reason)) } else { Ok(()) }
    };
    let word = |feature: usize| {
        let code = fixed.codes[feature].unwrap_or_default();
        let words = FEATURES[feature].categories();
        let word = words.get(usize::from(code)).map_or_else(|| code.to_string(), |word| (*word).to_owned());
        format!("{} {word}", FEATURES[feature].name)
    };
    if let Some(churned) = fixed.churned {
        let word = if churned { "Yes" } else { "No" };
        keep(format!("no real customer has {LABEL} {word}"), &|copula| copula.churned == churned)?;
    }
    // Services first: they say which other columns are free.
    let order = [roles.phone, roles.internet]
        .into_iter()
        .chain((0..FEATURE_COUNT).filter(|&feature| feature != roles.phone && feature != roles.internet));
    for feature in order {
        if let Some(code) = fixed.codes[feature] {
            let reason = format!("no real customer with the rest has {}", word(feature));
            keep(reason, &|copula| match place(copula, feature) {
                Some(at) => copula.codes[at].1.stretch(code).is_some(),
                None => copula.shared[feature] == code,
            })?;
        }
    }
    if let Some(tenure) = fixed.tenure {
        let months = generator.strata.iter().flat_map(|copula| copula.tenure.values().iter().copied());
        let range =
            Bounds::around(months).map_or_else(String::new, |all| format!("; they have {} to {}", all.min, all.max));
        let reason = format!("no real customer with the rest has a tenure of {tenure} months{range}");
        keep(reason, &|copula| copula.tenure.stretch(tenure).is_some())?;
    }
    Ok(strata)
}

/// Place of a free feature among the stratum's columns.
fn place(copula: &Copula, feature: usize) -> Option<usize> {
    copula.codes.iter().position(|(column, _)| *column == feature)
}

struct Planner<'a> {
    generator: &'a Generator,
    fixed: &'a Fixed,
    copula: &'a Copula,
    stratum: usize,
}

/// Codes of the extras that are not given, by place among the stratum's columns.
type Extras = Vec<(usize, Option<u16>)>;

impl Planner<'_> {
    fn needs_amounts(&self) -> bool {
        self.fixed.monthly.is_some() || self.fixed.total.is_some()
    }

    /// The combinations of extras that can cost the given monthly charge, with the range of what all of them cost; one
    /// that leaves them open where no charge is given.
    fn extras(&self) -> (Vec<Extras>, Option<Bounds<i64>>) {
        let open: Vec<usize> = roles()
            .extras()
            .filter(|&extra| self.fixed.codes[extra].is_none())
            .filter_map(|extra| place(self.copula, extra))
            .collect();
        let Some(monthly) = self.fixed.monthly else {
            let open = if self.needs_amounts() { open } else { Vec::new() };
            return (vec![open.into_iter().map(|at| (at, None)).collect()], None);
        };
        let mut all: Vec<Extras> = vec![Vec::new()];
        for &at in &open {
            all = all
                .iter()
                .flat_map(|extras| {
                    let values = self.copula.codes[at].1.values();
                    values.iter().map(|&code| extras.iter().copied().chain([(at, Some(code))]).collect())
                })
                .collect();
        }
        let costs: Vec<Bounds<i64>> = all.iter().map(|extras| self.costs(extras)).collect();
        let reach = Bounds::around(costs.iter().flat_map(|cost| [cost.min, cost.max]));
        let fits = all.into_iter().zip(costs).filter(|(_, cost)| cost.contains(monthly));
        (fits.map(|(extras, _)| extras).collect(), reach)
    }

    /// What the services with these extras can cost.
    fn costs(&self, extras: &Extras) -> Bounds<i64> {
        let mut latent = [0.0; FEATURE_COUNT];
        let given = self.copula.codes.iter().enumerate().map(|(at, (feature, _))| (at, self.fixed.codes[*feature]));
        for (at, code) in given.chain(extras.iter().copied()) {
            if let Some((low, high)) = code.and_then(|code| self.copula.codes[at].1.stretch(code)) {
                latent[at] = middle(low, high);
            }
        }
        let tenure = self.copula.codes.len();
        let months = self.fixed.tenure.and_then(|tenure| self.copula.tenure.stretch(tenure));
        latent[tenure] = months.map_or(FAR, |(low, high)| middle(low, high));
        let cost = |remainder: f64| {
            let mut latent = latent;
            latent[tenure + 1] = remainder;
            self.copula.customer(&latent, self.generator.fitted()).monthly
        };
        Bounds { min: cost(-FAR), max: cost(FAR) }
    }

    /// The months in which the given total can have been paid, with the range of totals; the given months, or none, where
    /// no total is given.
    fn tenures(&self) -> (Vec<Option<u16>>, Option<Bounds<i64>>) {
        let Some(total) = self.fixed.total else { return (vec![self.fixed.tenure], None) };
        let rule = &self.generator.fitted().total;
        let prices = match self.fixed.monthly {
            Some(monthly) => Bounds { min: monthly, max: monthly },
            None => self.generator.fitted().bundles[self.copula.bundle].price.range(),
        };
        let months = self.copula.tenure.values().iter().copied();
        let months = months.filter(|&months| months > 0 && self.fixed.tenure.is_none_or(|tenure| tenure == months));
        let mut reach = None;
        let fitting = months.filter(|&months| {
            let paid = Bounds { min: rule.allowed(months, prices.min).min, max: rule.allowed(months, prices.max).max };
            reach = join(reach, Some(paid));
            paid.contains(total)
        });
        (fitting.map(Some).collect(), reach)
    }

    fn plan(&self, extras: &Extras, tenure: Option<u16>) -> Plan {
        let stretch = |at: usize, code: u16| {
            let (low, high) = self.copula.codes[at].1.stretch(code).unwrap_or((FAR, FAR));
            (at, Step::Stretch(low, high))
        };
        let codes = self.copula.codes.iter().enumerate();
        let mut steps: Vec<(usize, Step)> =
            codes.filter_map(|(at, (feature, _))| Some(stretch(at, self.fixed.codes[*feature]?))).collect();
        steps.extend(extras.iter().map(|&(at, code)| code.map_or((at, Step::Free), |code| stretch(at, code))));
        let at = self.copula.codes.len();
        match tenure.and_then(|tenure| self.copula.tenure.stretch(tenure)) {
            Some((low, high)) => steps.push((at, Step::Stretch(low, high))),
            None if self.needs_amounts() => steps.push((at, Step::Free)),
            None => {}
        }
        if self.needs_amounts() {
            steps.push((at + 1, self.fixed.monthly.map_or(Step::Free, Step::Monthly)));
        }
        if let Some(total) = self.fixed.total {
            steps.push((at + 2, Step::Total(total)));
        }
        Plan { stratum: self.stratum, steps }
    }
}

/// A number inside a stretch.
fn middle(low: f64, high: f64) -> f64 {
    0.5 * (low.max(-FAR) + high.min(FAR))
}
