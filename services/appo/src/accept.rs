//! The one transaction that answers a write: it decides by `plan`, changes the records and enqueues the work. When it has
//! committed, the answer goes out; everything else happens later. A single call is a batch of one.

use std::collections::{HashMap, HashSet};

use mecm_common::auth::Principal;
use mecm_common::client::KeptCaller;
use mecm_common::db::{DbError, Tx};
use mecm_common::models::app_instance::{BatchItem, CreateCommon, OperationalStatus};
use mecm_common::models::ids::{AppId, AppInstanceId, BatchId, HostIp, PackageId, TaskId, TenantId, fresh};
use mecm_common::service::{ApiError, RequestInfo};
use mecm_jobs::{NewJob, OpenJob, enqueue, open_of_subjects, stop_subject};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::core::App;
use crate::flows::{create, instantiate, rules, terminate};
use crate::plan::{self, Decision, Refusal, Standing, kind};
use crate::quotas;
use crate::store::app_instances::{self, AppInstance, NewAppInstance};
use crate::store::{batches, dependencies, rule_tasks};

/// How often a transaction is tried that another one got in the way of.
const TRIES: usize = 5;

/// Who asks.
#[derive(Clone, Copy)]
pub(crate) struct Asker<'a> {
    pub(crate) tenant: TenantId,
    pub(crate) caller: &'a Principal,
    pub(crate) info: &'a RequestInfo,
}

/// What was asked of one instance, and what came of it.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) id: AppInstanceId,
    pub(crate) host: Option<HostIp>,
    pub(crate) refused: Option<NotTaken>,
}

/// Why an item was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotTaken {
    /// There is no such instance.
    Unknown,
    /// It may not be done now.
    Refused(Refusal),
}

/// The answer to a batch.
#[derive(Clone, Debug)]
pub(crate) struct Accepted {
    pub(crate) batch: BatchId,
    pub(crate) items: Vec<Item>,
}

impl Item {
    fn taken(instance: &AppInstance) -> Self {
        Self {
            id: instance.id,
            host: Some(instance.host),
            refused: None,
        }
    }

    fn refused(instance: &AppInstance, refusal: Refusal) -> Self {
        Self {
            refused: Some(NotTaken::Refused(refusal)),
            ..Self::taken(instance)
        }
    }

    fn unknown(id: AppInstanceId) -> Self {
        Self {
            id,
            host: None,
            refused: Some(NotTaken::Unknown),
        }
    }

    /// As a batch answers it.
    pub(crate) fn to_wire(&self) -> BatchItem {
        let status = match &self.refused {
            None => plan::ACCEPTED.to_owned(),
            Some(NotTaken::Unknown) => no_record(self.id),
            Some(NotTaken::Refused(refusal)) => refusal.item(),
        };
        BatchItem {
            app_instance_id: self.id,
            host: self.host,
            status,
        }
    }
}

/// The text for an instance or a task that is not there.
pub(crate) fn no_record(id: impl std::fmt::Display) -> String {
    format!("Record does not exist, app instance id: {id}")
}

impl Accepted {
    /// As a call about one instance answers it: a refusal is an error.
    pub(crate) fn single(self) -> Result<AppInstanceId, ApiError> {
        let Some(item) = self.items.into_iter().next() else {
            return Err(ApiError::internal("a batch of one has no item"));
        };
        match item.refused {
            None => Ok(item.id),
            Some(NotTaken::Unknown) => Err(ApiError::no_such_element(no_record(item.id))),
            Some(NotTaken::Refused(refusal)) => Err(ApiError::precondition(refusal.message())),
        }
    }
}

/// Jobs of one batch.
struct Work<'a> {
    app: &'a App,
    asker: Asker<'a>,
    batch: BatchId,
    secret: KeptCaller,
    jobs: Vec<NewJob>,
}

impl<'a> Work<'a> {
    fn new(app: &'a App, asker: Asker<'a>) -> Self {
        Self {
            app,
            asker,
            batch: fresh(),
            secret: KeptCaller::of(asker.caller),
            jobs: Vec::new(),
        }
    }

    fn add(&mut self, kind: &'static str, step: &'static str, instance: AppInstanceId, input: Value) {
        let id = Uuid::new_v4();
        self.jobs.push(NewJob {
            id,
            tenant: self.asker.tenant,
            kind,
            subject: instance.to_string(),
            batch: Some(self.batch.0),
            step,
            input,
            secret: Some(self.secret.seal(&self.app.core.sealer, id)),
            request_id: self.asker.info.request_id.clone(),
            traceparent: self.asker.info.traceparent.clone(),
        });
    }

    async fn finish(self, mut tx: Tx, kind: &str, items: Vec<Item>) -> Result<Accepted, DbError> {
        let now = self.app.core.clock.now();
        let count = (items.len(), self.jobs.len());
        batches::insert(&mut tx, self.batch, self.asker.tenant, kind, count, now).await?;
        enqueue(&mut tx, &self.jobs, now).await?;
        tx.commit().await?;
        self.app.engine.wake();
        Ok(Accepted {
            batch: self.batch,
            items,
        })
    }
}

/// Runs a transaction again when another one was first: then what it reads has changed.
macro_rules! retrying {
    ($run:expr) => {{
        let mut tries = 0;
        loop {
            tries += 1;
            match $run.await {
                Err(Stopped::Database(DbError::Duplicate(_) | DbError::Conflict(_))) if tries < TRIES => {}
                Err(Stopped::Database(error)) => break Err(ApiError::from(error)),
                Err(Stopped::Answer(error)) => break Err(error),
                Ok(done) => break Ok(done),
            }
        }
    }};
}

/// Why a transaction did not come to its end.
enum Stopped {
    Database(DbError),
    Answer(ApiError),
}

impl From<DbError> for Stopped {
    fn from(error: DbError) -> Self {
        Self::Database(error)
    }
}

/// Creates an instance on each host that it may be created on.
pub(crate) async fn create(
    app: &App,
    asker: Asker<'_>,
    what: &CreateCommon,
    hosts: &[HostIp],
) -> Result<Accepted, ApiError> {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let package: PackageId = text(&what.app_package_id)
        .parse()
        .map_err(|_| ApiError::invalid(vec!["Package ID is mandatory".to_owned()]))?;
    let app_id: AppId = text(&what.app_id)
        .parse()
        .map_err(|_| ApiError::invalid(vec!["Application instance ID is mandatory".to_owned()]))?;
    let name = text(&what.app_name);
    let run = || async {
        let core = &app.core;
        let mut work = Work::new(app, asker);
        let mut tx = core.db.begin_write().await?;
        let holding = app_instances::hosts_holding_name(&mut tx, asker.tenant, &name).await?;
        let (mut items, mut new) = (Vec::new(), Vec::new());
        for (host, refusal) in plan::create(hosts, &name, &holding) {
            let id: AppInstanceId = fresh();
            if refusal.is_none() {
                new.push(NewAppInstance {
                    id,
                    tenant: asker.tenant,
                    package,
                    app: app_id,
                    name: name.clone(),
                    description: text(&what.app_instance_description),
                    host,
                    hw_capabilities: what.hw_capabilities.clone(),
                    sw_capabilities: what.sw_capabilities.clone(),
                });
                work.add(kind::CREATE, create::FIRST, id, Value::Null);
            }
            let refused = refusal.map(NotTaken::Refused);
            items.push(Item {
                id,
                host: Some(host),
                refused,
            });
        }
        let allowed = quotas::of(core, &mut tx, asker.tenant, new.len()).await?;
        allowed.map_err(Stopped::Answer)?;
        app_instances::insert_all(&mut tx, &new, core.clock.now()).await?;
        Ok(work.finish(tx, kind::CREATE, items).await?)
    };
    retrying!(run())
}

/// The records asked for, locked, and what is open on each.
struct Locked {
    rows: HashMap<AppInstanceId, AppInstance>,
    open: HashMap<String, Vec<OpenJob>>,
}

impl Locked {
    async fn take(tx: &mut Tx, tenant: TenantId, ids: &[AppInstanceId]) -> Result<Self, DbError> {
        let rows = app_instances::lock_of(tx, tenant, ids).await?;
        let subjects: Vec<String> = rows.iter().map(|row| row.id.to_string()).collect();
        let mut open: HashMap<String, Vec<OpenJob>> = HashMap::new();
        for job in open_of_subjects(tx, &subjects).await? {
            open.entry(job.subject.clone()).or_default().push(job);
        }
        let rows = rows.into_iter().map(|row| (row.id, row)).collect();
        Ok(Self { rows, open })
    }

    fn standing(&self, row: &AppInstance) -> Result<Standing<'_>, DbError> {
        let open = self.open.get(&row.id.to_string()).map_or(&[][..], Vec::as_slice);
        Ok(Standing {
            status: row.status()?,
            terminating: row.terminating,
            open: open.iter().map(|job| job.kind.as_str()).collect(),
        })
    }
}

/// Instantiates the instances that may be instantiated.
pub(crate) async fn instantiate(
    app: &App,
    asker: Asker<'_>,
    ids: &[AppInstanceId],
) -> Result<Accepted, ApiError> {
    let run = || async {
        let core = &app.core;
        let now = core.clock.now();
        let mut work = Work::new(app, asker);
        let mut tx = core.db.begin_write().await?;
        let locked = Locked::take(&mut tx, asker.tenant, ids).await?;
        let mut answered: HashMap<AppInstanceId, Item> = HashMap::new();
        for id in ids {
            if answered.contains_key(id) {
                continue;
            }
            let Some(row) = locked.rows.get(id) else {
                answered.insert(*id, Item::unknown(*id));
                continue;
            };
            let item = match plan::instantiate(&locked.standing(row)?) {
                Err(refusal) => Item::refused(row, refusal),
                Ok(Decision::Same) => Item::taken(row),
                Ok(Decision::Begin(status)) => {
                    if app_instances::hold_name(&mut tx, row.id, status, now).await? == 0 {
                        Item::refused(row, Refusal::NameInUse(row.name.clone()))
                    } else {
                        let before = json!({"before": row.status()?.as_str()});
                        work.add(kind::INSTANTIATE, instantiate::FIRST, row.id, before);
                        Item::taken(row)
                    }
                }
            };
            answered.insert(*id, item);
        }
        let items = in_order(ids, &answered);
        Ok(work.finish(tx, kind::INSTANTIATE, items).await?)
    };
    retrying!(run())
}

/// Terminates the instances that may be terminated.
pub(crate) async fn terminate(
    app: &App,
    asker: Asker<'_>,
    ids: &[AppInstanceId],
    force: bool,
) -> Result<Accepted, ApiError> {
    let run = || async {
        let core = &app.core;
        let now = core.clock.now();
        let mut work = Work::new(app, asker);
        let mut tx = core.db.begin_write().await?;
        let locked = Locked::take(&mut tx, asker.tenant, ids).await?;
        let asked: HashSet<AppInstanceId> = ids.iter().copied().collect();
        let mut answered: HashMap<AppInstanceId, Item> = HashMap::new();
        for id in ids {
            if answered.contains_key(id) {
                continue;
            }
            let Some(row) = locked.rows.get(id) else {
                answered.insert(*id, Item::unknown(*id));
                continue;
            };
            // Nobody needs what does not run.
            let needing = match row.status()? {
                OperationalStatus::Instantiated => dependencies::dependents(&mut tx, row).await?,
                _ => Vec::new(),
            };
            let blocked = needing
                .iter()
                .any(|(other, terminating)| !terminating && !asked.contains(other));
            let item = match plan::terminate(&locked.standing(row)?, blocked) {
                Err(refusal) => Item::refused(row, refusal),
                Ok(Decision::Same) => {
                    if force && !row.force {
                        app_instances::set_terminating(&mut tx, row.id, true, true, now).await?;
                    }
                    Item::taken(row)
                }
                Ok(Decision::Begin(_)) => {
                    stop_what_runs(&mut tx, app, row).await?;
                    app_instances::set_terminating(&mut tx, row.id, true, force, now).await?;
                    work.add(kind::TERMINATE, terminate::FIRST, row.id, Value::Null);
                    Item::taken(row)
                }
            };
            answered.insert(*id, item);
        }
        let items = in_order(ids, &answered);
        Ok(work.finish(tx, kind::TERMINATE, items).await?)
    };
    retrying!(run())
}

/// Ends what was only queued, and asks what has begun to stop at its next step.
async fn stop_what_runs(tx: &mut Tx, app: &App, row: &AppInstance) -> Result<(), DbError> {
    let now = app.core.clock.now();
    let subject = row.id.to_string();
    let (ended, _asked) = stop_subject(tx, &subject, "cancelled", now).await?;
    for job in ended {
        match job.kind.as_str() {
            kind::CREATE => {
                let failed = OperationalStatus::CreateFailed;
                app_instances::set_status(tx, row.id, failed, "cancelled", false, now).await?;
            }
            kind::INSTANTIATE => {
                let before = job.input.0["before"].as_str().and_then(OperationalStatus::parse);
                // Behind a create that is stopped too, the create's end has the last word.
                if let Some(before) = before.filter(|status| *status != OperationalStatus::Creating) {
                    app_instances::revert(tx, row.id, before, now).await?;
                } else {
                    app_instances::let_name_go(tx, row.id, now).await?;
                }
            }
            kind::RULES => {
                let task = TaskId(job.id);
                let failure = rule_tasks::Ended::Failure;
                rule_tasks::end(tx, task, failure, rules::BEING_TERMINATED, None, now).await?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn in_order(ids: &[AppInstanceId], answered: &HashMap<AppInstanceId, Item>) -> Vec<Item> {
    ids.iter().filter_map(|id| answered.get(id).cloned()).collect()
}

/// Changes an instance's rules: `change` is what the flow gets as its input. Gives the task's id.
pub(crate) async fn change_rules(
    app: &App,
    asker: Asker<'_>,
    id: AppInstanceId,
    change: &Value,
) -> Result<TaskId, ApiError> {
    let run = || async {
        let core = &app.core;
        let mut work = Work::new(app, asker);
        let mut tx = core.db.begin_write().await?;
        let locked = Locked::take(&mut tx, asker.tenant, &[id]).await?;
        let row = locked
            .rows
            .get(&id)
            .ok_or_else(|| Stopped::Answer(ApiError::no_such_element(no_record(id))))?;
        if let Err(refusal) = plan::rules(&locked.standing(row)?) {
            return Err(Stopped::Answer(ApiError::precondition(refusal.message())));
        }
        work.add(kind::RULES, rules::FIRST, id, change.clone());
        // The operation and the task are one thing under one id.
        let task = TaskId(work.jobs[0].id);
        rule_tasks::insert(&mut tx, task, asker.tenant, id, core.clock.now()).await?;
        work.finish(tx, kind::RULES, vec![Item::taken(row)]).await?;
        Ok(task)
    };
    retrying!(run())
}
