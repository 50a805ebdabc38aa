//! SQL, and nothing else: a function takes `&mut Tx`, runs one statement, and says what it found or changed.

pub(crate) mod app_instances;
pub(crate) mod batches;
pub(crate) mod dependencies;
pub(crate) mod rule_tasks;

#[cfg(test)]
mod tests;
