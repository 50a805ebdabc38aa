//! All SQL of the package manager. A function runs one statement in the caller's transaction and knows no HTTP.

pub(crate) mod hosts;
pub(crate) mod locks;
pub(crate) mod owner;
pub(crate) mod packages;

#[cfg(test)]
mod tests;
