//! The only HTTP client: how the services call each other, LCM controllers, rule managers and the auth server.
//!
//! Reading order: [`egress`] (where a connection may go), [`http`] (the one builder), [`call`](mod@call) (one request, one bounded
//! answer, and what a failure proves), [`context`] (ids that are passed on), [`upload`] (a file as multipart, with what has
//! left), [`service`] (a signed call to another service of the suite) and what it asks of them: [`inventory`], [`apm`],
//! [`tokens`], [`token_key`], [`verification`]; [`kept`] (a caller's token at rest), [`outside`] (a download from where a body
//! says). Calls to controllers stand with the service that makes them.

pub mod apm;
pub mod call;
pub mod context;
pub mod egress;
pub mod http;
pub mod inventory;
pub mod kept;
pub mod outside;
pub mod service;
pub mod token_key;
pub mod tokens;
pub mod upload;
pub mod verification;

pub use self::http::{ClientError, Clients};
pub use apm::Apm;
pub use call::{Answer, CallError, call};
pub use context::CallContext;
pub use egress::{Egress, NotAllowed};
pub use inventory::Inventory;
pub use kept::KeptCaller;
pub use outside::{Download, Outside, OutsideError};
pub use service::{PeerError, ServicePeer};
pub use tokens::{EdgeTokens, OwnToken};
