//! Where customers live: one of a known list of places, never a made-up combination.

use std::collections::HashMap;

use churn_domain::Locations;
use serde::{Deserialize, Serialize};

use crate::random::RowRandom;

/// One known place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Place {
    zip_code: String,
    city: String,
    /// Missing where the source has none.
    county: Option<String>,
    latitude: f64,
    longitude: f64,
    /// How many real customers live here; 1 for a list without customers.
    weight: f64,
}

/// The known places, each once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Places(Vec<Place>);

fn on_earth(latitude: f64, longitude: f64) -> bool {
    latitude.abs() <= 90.0 && longitude.abs() <= 180.0
}

impl Places {
    /// The complete places of real customers or of a list, weighed by how often each occurs, and how many rows were
    /// incomplete.
    pub(crate) fn of(locations: &Locations) -> (Self, usize) {
        let mut places: Vec<Place> = Vec::new();
        let mut known: HashMap<(&str, &str, Option<&str>, u64, u64), usize> = HashMap::new();
        let mut incomplete = 0;
        for row in 0..locations.len() {
            let texts = (locations.zip_code.get(row), locations.city.get(row), locations.county.get(row));
            let (latitude, longitude) = (locations.latitude[row], locations.longitude[row]);
            let (Some(zip_code), Some(city), county, true) = (texts.0, texts.1, texts.2, on_earth(latitude, longitude))
            else {
                incomplete += 1;
                continue;
            };
            let at =
                *known.entry((zip_code, city, county, latitude.to_bits(), longitude.to_bits())).or_insert(places.len());
            match places.get_mut(at) {
                Some(place) => place.weight += 1.0,
                None => places.push(Place {
                    zip_code: zip_code.into(),
                    city: city.into(),
                    county: county.map(Into::into),
                    latitude,
                    longitude,
                    weight: 1.0,
                }),
            }
        }
        (Self(places), incomplete)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_sound(&self) -> bool {
        !self.0.is_empty()
            && self.0.iter().all(|place| {
                on_earth(place.latitude, place.longitude) && place.weight.is_finite() && place.weight > 0.0
            })
    }

    pub(crate) fn directory(&self) -> Directory {
        let mut locations = Locations::default();
        let mut below = 0.0;
        let mut ends = Vec::with_capacity(self.len());
        for place in &self.0 {
            locations.zip_code.push(Some(&place.zip_code));
            locations.city.push(Some(&place.city));
            locations.county.push(place.county.as_deref());
            locations.latitude.push(place.latitude);
            locations.longitude.push(place.longitude);
            below += place.weight;
            ends.push(below);
        }
        let even = self.0.iter().all(|place| place.weight == self.0[0].weight);
        Directory { locations, total: below, ends: if even { Vec::new() } else { ends } }
    }
}

/// Places made ready for drawing.
#[derive(Clone, Debug)]
pub(crate) struct Directory {
    pub(crate) locations: Locations,
    total: f64,
    /// Running sums of the weights; empty when all weights are equal.
    ends: Vec<f64>,
}

impl Directory {
    /// Draws a place by its weight.
    pub(crate) fn draw(&self, random: &mut RowRandom) -> u32 {
        if self.ends.is_empty() {
            return random.below(self.locations.len() as u64) as u32;
        }
        let place = random.unit() * self.total;
        self.ends.partition_point(|end| *end <= place).min(self.ends.len() - 1) as u32
    }

    /// The places that are wanted, asked by zip code, city and county, and by latitude and longitude; none where there
    /// is no such place.
    pub(crate) fn subset(&self, wanted: impl Fn([Option<&str>; 3], [f64; 2]) -> bool) -> Option<Subset> {
        let at = &self.locations;
        let (mut subset, mut below) = (Subset::default(), 0.0);
        for place in 0..at.len() {
            let texts = [at.zip_code.get(place), at.city.get(place), at.county.get(place)];
            if wanted(texts, [at.latitude[place], at.longitude[place]]) {
                below += match self.ends.get(place) {
                    Some(end) => end - place.checked_sub(1).map_or(0.0, |before| self.ends[before]),
                    None => 1.0,
                };
                subset.places.push(place as u32);
                subset.ends.push(below);
            }
        }
        (!subset.places.is_empty()).then_some(subset)
    }
}

/// Some of the places.
#[derive(Clone, Debug, Default)]
pub(crate) struct Subset {
    places: Vec<u32>,
    /// Running sums of their weights.
    ends: Vec<f64>,
}

impl Subset {
    /// Draws a place by its weight.
    pub(crate) fn draw(&self, random: &mut RowRandom) -> u32 {
        let at = random.unit() * self.ends[self.ends.len() - 1];
        self.places[self.ends.partition_point(|end| *end <= at).min(self.places.len() - 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_is_kept_once_and_weighed_by_its_customers() {
        let list = "zip_code,city,county,latitude,longitude\n1,a,b,1,2\n1,a,b,1,2\n2,a,b,1,2\n";
        let mut locations = churn_domain::csv::read_locations(list.as_bytes()).unwrap();
        locations.push_missing();
        let (places, incomplete) = Places::of(&locations);
        assert_eq!((places.len(), incomplete), (2, 1));
        assert_eq!(places.0[0].weight, 2.0);
    }
}
