//! Any CSV file, column by column.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use churn_drift::exact::{Numbers, Words};
use churn_runtime::exit::Ending;
use csv::{ByteRecord, Reader, ReaderBuilder};

use super::cell::{Cell, flag, is_missing};

/// A file in memory, its columns of numbers read.
#[derive(Debug)]
pub(super) struct Table {
    path: PathBuf,
    bytes: Vec<u8>,
    pub(super) names: Vec<String>,
    columns: Vec<Column>,
}

/// What is known of a column after the first reading.
#[derive(Debug)]
enum Column {
    Numbers {
        values: Vec<f64>,
        whole: bool,
    },
    /// True and false only, however they are spelled.
    Flags,
    /// Anything else.
    Words,
}

impl Table {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be opened, is no CSV with a header, or two columns have one name.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let bytes = fs::read(path).map_err(Ending::data).with_context(|| format!("open {}", path.display()))?;
        Self::parse(path, bytes).with_context(|| format!("read {}", path.display()))
    }

    fn parse(path: &Path, bytes: Vec<u8>) -> anyhow::Result<Self> {
        let mut reader = reader(&bytes);
        let header = reader.headers().map_err(Ending::data)?.clone();
        let names: Vec<String> = header.iter().map(str::to_owned).collect();
        let mut seen = HashSet::new();
        if let Some(twice) = names.iter().find(|name| !seen.insert(name.as_str())) {
            bail!(Ending::data(format!("two columns are named {twice:?}, rename one of them")));
        }
        if names.is_empty() {
            bail!(Ending::data("it has no header, expected the names of the columns in the first line"));
        }
        let mut columns: Vec<Column> =
            names.iter().map(|_| Column::Numbers { values: Vec::new(), whole: true }).collect();
        let mut record = ByteRecord::new();
        while reader.read_byte_record(&mut record).map_err(Ending::data)? {
            columns.iter_mut().zip(&record).for_each(|(column, cell)| column.add(cell));
        }
        Ok(Self { path: path.to_owned(), bytes, names, columns })
    }

    /// Whether every value of the column is a number.
    pub(super) fn is_numbers(&self, column: usize) -> bool {
        matches!(self.columns[column], Column::Numbers { .. })
    }

    /// The numbers of a column, which is left empty; `None` when it has words.
    pub(super) fn take_numbers(&mut self, column: usize) -> Option<Numbers> {
        match &mut self.columns[column] {
            Column::Numbers { values, whole } => Some(Numbers::new(std::mem::take(values), *whole)),
            Column::Flags | Column::Words => None,
        }
    }

    /// The numbers of a column row by row, a missing one as NaN; `None` when it has words.
    pub(super) fn numbers(&self, column: usize) -> Option<&[f64]> {
        match &self.columns[column] {
            Column::Numbers { values, .. } => Some(values),
            Column::Flags | Column::Words => None,
        }
    }

    /// Reads the file again and counts the words of these columns.
    ///
    /// # Errors
    /// A word is not UTF-8.
    pub(super) fn count_words(&self, columns: &[usize]) -> anyhow::Result<Vec<Words>> {
        let mut words = vec![Words::default(); columns.len()];
        self.for_each(columns, |at, word| {
            if let Some(word) = word {
                words[at].add(word);
            }
        })?;
        Ok(words)
    }

    /// Reads the file again and hands over each cell of these columns as text, `None` for a missing one. Where a column
    /// has flags only, their spelling is pandas' own, so that `true` in one file is `True` in another.
    ///
    /// # Errors
    /// A word is not UTF-8.
    pub(super) fn for_each(&self, columns: &[usize], mut take: impl FnMut(usize, Option<&str>)) -> anyhow::Result<()> {
        if columns.is_empty() {
            return Ok(());
        }
        let mut reader = reader(&self.bytes);
        let mut record = ByteRecord::new();
        while reader.read_byte_record(&mut record).map_err(Ending::data)? {
            for (at, &column) in columns.iter().enumerate() {
                let cell = &record[column];
                let text = std::str::from_utf8(cell).map_err(Ending::data).with_context(|| {
                    let line = record.position().map_or(0, csv::Position::line);
                    format!("{}, line {line}, column {}: not UTF-8", self.path.display(), self.names[column])
                })?;
                let text = match (&self.columns[column], flag(cell)) {
                    (Column::Flags, Some(true)) => "True",
                    (Column::Flags, Some(false)) => "False",
                    _ => text,
                };
                take(at, (!is_missing(cell)).then_some(text));
            }
        }
        Ok(())
    }
}

impl Column {
    fn add(&mut self, cell: &[u8]) {
        match (&mut *self, Cell::of(cell)) {
            (Self::Words, _) | (Self::Flags, Cell::Flag(_) | Cell::Missing) => {}
            (Self::Numbers { values, .. }, Cell::Whole(number)) => values.push(number),
            (Self::Numbers { values, whole }, Cell::Number(number)) => {
                *whole = false;
                values.push(number);
            }
            (Self::Numbers { values, whole }, Cell::Missing) => {
                *whole = false;
                values.push(f64::NAN);
            }
            (Self::Numbers { values, .. }, Cell::Flag(_)) if values.iter().all(|value| value.is_nan()) => {
                *self = Self::Flags;
            }
            (Self::Numbers { .. } | Self::Flags, _) => *self = Self::Words,
        }
    }
}

fn reader(bytes: &[u8]) -> Reader<&[u8]> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    ReaderBuilder::new().from_reader(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> anyhow::Result<Table> {
        Table::parse(Path::new("t.csv"), text.as_bytes().to_vec())
    }

    #[test]
    fn columns_of_numbers_only_are_numerical_and_missing_ones_make_them_no_whole_numbers() {
        let mut table = table("\u{feff}a,b,c,d\n1,1.5,x,2\n2,,3,NA\n").unwrap();
        assert_eq!(table.names, ["a", "b", "c", "d"]);
        assert_eq!(table.take_numbers(0), Some(Numbers::new(vec![1.0, 2.0], true)));
        assert_eq!(table.take_numbers(1), Some(Numbers::new(vec![1.5], false)));
        assert_eq!(table.take_numbers(3), Some(Numbers::new(vec![2.0], false)));
        assert!(!table.is_numbers(2) && table.take_numbers(2).is_none());
        let mut expected = Words::default();
        ["3", "x"].iter().for_each(|word| expected.add(word));
        assert_eq!(table.count_words(&[2]).unwrap(), [expected]);
    }

    #[test]
    fn flags_are_the_same_in_any_spelling_but_not_among_other_words() {
        let table = table("a,b,c\nNA,TRUE,true\ntrue,maybe,1\nFALSE,false,2\n").unwrap();
        let mut expected = vec![Words::default(); 3];
        for (at, words) in [&["True", "False"][..], &["TRUE", "maybe", "false"], &["true", "1", "2"]].iter().enumerate()
        {
            words.iter().for_each(|word| expected[at].add(word));
        }
        assert_eq!(table.count_words(&[0, 1, 2]).unwrap(), expected);
    }

    #[test]
    fn files_that_are_no_tables_say_where() {
        assert!(format!("{:#}", table("a,a\n1,2\n").unwrap_err()).contains("\"a\""));
        assert!(format!("{:#}", table("a,b\n1,2\n3\n").unwrap_err()).contains("line: 3"));
        assert!(table("").is_err());
        let latin = Table::parse(Path::new("t.csv"), b"a\nx\n\xe4\n".to_vec()).unwrap();
        assert!(format!("{:#}", latin.count_words(&[0]).unwrap_err()).contains("t.csv, line 3, column a"));
    }
}
