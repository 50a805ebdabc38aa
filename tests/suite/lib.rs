//! The suite from outside: the three real services over HTTP, in one process or as it restarts, on either database. The tests are
//! in `main.rs` and the files beside it; here is nothing but what cargo wants a package to have.
