//! The same queries behind handlers with nothing around them: no authentication, no limits, no ids, no log. What the
//! services' layers cost is measured against this.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use mecm_common::config::Config;
use mecm_common::db::{Db, DbError};
use mecm_common::models::app_instance::AppInstanceInfo;
use mecm_common::models::application::Application;
use mecm_common::models::host::{Capabilities, HostInfo};
use mecm_common::models::ids::{HostIp, TenantId};
use serde::Serialize;
use serde_json::json;
use tokio::net::TcpListener;

/// The databases, with pools of the services' sizes.
#[derive(Clone)]
pub(super) struct Databases {
    pub(super) inventory: Db,
    pub(super) appo: Db,
}

impl Databases {
    pub(super) async fn open(config: &Config) -> Result<Self> {
        let inventory = config.database("inventory", &config.inventory.database)?;
        let appo = config.database("appo", &config.appo.database)?;
        Ok(Self {
            inventory: Db::open(
                &inventory,
                &mecm_inventory::migrations(),
                config.inventory.connections,
            )
            .await?,
            appo: Db::open(&appo, &mecm_appo::migrations(), config.appo.connections).await?,
        })
    }
}

/// Serves them on `address` until the process ends.
pub(super) async fn run(address: SocketAddr, config: &Config) -> Result<()> {
    let databases = Databases::open(config)
        .await
        .context("cannot open the databases")?;
    let router = Router::new()
        .route("/mechosts/{tenant}/{ip}", get(host))
        .route("/mechosts/{tenant}/{ip}/capabilities", get(capabilities))
        .route("/mechosts/{tenant}/{ip}/apps", post(add_application))
        .route("/app_instance_infos/{tenant}", get(infos))
        .with_state(databases);
    axum::serve(TcpListener::bind(address).await?, router).await?;
    Ok(())
}

type Found<T> = Result<Json<T>, StatusCode>;

fn found<T: Serialize>(row: Result<Option<T>, DbError>) -> Found<T> {
    match row {
        Ok(Some(row)) => Ok(Json(row)),
        Ok(None) => Err(StatusCode::NOT_FOUND),
        Err(_) => Err(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

async fn host(
    State(databases): State<Databases>,
    Path((tenant, ip)): Path<(TenantId, HostIp)>,
) -> Found<HostInfo> {
    found(mecm_inventory::measure::host(&databases.inventory, tenant, ip).await)
}

async fn capabilities(
    State(databases): State<Databases>,
    Path((tenant, ip)): Path<(TenantId, HostIp)>,
) -> Found<Capabilities> {
    found(mecm_inventory::measure::capabilities(&databases.inventory, tenant, ip).await)
}

async fn add_application(
    State(databases): State<Databases>,
    Path((tenant, ip)): Path<(TenantId, HostIp)>,
    Json(new): Json<Application>,
) -> Found<serde_json::Value> {
    let added = mecm_inventory::measure::add_application(&databases.inventory, tenant, ip, new).await;
    found(added.map(|added| added.then(|| json!({"response": "Saved"}))))
}

async fn infos(State(databases): State<Databases>, Path(tenant): Path<TenantId>) -> Found<serde_json::Value> {
    let all: Result<Vec<AppInstanceInfo>, DbError> = mecm_appo::measure::infos(&databases.appo, tenant).await;
    found(all.map(|all| Some(json!({"response": all}))))
}
