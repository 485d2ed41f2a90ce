//! How alike two tables are.
