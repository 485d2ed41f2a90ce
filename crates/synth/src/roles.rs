//! What part each feature plays in the generator. The only place of this crate that names features.

use std::sync::LazyLock;

use churn_domain::{FEATURE_COUNT, FEATURES, Kind, feature_index};

/// The part of every feature, by its index in [`FEATURES`].
#[derive(Debug)]
pub(crate) struct Roles {
    pub(crate) phone: usize,
    pub(crate) lines: usize,
    pub(crate) no_phone: u16,
    pub(crate) internet: usize,
    /// Code of `internet_service` that says there is none.
    pub(crate) no_internet: u16,
    pub(crate) add_ons: Vec<usize>,
    /// Code of every add-on that says there is no internet. All add-ons share one vocabulary.
    pub(crate) no_internet_service: u16,
    pub(crate) tenure: usize,
    pub(crate) monthly: usize,
    pub(crate) total: usize,
    /// Flags and categories that no rule binds.
    pub(crate) free: Vec<usize>,
    pub(crate) contract: usize,
    pub(crate) payment: usize,
    pub(crate) paperless: usize,
    /// Codes that say yes and no, by feature; looking words up costs too much in every row.
    yes: [u16; FEATURE_COUNT],
    no: [u16; FEATURE_COUNT],
}

static ROLES: LazyLock<Roles> = LazyLock::new(Roles::find);

/// The roles of [`FEATURES`].
pub(crate) fn roles() -> &'static Roles {
    &ROLES
}

impl Roles {
    fn find() -> Self {
        let [phone, lines, internet] = ["phone_service", "multiple_lines", "internet_service"].map(index);
        let [tenure, monthly, total] = ["tenure", "monthly_charges", "total_charges"].map(index);
        let add_ons: Vec<usize> =
            (0..FEATURES.len()).filter(|&at| FEATURES[at].categories().contains(&"No internet service")).collect();
        let bound = [phone, lines, internet, tenure, monthly, total];
        let free = (0..FEATURES.len()).filter(|at| !bound.contains(at) && !add_ons.contains(at)).collect();
        Self {
            no_phone: code(lines, "No phone service"),
            no_internet: code(internet, "No"),
            no_internet_service: code(add_ons[0], "No internet service"),
            contract: index("contract"),
            payment: index("payment_method"),
            paperless: index("paperless_billing"),
            phone,
            lines,
            internet,
            add_ons,
            yes: std::array::from_fn(|feature| word(feature, "Yes").unwrap_or(1)),
            no: std::array::from_fn(|feature| word(feature, "No").unwrap_or(0)),
            tenure,
            monthly,
            total,
            free,
        }
    }

    /// Add-ons and lines: what a price is made of besides the bundle.
    pub(crate) fn extras(&self) -> impl Iterator<Item = usize> + '_ {
        std::iter::once(self.lines).chain(self.add_ons.iter().copied())
    }
}

/// Number of values that a flag or category can take.
pub(crate) fn cardinality(feature: usize) -> usize {
    match FEATURES[feature].kind {
        Kind::Flag => 2,
        Kind::Category(words) => words.len(),
        Kind::Integer { .. } | Kind::Money { .. } => 0,
    }
}

/// Code of the word that says yes: 1 of a flag, the place of `Yes` in a category that has it.
pub(crate) fn yes(feature: usize) -> u16 {
    roles().yes[feature]
}

/// Code of the word that says no.
pub(crate) fn no(feature: usize) -> u16 {
    roles().no[feature]
}

fn index(name: &str) -> usize {
    feature_index(name).expect("the generator's rules name features of the feature table")
}

fn code(feature: usize, name: &str) -> u16 {
    word(feature, name).expect("the generator's rules name words of the feature table")
}

fn word(feature: usize, name: &str) -> Option<u16> {
    let place = FEATURES[feature].categories().iter().position(|known| *known == name)?;
    u16::try_from(place).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_feature_has_a_part_that_the_generator_can_play() {
        let roles = roles();
        assert_eq!(roles.add_ons.len(), 6);
        assert_eq!(roles.free.len() + roles.add_ons.len() + 6, FEATURES.len());
        assert!(roles.free.iter().all(|&feature| cardinality(feature) >= 2));
        for &add_on in &roles.add_ons {
            assert_eq!(FEATURES[add_on].categories(), FEATURES[roles.add_ons[0]].categories());
        }
    }
}
