//! What steps write beside their outcome.

use futures::FutureExt;
use mecm_common::models::app_instance::OperationalStatus;
use mecm_common::models::ids::{AppInstanceId, HostIp, TaskId};
use mecm_jobs::{Job, NewJob, Write, enqueue, write};
use serde_json::Value;
use uuid::Uuid;

use super::inventory_sync;
use crate::core::Core;
use crate::plan::kind;
use crate::store::dependencies::Dependency;
use crate::store::rule_tasks::Ended;
use crate::store::{app_instances, dependencies, rule_tasks};

/// Where the instance stands, why, and whether it holds its name.
pub(super) fn status(
    core: &Core,
    id: AppInstanceId,
    status: OperationalStatus,
    info: &str,
    holds_name: bool,
) -> Write {
    let (now, info) = (core.clock.now(), info.to_owned());
    write(move |tx| {
        let info = info.clone();
        async move {
            app_instances::set_status(tx, id, status, &info, holds_name, now).await?;
            Ok(())
        }
        .boxed()
    })
}

/// The create has come to its end.
pub(super) fn created(core: &Core, id: AppInstanceId) -> Write {
    let now = core.clock.now();
    write(move |tx| {
        async move {
            app_instances::set_created(tx, id, now).await?;
            Ok(())
        }
        .boxed()
    })
}

/// The controller's address, kept for the day when Inventory knows it no more.
pub(super) fn controller(core: &Core, id: AppInstanceId, ip: HostIp, port: Option<u16>) -> Write {
    let now = core.clock.now();
    write(move |tx| {
        async move {
            app_instances::set_controller(tx, id, ip, port, now).await?;
            Ok(())
        }
        .boxed()
    })
}

/// What the package is and needs.
pub(super) fn content(
    core: &Core,
    id: AppInstanceId,
    digest: &str,
    rules: Option<&Value>,
    needs: Vec<Dependency>,
) -> Write {
    let (now, digest, rules) = (core.clock.now(), digest.to_owned(), rules.cloned());
    write(move |tx| {
        let (digest, rules, needs) = (digest.clone(), rules.clone(), needs.clone());
        async move {
            app_instances::set_content(tx, id, &digest, rules.as_ref(), now).await?;
            dependencies::replace(tx, id, &needs).await
        }
        .boxed()
    })
}

/// An instantiate is about to be sent.
pub(super) fn sent(core: &Core, id: AppInstanceId) -> Write {
    let now = core.clock.now();
    write(move |tx| {
        async move {
            app_instances::set_sent(tx, id, now).await?;
            Ok(())
        }
        .boxed()
    })
}

/// Nothing of the latest try went out: whether something was ever sent is what it was before.
pub(super) fn not_sent(core: &Core, id: AppInstanceId, sent_before: bool) -> Write {
    let now = core.clock.now();
    write(move |tx| {
        async move {
            app_instances::set_not_sent(tx, id, sent_before, now).await?;
            Ok(())
        }
        .boxed()
    })
}

/// No instantiate is without its answer.
pub(super) fn answered(core: &Core, id: AppInstanceId) -> Write {
    let now = core.clock.now();
    write(move |tx| {
        async move {
            app_instances::clear_sent(tx, id, now).await?;
            Ok(())
        }
        .boxed()
    })
}

/// The terminate has failed: the record stays what it was, and says why.
pub(super) fn terminate_failed(core: &Core, id: AppInstanceId, reason: &str) -> Write {
    let (now, reason) = (core.clock.now(), reason.to_owned());
    write(move |tx| {
        let reason = reason.clone();
        async move {
            app_instances::set_terminating(tx, id, false, false, now).await?;
            app_instances::set_info(tx, id, &reason, now).await?;
            Ok(())
        }
        .boxed()
    })
}

/// The instance is gone, with its dependencies.
pub(super) fn forget(id: AppInstanceId) -> Write {
    write(move |tx| {
        async move {
            app_instances::delete(tx, id).await?;
            Ok(())
        }
        .boxed()
    })
}

/// The name is free, the rest as it was.
pub(super) fn let_name_go(core: &Core, id: AppInstanceId) -> Write {
    let now = core.clock.now();
    write(move |tx| {
        async move {
            app_instances::let_name_go(tx, id, now).await?;
            Ok(())
        }
        .boxed()
    })
}

/// A rule task begins; that of a descriptor's own rules has its instance's id.
pub(super) fn task_begins(core: &Core, job: &Job, task: TaskId, instance: AppInstanceId) -> Write {
    let (now, tenant) = (core.clock.now(), job.tenant);
    write(move |tx| async move { rule_tasks::insert(tx, task, tenant, instance, now).await }.boxed())
}

/// A rule task has ended.
pub(super) fn task_ends(
    core: &Core,
    task: TaskId,
    ended: Ended,
    detailed: &str,
    manager_task: Option<String>,
) -> Write {
    let (now, detailed) = (core.clock.now(), detailed.to_owned());
    write(move |tx| {
        let (detailed, manager_task) = (detailed.clone(), manager_task.clone());
        async move {
            rule_tasks::end(tx, task, ended, &detailed, manager_task.as_deref(), now).await?;
            Ok(())
        }
        .boxed()
    })
}

/// Inventory's record of the application is brought up to date beside the flow.
pub(super) fn sync_inventory(core: &Core, job: &Job, id: AppInstanceId) -> Write {
    let now = core.clock.now();
    let sync = NewJob {
        id: Uuid::new_v4(),
        tenant: job.tenant,
        kind: kind::SYNC,
        subject: format!("{}{id}", inventory_sync::SUBJECT),
        batch: None,
        step: inventory_sync::FIRST,
        input: Value::Null,
        secret: None,
        request_id: job.request_id.clone(),
        traceparent: job.traceparent.clone(),
    };
    write(move |tx| {
        let sync = sync.clone();
        async move { enqueue(tx, &[sync], now).await }.boxed()
    })
}
