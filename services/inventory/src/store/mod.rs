//! The SQL: one file a noun. A function takes a transaction, runs a statement or a few, and knows no HTTP.
