//! What happens to a customer between two events.

use crate::constraint::{internet_rule, phone_rule};
use crate::generator::Generator;
use crate::random::RowRandom;
use crate::roles::{no, roles, yes};
use crate::row::Row;

/// Longest time between two events of a customer, in months.
pub(crate) const MOST_MONTHS: u16 = 6;
/// How often each thing changes between two events. Seldom enough that most returning customers are the ones that
/// left the last trace, often enough that every kind of change is seen in a stream of minutes.
const CHANGE_OF_ADDRESS: f64 = 0.03;
const CHANGE_OF_PAYMENT: f64 = 0.05;
const CHANGE_OF_CONTRACT: f64 = 0.08;
const CHANGE_OF_EXTRA: f64 = 0.03;
const CHANGE_OF_BUNDLE: f64 = 0.01;

/// The customer's next version, none when the customer has left, has reached the longest real tenure, or would by now
/// have paid more than any real customer.
pub(super) fn next(generator: &Generator, before: &Row, event: u64, random: &mut RowRandom) -> Option<Row> {
    let fitted = generator.fitted();
    let room = u64::from(fitted.max_tenure.checked_sub(before.tenure)?);
    if before.churned || room == 0 {
        return None;
    }
    random.seek(event);
    let months = 1 + random.below(u64::from(MOST_MONTHS).min(room));
    let mut row = *before;
    row.tenure += months as u16;
    if random.chance(CHANGE_OF_ADDRESS) {
        row.place = generator.directory().draw(random);
    }
    change_terms(generator, &mut row, random);
    let planned = change_plan(generator, &row, random);
    row = bill(generator, before, planned, months).or_else(|| bill(generator, before, row, months))?;
    row.churned = random.chance(fitted.outcome.probability(&row));
    Some(row)
}

/// Contract, payment and billing, drawn as new customers with the same services have them.
fn change_terms(generator: &Generator, row: &mut Row, random: &mut RowRandom) {
    let roles = roles();
    let bundle = bundle(generator, row.codes[roles.phone], row.codes[roles.internet]);
    let Some(peers) = generator.strata.iter().find(|copula| Some(copula.bundle) == bundle) else { return };
    for (feature, chance) in
        [(roles.contract, CHANGE_OF_CONTRACT), (roles.payment, CHANGE_OF_PAYMENT), (roles.paperless, CHANGE_OF_PAYMENT)]
    {
        if random.chance(chance)
            && let Some(code) = peers.code(feature, random)
        {
            row.codes[feature] = code;
        }
    }
}

/// The row with other services and their price: extras come and go, and now and then the bundle changes to another
/// one that real customers have.
fn change_plan(generator: &Generator, row: &Row, random: &mut RowRandom) -> Row {
    let roles = roles();
    let mut plan = *row;
    if random.chance(CHANGE_OF_BUNDLE) {
        let bundles = &generator.fitted().bundles;
        let to = &bundles[random.below(bundles.len() as u64) as usize];
        move_to(&mut plan, to.phone, to.internet);
    }
    for (service, rule) in [(roles.phone, phone_rule()), (roles.internet, internet_rule())] {
        for &extra in rule.free(plan.codes[service]) {
            if random.chance(CHANGE_OF_EXTRA) {
                let taken = plan.codes[extra] == yes(extra);
                plan.codes[extra] = if taken { no(extra) } else { yes(extra) };
            }
        }
    }
    plan
}

/// Sets both services; what a service brings along starts without extras, what it takes away becomes absent.
fn move_to(plan: &mut Row, phone: u16, internet: u16) {
    let roles = roles();
    for (service, to, rule) in [(roles.phone, phone, phone_rule()), (roles.internet, internet, internet_rule())] {
        let came = rule.free(plan.codes[service]).is_empty();
        rule.reverse(to, &mut plan.codes);
        if came {
            rule.free(to).iter().for_each(|&extra| plan.codes[extra] = no(extra));
        }
    }
}

/// The row with the monthly charge of its services and with what was paid since; none when that total is outside the
/// real spread around tenure × monthly charges, as after too large a change of price.
fn bill(generator: &Generator, before: &Row, mut row: Row, months: u64) -> Option<Row> {
    let fitted = generator.fitted();
    let roles = roles();
    let price = |row: &Row| {
        bundle(generator, row.codes[roles.phone], row.codes[roles.internet]).map(|at| &fitted.bundles[at].price)
    };
    let mut services = roles.extras().chain([roles.phone, roles.internet]);
    if services.any(|service| before.codes[service] != row.codes[service]) {
        let remainder = price(before)?.transform(before);
        row.monthly = price(&row)?.reverse(&row, remainder);
    }
    let total = before.total.unwrap_or_default() + months as i64 * row.monthly;
    row.total = Some(total);
    fitted.total.permits(total, row.tenure, row.monthly).then_some(row)
}

fn bundle(generator: &Generator, phone: u16, internet: u16) -> Option<usize> {
    generator.fitted().bundles.iter().position(|bundle| (bundle.phone, bundle.internet) == (phone, internet))
}
