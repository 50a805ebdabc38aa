//! The steps, one after another; each says what it did, and stops at a surprise.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use futures::{StreamExt, TryStreamExt, stream};
use reqwest::Method;
use serde_json::{Value, json};

use super::agent::Agent;
use super::api::At;
use super::package::Package;
use super::progress::Progress;
use super::{CAPABILITY, Demo, Expected, FAILURE, Outcome, Phase};

/// Calls under way at once while hosts are registered.
const TOGETHER: usize = 32;
/// How often the batch is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// No batch of the demo takes longer.
const PATIENCE: Duration = Duration::from_secs(300);

/// An LCM controller, a rule manager and the host itself, for each edge.
pub(super) async fn register(demo: &Demo) -> Result<()> {
    let (lcm, rules) = (demo.sim.lcm_port().to_string(), demo.sim.rule_port().to_string());
    let one = |(index, ip): (usize, &std::net::Ipv4Addr)| {
        let (ip, lcm, rules) = (ip.to_string(), lcm.clone(), rules.clone());
        let gpu = demo.expected(index) != Expected::NoGpu;
        async move {
            let hardware: &[&str] = if gpu { &["X86", "GPU"] } else { &["X86"] };
            demo.api.register_edge(index, &ip, (&lcm, &rules), hardware).await
        }
    };
    stream::iter(demo.hosts.iter().enumerate().map(one))
        .buffer_unordered(TOGETHER)
        .try_collect::<Vec<()>>()
        .await?;
    let without = (0..demo.hosts.len())
        .filter(|index| demo.expected(*index) == Expected::NoGpu)
        .count();
    demo.step(&format!(
        "Registered an LCM controller, a rule manager and a host for each edge: {} with a GPU, {without} without",
        demo.hosts.len() - without
    ));
    Ok(())
}

/// The package, as ATP brings it. Gives its id and its application's.
pub(super) async fn upload(demo: &Demo, package: &Package) -> Result<(String, String)> {
    let (name, size) = (&package.file_name, package.size());
    let hosts: Vec<String> = demo.hosts.iter().map(ToString::to_string).collect();
    let began = Instant::now();
    let answer = demo
        .api
        .upload(package, &demo.app_name, &hosts.join(","))
        .await
        .context("the upload")?;
    let text = |member: &str| answer[member].as_str().unwrap_or_default().to_owned();
    let (id, app) = (text("appPackageId"), text("appId"));
    demo.step(&format!(
        "Uploaded {name}, {size} bytes, in {:.3} s: package {id}",
        began.elapsed().as_secs_f64()
    ));
    let one = demo
        .api
        .expect(At::Apm, Method::GET, &format!("/packages/{id}"), None, 200)
        .await?;
    let warnings = one["warnings"].as_array().map_or(0, Vec::len);
    let info = &one["operationalInfo"];
    demo.step(&format!(
        "APM has read it: {} {} by {}, images {}, {warnings} warnings",
        info["name"].as_str().unwrap_or("?"),
        info["version"].as_str().unwrap_or("?"),
        info["provider"].as_str().unwrap_or("?"),
        info["images"]
    ));
    Ok((id, app))
}

/// One batch create on all hosts.
pub(super) async fn create(demo: &Demo, (package, app): &(String, String)) -> Result<Phase> {
    let hosts: Vec<String> = demo.hosts.iter().map(ToString::to_string).collect();
    let body = json!({"appPackageId": package, "appName": demo.app_name, "appId": app,
        "appInstanceDescription": "the demo", "hwCapabilities": ["GPU"], "mecHost": hosts});
    let began = Instant::now();
    let answer = demo
        .api
        .expect(
            At::Appo,
            Method::POST,
            "/app_instances/batch_create",
            Some(&body),
            202,
        )
        .await?;
    let ids = accepted(&answer, demo.hosts.len())?;
    demo.step(&format!(
        "batch_create on {} hosts with hwCapabilities [\"GPU\"] was taken in {:.3} s",
        ids.len(),
        began.elapsed().as_secs_f64()
    ));
    let ends = |status: &str| status != "Creating";
    let phase = watch(demo, "create     ", &ids, began, ends).await?;
    summary(demo, "batch_create", &phase, "Created");
    Ok(phase)
}

/// The ids of a batch's answer, by the host's place.
fn accepted(answer: &Value, hosts: usize) -> Result<HashMap<usize, String>> {
    let items = answer["response"].as_array().cloned().unwrap_or_default();
    if items.len() != hosts {
        bail!(
            "expected {hosts} items in the batch's answer, came {}",
            items.len()
        );
    }
    let mut ids = HashMap::new();
    for (index, item) in items.iter().enumerate() {
        if item["status"] != "Accepted" {
            bail!("expected every host Accepted, came {item}");
        }
        ids.insert(
            index,
            item["appInstanceId"].as_str().unwrap_or_default().to_owned(),
        );
    }
    Ok(ids)
}

/// Looks at a batch until each of its instances stands in a state that `ends` it.
async fn watch(
    demo: &Demo,
    what: &str,
    ids: &HashMap<usize, String>,
    began: Instant,
    ends: impl Fn(&str) -> bool,
) -> Result<Phase> {
    let places: HashMap<&str, usize> = ids.iter().map(|(index, id)| (id.as_str(), *index)).collect();
    let progress = Progress::new(what, ids.len());
    let mut phase = Phase::default();
    loop {
        let mut failed = 0;
        for info in demo.api.instances().await? {
            let text = |member: &str| info[member].as_str().unwrap_or_default().to_owned();
            let (instance, status) = (text("appInstanceId"), text("operationalStatus"));
            let Some(index) = places.get(instance.as_str()).copied() else {
                continue;
            };
            failed += usize::from(status.ends_with("failed"));
            if ends(&status) && info["operation"].is_null() {
                let took = began.elapsed();
                phase.hosts.entry(index).or_insert(Outcome {
                    instance,
                    status,
                    reason: text("operationInfo"),
                    took,
                });
            }
        }
        let ended = phase.hosts.len();
        progress.at(ended.saturating_sub(failed), failed.min(ended), ids.len() - ended);
        if ended == ids.len() {
            break;
        }
        if began.elapsed() > PATIENCE {
            bail!(
                "expected {} hosts to come to an end, came {ended} after {PATIENCE:?}",
                ids.len()
            );
        }
        tokio::time::sleep(LOOK).await;
    }
    progress.end();
    phase.took = began.elapsed();
    Ok(phase)
}

fn summary(demo: &Demo, what: &str, phase: &Phase, good: &str) {
    let mut counts: HashMap<(&str, &str), usize> = HashMap::new();
    for outcome in phase.hosts.values() {
        *counts.entry((&outcome.status, &outcome.reason)).or_default() += 1;
    }
    let mut lines: Vec<_> = counts.into_iter().collect();
    lines.sort_by_key(|((status, _), count)| (*status != good, usize::MAX - count));
    let told: Vec<String> = lines
        .into_iter()
        .map(|((status, reason), count)| format!("{count} {status} ({reason})"))
        .collect();
    demo.step(&format!(
        "{what} ended after {:.2} s: {}",
        phase.took.as_secs_f64(),
        told.join(", ")
    ));
}

/// One batch instantiate of what was created.
pub(super) async fn instantiate(demo: &Demo, created: &Phase) -> Result<Phase> {
    let ids: HashMap<usize, String> = created
        .hosts
        .iter()
        .filter(|(_, outcome)| outcome.status == "Created")
        .map(|(index, outcome)| (*index, outcome.instance.clone()))
        .collect();
    if ids.is_empty() {
        return Ok(Phase::default());
    }
    let all: Vec<&String> = ids.values().collect();
    let began = Instant::now();
    demo.api
        .expect(
            At::Appo,
            Method::POST,
            "/app_instances/batch_instantiate",
            Some(&json!({ "appInstanceIds": all })),
            202,
        )
        .await?;
    let ends = |status: &str| matches!(status, "Instantiated" | "Instantiation failed");
    let phase = watch(demo, "instantiate", &ids, began, ends).await?;
    summary(demo, "batch_instantiate", &phase, "Instantiated");
    Ok(phase)
}

/// What came otherwise than expected, if anything did.
pub(super) fn surprises(demo: &Demo, created: &Phase, instantiated: &Phase) -> Option<String> {
    for (index, host) in demo.hosts.iter().enumerate() {
        let (status, reason) = match demo.expected(index) {
            Expected::Runs => ("Instantiated", "success"),
            Expected::NoGpu => ("Create failed", "Hardware capability match failed: GPU"),
            Expected::FailsToDeploy => ("Instantiation failed", FAILURE),
        };
        let came = instantiated
            .hosts
            .get(&index)
            .or_else(|| created.hosts.get(&index));
        let fits = came.is_some_and(|came| came.status == status && came.reason == reason);
        if !fits {
            let came = came.map_or("nothing".to_owned(), |came| {
                format!("{} ({})", came.status, came.reason)
            });
            return Some(format!("{host}: expected {status} ({reason}), came {came}"));
        }
    }
    None
}

/// A look at one host: the workload, the load, what the platform offers, who uses its GPU, and its application's agent at work.
pub(super) async fn look(demo: &Demo, instantiated: &Phase) -> Result<Option<Agent>> {
    let running = instantiated
        .hosts
        .iter()
        .filter(|(_, outcome)| outcome.status == "Instantiated")
        .min_by_key(|(index, _)| **index);
    let Some((index, outcome)) = running else {
        return Ok(None);
    };
    let host = demo.hosts[*index];
    // Each with a word that its answer must have.
    for (what, at, path, has) in [
        (
            "workload status",
            At::Appo,
            format!("/app_instances/{}", outcome.instance),
            "podstatus",
        ),
        ("load (KPI)", At::Appo, format!("/hosts/{host}/kpi"), "cpuusage"),
        (
            "platform capabilities",
            At::Appo,
            format!("/hosts/{host}/mep_capabilities"),
            CAPABILITY,
        ),
        (
            "applications that use its GPU",
            At::Inventory,
            format!("/mechosts/{host}/capabilities/GPU/applications"),
            outcome.instance.as_str(),
        ),
    ] {
        let answer = demo.api.expect(at, Method::GET, &path, None, 200).await?;
        let shown = match &answer["response"] {
            Value::String(text) => text.clone(),
            _ => answer.to_string(),
        };
        if !shown.contains(has) {
            bail!("{host}, {what}: expected {has}, came {shown}");
        }
        let mut short: String = shown.chars().take(160).collect();
        if short.len() < shown.len() {
            short.push('…');
        }
        demo.step(&format!("{host}, {what}: {short}"));
    }
    at_work(demo, host, &outcome.instance).await.map(Some)
}

/// What the application of the demo offers to others on its edge.
const OFFERED: &str = "demo-positioning";
/// Not heard for so long, a service is suspended: v1.0's platform takes 63 s.
const SILENCE: Duration = Duration::from_secs(64);

/// The application's agent signs with the key that the controller made for it, registers a service and keeps it alive; and what
/// is seen of that in the centre.
async fn at_work(demo: &Demo, host: Ipv4Addr, instance: &str) -> Result<Agent> {
    let agent = Agent::of(&demo.sim, host, instance, demo.client.clone());
    let mut agent =
        agent.context("expected the controller to have made a key for the application, came none")?;
    match agent.log_in().await? {
        200 => {}
        status => bail!("{host}, the application's signature: expected 200, came {status}"),
    }
    let service = json!({"serName": OFFERED, "version": "1.0", "state": "ACTIVE", "serializer": "JSON",
        "livenessInterval": 60});
    let registered = agent.register("services", &service).await?;
    let id = registered["serInstanceId"]
        .as_str()
        .context("the service has no id")?;
    agent.beat(Method::PUT, id).await?;
    seen(demo, host, "ACTIVE").await?;
    demo.step(&format!(
        "{host}, the application's agent: signed with its own key, has a token, registered {OFFERED}; APPO shows it ACTIVE"
    ));
    demo.edge_clock.advance(SILENCE);
    seen(demo, host, "SUSPENDED").await?;
    agent.beat(Method::PUT, id).await?;
    seen(demo, host, "ACTIVE").await?;
    demo.step(&format!(
        "{host}, no heartbeat for {} s (the edges' clock is put forward): SUSPENDED; a heartbeat, and it is ACTIVE again",
        SILENCE.as_secs()
    ));
    Ok(agent)
}

/// What APPO shows of the application's service.
async fn seen(demo: &Demo, host: Ipv4Addr, expected: &str) -> Result<()> {
    let path = format!("/hosts/{host}/mep_capabilities");
    let answer = demo.api.expect(At::Appo, Method::GET, &path, None, 200).await?;
    let shown = answer["response"].as_str().unwrap_or_default();
    let all: Value = serde_json::from_str(shown).unwrap_or_default();
    let all = all.as_array().into_iter().flatten();
    let one = all.clone().find(|one| one["capabilityName"] == OFFERED);
    match one.and_then(|one| one["status"].as_str()) {
        Some(status) if status == expected => Ok(()),
        came => bail!(
            "{host}, {OFFERED}: expected {expected}, came {}",
            came.unwrap_or("nothing")
        ),
    }
}

/// With its instance an application's key has gone: what it signs is refused.
pub(super) async fn without_its_key(demo: &Demo, mut agent: Agent) -> Result<()> {
    match agent.log_in().await? {
        401 => {
            demo.step("The terminated application's signature is refused: its key is gone from the edge too")
        }
        status => bail!("the terminated application's signature: expected 401, came {status}"),
    }
    Ok(())
}

/// Terminates everything, and shows that nothing is left anywhere. Gives the seconds it took.
pub(super) async fn terminate(demo: &Demo, created: &Phase) -> Result<f64> {
    let ids: Vec<&str> = created
        .hosts
        .values()
        .map(|outcome| outcome.instance.as_str())
        .collect();
    let began = Instant::now();
    demo.api
        .expect(
            At::Appo,
            Method::POST,
            "/app_instances/batch_terminate",
            Some(&json!({ "appInstanceIds": ids })),
            202,
        )
        .await?;
    let progress = Progress::new("terminate  ", ids.len());
    loop {
        let left = demo.api.instances().await?.len();
        progress.at(ids.len() - left.min(ids.len()), 0, left);
        if left == 0 {
            break;
        }
        if began.elapsed() > PATIENCE {
            bail!("expected APPO to hold no instance, came {left} after {PATIENCE:?}");
        }
        tokio::time::sleep(LOOK).await;
    }
    progress.end();
    let took = began.elapsed().as_secs_f64();
    let one = |host: &std::net::Ipv4Addr| {
        let path = format!("/mechosts/{host}/apps");
        async move {
            let answer = demo.api.ask(At::Inventory, Method::GET, &path, None).await?;
            match answer.status.as_u16() {
                404 => Ok(()),
                status => bail!(
                    "expected Inventory to hold no application on {path}, came {status}: {}",
                    answer.text()
                ),
            }
        }
    };
    stream::iter(demo.hosts.iter().map(one))
        .buffer_unordered(TOGETHER)
        .try_collect::<Vec<()>>()
        .await?;
    let totals = demo.sim.totals();
    if !totals.is_empty() {
        bail!("expected the edges to hold nothing, came {totals:?}");
    }
    demo.step(&format!(
        "batch_terminate ended after {took:.2} s: APPO, Inventory and the edges hold nothing any more ({} deploys, {} terminates at the edges)",
        totals.counts.deploys, totals.counts.terminates
    ));
    Ok((took * 1_000.0).round() / 1_000.0)
}
