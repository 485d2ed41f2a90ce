//! A column of words from a small vocabulary, held as codes.

/// The code of a missing word.
pub const MISSING: u16 = u16::MAX;

/// Words as codes: first the known vocabulary, in its own order, then every other word met, in order of appearance.
///
/// The number of other words is bounded by [`Self::MAX_WORDS`]; past it a word is no longer told apart and becomes
/// [`Self::OVERFLOW`], so that hostile input cannot grow the vocabulary without end.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Interned {
    known: &'static [&'static str],
    other: Vec<Box<str>>,
    codes: Vec<u16>,
}

impl Interned {
    /// How many words a column tells apart.
    pub const MAX_WORDS: usize = 4_096;
    /// The word that stands for all words beyond [`Self::MAX_WORDS`].
    pub const OVERFLOW: &'static str = "(other)";

    /// An empty column over a known vocabulary.
    pub fn new(known: &'static [&'static str]) -> Self {
        Self { known, other: Vec::new(), codes: Vec::new() }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.codes.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.codes.is_empty()
    }

    /// The codes, one a row: below `known().len()` a known word, [`MISSING`] none, any other an unknown word.
    pub fn codes(&self) -> &[u16] {
        &self.codes
    }

    /// The known vocabulary, in code order.
    pub fn known(&self) -> &'static [&'static str] {
        self.known
    }

    /// The words met that are not in the known vocabulary; the first has the code `known().len()`.
    pub fn unknown(&self) -> impl Iterator<Item = &str> {
        self.other.iter().map(AsRef::as_ref)
    }

    /// Whether the code stands for a word outside the known vocabulary.
    pub fn is_unknown(&self, code: u16) -> bool {
        code != MISSING && usize::from(code) >= self.known.len()
    }

    /// Appends a word, or a missing one.
    #[inline]
    pub fn push(&mut self, word: Option<&str>) {
        let code = word.map_or(MISSING, |word| self.intern(word));
        self.codes.push(code);
    }

    /// Appends a code that came from this column or from the known vocabulary.
    ///
    /// # Panics
    /// When the code stands for no word.
    #[inline]
    pub fn push_code(&mut self, code: u16) {
        assert!(code == MISSING || usize::from(code) < self.known.len() + self.other.len(), "code {code} has no word");
        self.codes.push(code);
    }

    /// The word of a code, `None` for [`MISSING`].
    ///
    /// # Panics
    /// When the code stands for no word.
    #[inline]
    pub fn word(&self, code: u16) -> Option<&str> {
        let index = usize::from(code);
        if code == MISSING {
            None
        } else if index < self.known.len() {
            Some(self.known[index])
        } else {
            Some(&self.other[index - self.known.len()])
        }
    }

    /// The word at `row`.
    ///
    /// # Panics
    /// When `row` is not below [`Self::len`].
    #[inline]
    pub fn get(&self, row: usize) -> Option<&str> {
        self.word(self.codes[row])
    }

    /// All words in order.
    pub fn iter(&self) -> impl Iterator<Item = Option<&str>> {
        self.codes.iter().map(|&code| self.word(code))
    }

    /// Forgets all rows and every word outside the known vocabulary, and keeps the memory.
    pub fn clear(&mut self) {
        self.codes.clear();
        self.other.clear();
    }

    /// Keeps the first `rows` rows; the vocabulary stays.
    pub fn truncate(&mut self, rows: usize) {
        self.codes.truncate(rows);
    }

    fn intern(&mut self, word: &str) -> u16 {
        let known = self.known.iter().position(|candidate| *candidate == word);
        let index = known.or_else(|| self.position_of_other(word)).unwrap_or_else(|| self.add(word));
        u16::try_from(index).expect("the vocabulary is bounded by MAX_WORDS")
    }

    fn position_of_other(&self, word: &str) -> Option<usize> {
        self.other.iter().position(|other| &**other == word).map(|index| index + self.known.len())
    }

    fn add(&mut self, word: &str) -> usize {
        let word = if self.other.len() + 1 < Self::MAX_WORDS { word } else { Self::OVERFLOW };
        self.position_of_other(word).unwrap_or_else(|| {
            self.other.push(word.into());
            self.known.len() + self.other.len() - 1
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_words_keep_their_spelling_and_are_told_from_known_ones() {
        let mut column = Interned::new(&["No", "Yes"]);
        for word in [Some("Yes"), None, Some("Perhaps"), Some("Perhaps")] {
            column.push(word);
        }
        assert_eq!(column.codes(), [1, MISSING, 2, 2]);
        assert_eq!(column.get(2), Some("Perhaps"));
        assert!(column.is_unknown(2) && !column.is_unknown(1) && !column.is_unknown(MISSING));
    }

    #[test]
    fn a_flood_of_words_is_bounded() {
        let mut column = Interned::new(&["No"]);
        for number in 0..2 * Interned::MAX_WORDS {
            column.push(Some(&number.to_string()));
        }
        assert_eq!(column.unknown().count(), Interned::MAX_WORDS);
        assert_eq!(column.get(2 * Interned::MAX_WORDS - 1), Some(Interned::OVERFLOW));
    }
}
