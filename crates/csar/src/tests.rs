//! Each check has a package that breaks only that one.

mod arbitrary;
mod beside;
mod contents;
mod descriptor;
mod names;
mod published;
mod structure;
