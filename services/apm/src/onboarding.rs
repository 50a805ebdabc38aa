//! Onboarding by URL, after its 202: the file is fetched from an app store, checked, and given to its package; its hosts are
//! told. One job a package: one that begins anew stops the one before.

use chrono::{DateTime, Utc};
use futures::FutureExt;
use futures::future::BoxFuture;
use mecm_common::auth::sealed::Sealer;
use mecm_common::client::outside::authority;
use mecm_common::client::{CallContext, EdgeTokens, Inventory, KeptCaller, Outside, OutsideError, PeerError};
use mecm_common::db::{DbError, Tx};
use mecm_common::models::ids::{PackageId, TenantId};
use mecm_common::models::package::{DistributionStatus, INVALID_PATH, web_address};
use mecm_common::service::ApiError;
use mecm_jobs::{Flows, Job, Outcome, Step, Write, lock_open, open_of_subject, stop_subject, write};
use reqwest::Url;
use secrecy::SecretString;
use std::time::Duration;

use crate::Stock;
use crate::blobs::Received;
use crate::judge::JudgeError;
use crate::keep;
use crate::store::hosts;
use crate::store::packages::{self, FileOf, Source};

/// The kind of its jobs, and their only step.
pub(crate) const KIND: &str = "onboard";
pub(crate) const FIRST: &str = "fetch";
/// How often what may pass is tried: with the engine's back-off some fifteen seconds.
const ATTEMPTS: i32 = 6;
/// The longest a fetch may take, however steadily it comes.
const LONGEST: Duration = Duration::from_secs(3_600);
/// How often it is asked whether anybody still wants what is being fetched.
const LOOK: Duration = Duration::from_secs(1);
/// Characters of a host's `error`.
const REASON: usize = 1_024;

/// What the flow works with.
pub(crate) struct Onboarding {
    pub(crate) stock: Stock,
    pub(crate) outside: Outside,
    pub(crate) inventory: Inventory,
    pub(crate) tokens: EdgeTokens,
    pub(crate) sealer: Sealer,
}

/// What a package's jobs work on.
pub(crate) fn subject(tenant: TenantId, id: PackageId) -> String {
    format!("{tenant}/{id}")
}

/// Stops what is under way for a package, in the caller's transaction and before it changes the package.
pub(crate) async fn stop(
    tx: &mut Tx,
    tenant: TenantId,
    id: PackageId,
    why: &str,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    let subject = subject(tenant, id);
    lock_open(tx, std::slice::from_ref(&subject)).await?;
    stop_subject(tx, &subject, why, now).await?;
    Ok(())
}

/// Why a package is not there yet.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    /// Tried again for a while.
    #[error("{0}")]
    MayPass(String),
    /// Will not pass.
    #[error("{0}")]
    Final(String),
    /// Tried again until the database is back.
    #[error(transparent)]
    Database(#[from] DbError),
}

impl From<OutsideError> for Trouble {
    fn from(error: OutsideError) -> Self {
        match error.may_pass() {
            true => Self::MayPass(error.to_string()),
            false => Self::Final(error.to_string()),
        }
    }
}

impl From<PeerError> for Trouble {
    fn from(error: PeerError) -> Self {
        match error.may_pass() {
            true => Self::MayPass(error.to_string()),
            false => Self::Final(error.to_string()),
        }
    }
}

impl From<ApiError> for Trouble {
    fn from(error: ApiError) -> Self {
        Self::MayPass(error.message)
    }
}

impl From<JudgeError> for Trouble {
    fn from(error: JudgeError) -> Self {
        match error {
            JudgeError::Refused(why) => Self::Final(why),
            other => Self::MayPass(other.to_string()),
        }
    }
}

impl Flows for Onboarding {
    fn run<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Step> {
        async move {
            match self.fetch(job).await {
                Ok(step) => step,
                Err(Trouble::Database(error)) => Outcome::Retry(error.to_string()).into(),
                Err(Trouble::MayPass(why)) if job.attempt < ATTEMPTS => Outcome::Retry(why).into(),
                Err(Trouble::MayPass(why) | Trouble::Final(why)) => self.fail(job, &why),
            }
        }
        .boxed()
    }

    fn fail(&self, job: &Job, reason: &str) -> Step {
        let shown: String = reason.chars().take(REASON).collect();
        Step::failed(shown.clone()).writing(ended(job, DistributionStatus::Error, shown))
    }
}

impl Onboarding {
    async fn fetch(&self, job: &Job) -> Result<Step, Trouble> {
        let Some(id) = id_of(job) else {
            return Err(Trouble::Final("the job names no package".to_owned()));
        };
        let mut tx = self.stock.db.begin_read().await?;
        let source = packages::source(&mut tx, job.tenant, id).await?;
        drop(tx);
        let Some(source) = source.filter(|_| !job.stop) else {
            return Ok(Outcome::Cancelled("nobody wants it any more".to_owned()).into());
        };
        if let FileOf::Present(_) = source.file {
            return Ok(Step::from(Outcome::Done).writing(ended(
                job,
                DistributionStatus::Distributed,
                String::new(),
            )));
        }
        tokio::select! {
            taken = tokio::time::timeout(LONGEST, self.take(job, &source)) => match taken {
                Ok(taken) => taken?,
                Err(_) => return Err(Trouble::Final(format!("it did not come within {LONGEST:?}"))),
            },
            gone = self.unwanted(job, source.seq) => {
                gone?;
                return Ok(Outcome::Cancelled("nobody wants it any more".to_owned()).into());
            }
        }
        tracing::info!(package = %id, "a package was fetched");
        Ok(Outcome::Done.into())
    }

    /// Fetches, checks and keeps the file.
    async fn take(&self, job: &Job, source: &Source) -> Result<(), Trouble> {
        let path = source.path.as_deref().unwrap_or_default();
        let url = web_address(path).ok_or_else(|| Trouble::Final(INVALID_PATH.to_owned()))?;
        let received = self.download(job, &url).await?;
        let (received, file) = self.stock.judge.check(received).await?;
        keep::arrive(&self.stock, source.seq, path, file, received).await?;
        Ok(())
    }

    async fn download(&self, job: &Job, url: &Url) -> Result<Received, Trouble> {
        let context = CallContext {
            request_id: job.request_id.clone(),
            traceparent: job.traceparent.clone(),
        };
        let listed = self.listed(&context, job.tenant, url).await?;
        let is_listed = |url: &Url| listed.contains(&authority(url));
        // Nobody is asked for a token that goes nowhere.
        if !is_listed(url) {
            return Err(OutsideError::NotListed(authority(url)).into());
        }
        let token = self.token(&context, job).await?;
        let mut download = self.outside.get(&context, url, &token, is_listed).await?;
        let limit = self.stock.config.limits.package;
        let mut incoming = self.stock.blobs.receive().await.map_err(ApiError::from_io)?;
        while let Some(chunk) = download.chunk().await? {
            if incoming.size() + chunk.len() as u64 > limit {
                return Err(Trouble::Final(format!(
                    "the package is larger than {limit} bytes"
                )));
            }
            incoming.write(&chunk).await.map_err(ApiError::from_io)?;
        }
        Ok(incoming.finish().await.map_err(ApiError::from_io)?)
    }

    /// Hosts and ports of the app stores that the tenant's packages may come from.
    async fn listed(
        &self,
        context: &CallContext,
        tenant: TenantId,
        url: &Url,
    ) -> Result<Vec<String>, Trouble> {
        let configured = &self.stock.config.apm.app_stores;
        let mut listed: Vec<String> = configured
            .iter()
            .map(|store| store.to_ascii_lowercase())
            .collect();
        match self.inventory.app_stores(context, tenant).await {
            Ok(stores) => {
                for store in stores {
                    listed.push(format!("{}:{}", store.appstore_ip, store.appstore_port));
                    listed.extend(web_address(&store.uri).map(|uri| authority(&uri)));
                }
            }
            Err(error) if !listed.contains(&authority(url)) => return Err(error.into()),
            Err(error) => tracing::warn!(%error, "the tenant's own app stores are not known now"),
        }
        Ok(listed)
    }

    /// The caller's own token while it can serve, else one that Inventory makes in the caller's name.
    async fn token(&self, context: &CallContext, job: &Job) -> Result<SecretString, Trouble> {
        let caller = KeptCaller::open(&self.sealer, job.secret.as_deref(), job.id);
        let own = caller.token.as_ref();
        let made = self
            .tokens
            .for_edge(context, job.tenant, &caller.user, own, false)
            .await;
        Ok(made?)
    }

    /// Comes back when the package was deleted, none of its hosts waits for it, or it is onboarded anew.
    async fn unwanted(&self, job: &Job, seq: i64) -> Result<(), DbError> {
        loop {
            tokio::time::sleep(LOOK).await;
            let mut tx = self.stock.db.begin_read().await?;
            if hosts::waiting(&mut tx, seq).await? == 0 || superseded(&mut tx, job).await? {
                return Ok(());
            }
        }
    }
}

fn id_of(job: &Job) -> Option<PackageId> {
    let (_, id) = job.subject.split_once('/')?;
    id.parse().ok()
}

/// Whether a newer job has taken the package over.
async fn superseded(tx: &mut Tx, job: &Job) -> Result<bool, DbError> {
    let open = open_of_subject(tx, &job.subject).await?;
    Ok(open.last().is_some_and(|last| last.id != job.id))
}

/// Ends the way of the hosts that wait, unless a newer job sees to them.
fn ended(job: &Job, status: DistributionStatus, error: String) -> Write {
    let job = job.clone();
    write(move |tx| {
        let (job, error) = (job.clone(), error.clone());
        async move {
            let Some(id) = id_of(&job) else { return Ok(()) };
            if let Some(source) = packages::source(tx, job.tenant, id).await?
                && !superseded(tx, &job).await?
            {
                hosts::end(tx, source.seq, status, &error).await?;
            }
            Ok(())
        }
        .boxed()
    })
}
