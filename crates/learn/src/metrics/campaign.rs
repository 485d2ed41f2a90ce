//! What a retention campaign earns: an offer to everybody from a threshold on.
//!
//! Every offer costs the same; a leaver who gets one stays and is worth the customer value. A stayer who gets one only costs.

use serde::{Deserialize, Serialize};

use super::rank::{best_threshold, taken};

/// What an offer costs and what a customer who stays because of it is worth.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Campaign {
    /// Cost of one offer, above 0.
    pub offer_cost: f64,
    /// What a leaver who stays is worth, above the cost of the offer.
    pub customer_value: f64,
}

/// One point of the campaign curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CampaignPoint {
    /// Offers go to everybody whose probability is at least this.
    pub threshold: f64,
    /// Share of the customers that get one, from 0 to 1.
    pub share: f64,
    /// Profit a customer (of all, with an offer or without), in the campaign's currency.
    pub profit: f64,
}

impl Default for Campaign {
    /// An offer at a tenth of a customer's value.
    fn default() -> Self {
        Self { offer_cost: 50.0, customer_value: 500.0 }
    }
}

impl Campaign {
    /// Whether the amounts can be meant: both finite, the cost above 0, the value above the cost.
    pub fn is_valid(&self) -> bool {
        self.offer_cost > 0.0 && self.customer_value > self.offer_cost && self.customer_value.is_finite()
    }

    /// Profit of offers to this many customers, of whom so many would have left.
    pub fn profit(&self, leavers: u64, customers: u64) -> f64 {
        leavers as f64 * self.customer_value - customers as f64 * self.offer_cost
    }

    /// Profit a customer of offers to those decided for.
    pub fn mean_profit(&self, decision: &[bool], label: &[bool]) -> f64 {
        let offers = decision.iter().filter(|&&offer| offer).count() as u64;
        let leavers = decision.iter().zip(label).filter(|&(&offer, &left)| offer && left).count() as u64;
        self.profit(leavers, offers) / label.len().max(1) as f64
    }

    /// The profit of each threshold, from nobody to everybody.
    pub fn curve(&self, probability: &[f64], label: &[bool]) -> Vec<CampaignPoint> {
        let rows = label.len().max(1) as f64;
        let point = |(threshold, leavers, customers)| CampaignPoint {
            threshold,
            share: customers as f64 / rows,
            profit: self.profit(leavers, customers) / rows,
        };
        let nobody = CampaignPoint { threshold: 1.0, share: 0.0, profit: 0.0 };
        std::iter::once(nobody).chain(taken(probability, label).into_iter().map(point)).collect()
    }
}

/// The threshold with the greatest profit; where no offer pays, the share of leavers an offer needs to pay for itself.
pub fn best_profit_threshold(probability: &[f64], label: &[bool], campaign: &Campaign) -> f64 {
    let profit = |leavers, customers| campaign.profit(leavers, customers);
    best_threshold(probability, label, profit).unwrap_or(campaign.offer_cost / campaign.customer_value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAMPAIGN: Campaign = Campaign { offer_cost: 10.0, customer_value: 30.0 };

    #[test]
    fn the_curve_counts_costs_and_leavers_and_its_top_is_at_the_best_threshold() {
        let probability = [0.9, 0.8, 0.7, 0.6, 0.2];
        let label = [true, false, true, false, false];
        let curve = CAMPAIGN.curve(&probability, &label);
        let profits: Vec<f64> = curve.iter().map(|point| point.profit * 5.0).collect();
        assert_eq!(profits, [0.0, 20.0, 10.0, 30.0, 20.0, 10.0]);
        let threshold = best_profit_threshold(&probability, &label, &CAMPAIGN);
        assert!((threshold - 0.65).abs() < 1e-12);
        let decision: Vec<bool> = probability.iter().map(|&p| p >= threshold).collect();
        assert_eq!(CAMPAIGN.mean_profit(&decision, &label), 6.0);
    }

    #[test]
    fn where_no_offer_pays_the_threshold_is_what_an_offer_needs() {
        let threshold = best_profit_threshold(&[0.2, 0.1], &[false, false], &CAMPAIGN);
        assert!((threshold - 1.0 / 3.0).abs() < 1e-12);
        assert!(!Campaign { offer_cost: 30.0, customer_value: 30.0 }.is_valid());
        assert!(!Campaign { offer_cost: f64::NAN, customer_value: 30.0 }.is_valid());
    }
}
