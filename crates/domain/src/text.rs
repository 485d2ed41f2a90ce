//! A column of strings in one arena, so that a batch costs no allocation per row.

/// Strings, each of which may be missing, laid end to end in one buffer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Text {
    bytes: String,
    ends: Vec<u32>,
    missing: Vec<bool>,
}

impl Text {
    /// Number of strings.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Appends a string, or a missing one.
    ///
    /// # Panics
    /// When the arena would pass 4 GiB: batches are bounded far below.
    #[inline]
    pub fn push(&mut self, value: Option<&str>) {
        self.bytes.push_str(value.unwrap_or_default());
        self.missing.push(value.is_none());
        self.ends.push(u32::try_from(self.bytes.len()).expect("a batch of strings stays below 4 GiB"));
    }

    /// The string at `row`, `None` where it is missing.
    ///
    /// # Panics
    /// When `row` is not below [`Self::len`].
    #[inline]
    pub fn get(&self, row: usize) -> Option<&str> {
        if self.missing[row] {
            return None;
        }
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        Some(&self.bytes[start as usize..self.ends[row] as usize])
    }

    /// All strings in order.
    pub fn iter(&self) -> impl Iterator<Item = Option<&str>> {
        (0..self.len()).map(|row| self.get(row))
    }

    /// Keeps the first `rows` strings.
    pub fn truncate(&mut self, rows: usize) {
        if rows < self.len() {
            let end = if rows == 0 { 0 } else { self.ends[rows - 1] };
            self.bytes.truncate(end as usize);
            self.ends.truncate(rows);
            self.missing.truncate(rows);
        }
    }

    /// Appends the row `row` of `other`.
    pub fn push_from(&mut self, other: &Self, row: usize) {
        self.push(other.get(row));
    }
}

impl<'a> FromIterator<Option<&'a str>> for Text {
    fn from_iter<I: IntoIterator<Item = Option<&'a str>>>(values: I) -> Self {
        let mut text = Self::default();
        values.into_iter().for_each(|value| text.push(value));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_come_back_after_truncation_and_reuse() {
        let mut text: Text = [Some("a"), None, Some(""), Some("dé")].into_iter().collect();
        assert_eq!(text.iter().collect::<Vec<_>>(), [Some("a"), None, Some(""), Some("dé")]);
        text.truncate(2);
        text.push(Some("e"));
        assert_eq!(text.iter().collect::<Vec<_>>(), [Some("a"), None, Some("e")]);
    }
}
