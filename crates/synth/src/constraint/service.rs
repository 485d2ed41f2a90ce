//! What depends on a service says that the service is absent exactly where it is.

use std::sync::LazyLock;

use churn_domain::{FEATURE_COUNT, FEATURES};

use crate::roles::roles;

/// A service and the features that make sense only with it.
#[derive(Clone, Debug)]
pub(crate) struct ServiceRule {
    service: usize,
    absent: u16,
    dependents: Vec<usize>,
    absent_word: u16,
}

/// No phone ⇔ several lines: "No phone service".
pub(crate) fn phone_rule() -> &'static ServiceRule {
    static RULE: LazyLock<ServiceRule> = LazyLock::new(|| {
        let roles = roles();
        ServiceRule { service: roles.phone, absent: 0, dependents: vec![roles.lines], absent_word: roles.no_phone }
    });
    &RULE
}

/// No internet ⇔ "No internet service" in every add-on.
pub(crate) fn internet_rule() -> &'static ServiceRule {
    static RULE: LazyLock<ServiceRule> = LazyLock::new(|| {
        let roles = roles();
        ServiceRule {
            service: roles.internet,
            absent: roles.no_internet,
            dependents: roles.add_ons.clone(),
            absent_word: roles.no_internet_service,
        }
    });
    &RULE
}

impl ServiceRule {
    /// The dependents that are free to vary: all where the service is there, none where it is not.
    pub(crate) fn free(&self, service: u16) -> &[usize] {
        if service == self.absent { &[] } else { &self.dependents }
    }

    /// Whether a code of a dependent may be drawn where the service is there.
    pub(crate) fn may_draw(&self, feature: usize, code: u16) -> bool {
        !self.dependents.contains(&feature) || code != self.absent_word
    }

    /// Checks a real row; the error names the rule.
    pub(crate) fn transform(&self, codes: &[u16; FEATURE_COUNT]) -> Result<(), String> {
        let absent = codes[self.service] == self.absent;
        match self.dependents.iter().find(|&&feature| (codes[feature] == self.absent_word) != absent) {
            None => Ok(()),
            Some(&feature) => Err(self.says(feature)),
        }
    }

    /// What given codes contradict each other by this rule, none where a customer can have all of them.
    pub(crate) fn contradiction(&self, given: &[Option<u16>; FEATURE_COUNT]) -> Option<String> {
        let says_absent = |feature: usize| given[feature].map(|code| code == self.absent_word);
        let service = given[self.service].map(|code| code == self.absent);
        let said = self.dependents.iter().find_map(|&feature| Some((feature, says_absent(feature)?)))?;
        let other = self
            .dependents
            .iter()
            .find_map(|&feature| Some((feature, says_absent(feature)?)).filter(|other| other.1 != said.1));
        match (service, other) {
            (_, Some((feature, _))) => Some(self.says(feature)),
            (Some(absent), None) if absent != said.1 => Some(self.says(said.0)),
            _ => None,
        }
    }

    fn says(&self, feature: usize) -> String {
        format!(
            "{} is {:?} exactly where {} is absent",
            FEATURES[feature].name,
            FEATURES[feature].categories()[usize::from(self.absent_word)],
            FEATURES[self.service].name
        )
    }

    /// Sets the service, and every dependent where it is absent.
    pub(crate) fn reverse(&self, service: u16, codes: &mut [u16; FEATURE_COUNT]) {
        codes[self.service] = service;
        if service == self.absent {
            self.dependents.iter().for_each(|&feature| codes[feature] = self.absent_word);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reversed_row_always_passes_the_transform() {
        let roles = roles();
        let mut codes = [0; FEATURE_COUNT];
        internet_rule().reverse(roles.no_internet, &mut codes);
        phone_rule().reverse(0, &mut codes);
        assert_eq!(internet_rule().transform(&codes), Ok(()));
        assert_eq!(phone_rule().transform(&codes), Ok(()));
    }

    #[test]
    fn streaming_without_internet_breaks_the_rule_by_name() {
        let roles = roles();
        let mut codes = [0; FEATURE_COUNT];
        codes[roles.internet] = roles.no_internet;
        let broken = internet_rule().transform(&codes).unwrap_err();
        assert!(broken.contains("online_security") && broken.contains("internet_service"), "{broken}");
    }
}
