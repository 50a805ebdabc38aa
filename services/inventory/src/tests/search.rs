//! Hosts by what they offer, page by page.

use http::Method;
use mecm_common::db::Tx;
use serde_json::{Value, json};

use super::{Bench, OTHER, host};
use crate::store::capabilities::{Trait, TraitKind};
use crate::store::hosts::rarest_first;

/// Adds a host with these types of hardware and this affinity and city.
async fn add(bench: &Bench, ip: &str, types: &[&str], affinity: &str, city: &str) {
    let mut record = host(ip);
    record["hwcapabilities"] = types.iter().map(|name| json!({"hwType": name})).collect();
    record["affinity"] = Value::from(affinity);
    record["city"] = Value::from(city);
    bench.post("/mechosts", &record).await.is_done("Saved");
}

async fn software(bench: &Bench, ip: &str, names: &[&str]) {
    let items: Vec<_> = names.iter().map(|name| json!({"capabilityName": name})).collect();
    let path = format!("/mechosts/{ip}/capabilities/software");
    bench
        .put(&path, &json!({"swcapabilities": items}))
        .await
        .is_done("Updated");
}

#[tokio::test]
async fn filters_are_exact_and_all_must_hold() {
    for bench in Bench::all().await {
        add(&bench, "10.0.0.1", &["GPU", "GPU"], "X86", "New York").await;
        add(&bench, "10.0.0.2", &["NPU", "GPU"], "X86,ARM", "广东省/深圳市").await;
        add(&bench, "10.0.0.3", &["gpu", "GPU2"], "", "New York").await;
        software(&bench, "10.0.0.2", &["location", "RNIS 2"]).await;
        software(&bench, "10.0.0.3", &["location", ""]).await;
        for (query, found) in [
            ("", &["1", "2", "3"][..]),
            ("hwCapabilities=GPU", &["1", "2"]),
            ("hwCapabilities=GPU,NPU", &["2"]),
            ("hwCapabilities=GPU&hwCapabilities=NPU", &["2"]),
            ("hwCapabilities=GPU,GPU,", &["1", "2"]),
            ("hwCapabilities=gpu", &["3"]),
            ("hwCapabilities=GP", &[]),
            ("hwCapabilities=X86", &[]),
            ("swCapabilities=location", &["2", "3"]),
            ("swCapabilities=location,RNIS%202", &["2"]),
            ("swCapabilities=location&hwCapabilities=GPU2", &["3"]),
            ("swCapabilities=location&hwCapabilities=TPU", &[]),
            ("affinity=X86", &["1", "2"]),
            ("affinity=ARM", &["2"]),
            ("affinity=X86,ARM", &["2"]),
            ("city=New+York", &["1", "3"]),
            ("city=New", &[]),
            (
                "city=%E5%B9%BF%E4%B8%9C%E7%9C%81/%E6%B7%B1%E5%9C%B3%E5%B8%82",
                &["2"],
            ),
            ("city=New%20York&affinity=X86&hwCapabilities=GPU", &["1"]),
            ("hwCapabilities=&city=&cursor=&other=1", &["1", "2", "3"]),
        ] {
            let answer = bench.get(&format!("/mechosts?{query}")).await;
            if found.is_empty() {
                answer.is_not_found();
            } else {
                let ips: Vec<_> = found.iter().map(|last| format!("10.0.0.{last}")).collect();
                assert_eq!(answer.each("mechostIp"), ips, "{query}");
                assert!(answer.headers.get("x-next-cursor").is_none());
            }
        }
        let theirs = bench
            .ask_in(OTHER, Method::GET, "/mechosts?hwCapabilities=GPU", "")
            .await;
        theirs.is_not_found();
    }
}

#[tokio::test]
async fn a_changed_host_is_found_by_what_it_offers_now() {
    for bench in Bench::all().await {
        add(&bench, "10.0.0.1", &["GPU"], "X86", "Here").await;
        software(&bench, "10.0.0.1", &["old"]).await;
        let mut record = host("10.0.0.1");
        record["hwcapabilities"] = json!([{"hwType": "NPU"}]);
        record["affinity"] = Value::Null;
        record["city"] = json!("There");
        bench.put("/mechosts/10.0.0.1", &record).await.is_done("Updated");
        for gone in ["hwCapabilities=GPU", "affinity=X86", "city=Here"] {
            bench.get(&format!("/mechosts?{gone}")).await.is_not_found();
        }
        let now = "/mechosts?hwCapabilities=NPU&swCapabilities=old&city=There";
        assert_eq!(bench.get(now).await.each("mechostIp"), ["10.0.0.1"]);
        software(&bench, "10.0.0.1", &["new"]).await;
        bench.get("/mechosts?swCapabilities=old").await.is_not_found();
        assert_eq!(
            bench.get("/mechosts?swCapabilities=new").await.each("mechostIp"),
            ["10.0.0.1"]
        );
        bench.delete("/mechosts/10.0.0.1").await.is_done("Deleted");
        bench.get("/mechosts?swCapabilities=new").await.is_not_found();
    }
}

#[tokio::test]
async fn pages_follow_each_other_to_the_last() {
    for bench in Bench::all().await {
        for last in 1..=7 {
            let kind = if last == 4 { "NPU" } else { "GPU" };
            add(&bench, &format!("10.0.0.{last}"), &[kind], "X86", "Here").await;
        }
        for (filter, all) in [
            ("", &[1, 2, 3, 4, 5, 6, 7][..]),
            ("&hwCapabilities=GPU", &[1, 2, 3, 5, 6, 7]),
        ] {
            for size in 1..=8 {
                let mut seen = Vec::new();
                let mut cursor = String::new();
                loop {
                    let page = bench
                        .get(&format!("/mechosts?limit={size}{filter}&cursor={cursor}"))
                        .await;
                    let ips = page.each("mechostIp");
                    assert!(ips.len() <= size);
                    seen.extend(
                        ips.iter()
                            .map(|ip| ip.trim_start_matches("10.0.0.").parse::<i32>().unwrap()),
                    );
                    match page.headers.get("x-next-cursor") {
                        Some(next) => next.to_str().unwrap().clone_into(&mut cursor),
                        None => break,
                    }
                }
                assert_eq!(seen, all, "{filter} by {size}");
            }
        }
    }
}

#[tokio::test]
async fn a_broken_question_names_its_parameter() {
    for bench in Bench::all().await {
        let long = format!("city={}", "a".repeat(129));
        for (query, name) in [
            ("limit=", "limit"),
            ("limit=0", "limit"),
            ("limit=-1", "limit"),
            ("limit=all", "limit"),
            ("limit=99999999999999999999", "limit"),
            ("cursor=x", "cursor"),
            ("cursor=-1", "cursor"),
            ("city=a%00", "city"),
            (&long, "city"),
        ] {
            let answer = bench.get(&format!("/mechosts?{query}")).await;
            answer.is_invalid(&["URL parameter validation failed", name]);
        }
        for force in ["perhaps", ""] {
            let answer = bench.delete(&format!("/mechosts?force={force}")).await;
            answer.is_invalid(&["URL parameter validation failed", "force"]);
        }
    }
}

/// The promise that a page of hosts does not read all hosts, by what SQLite says it will do.
#[tokio::test]
async fn a_search_reads_the_index_of_traits() {
    for bench in Bench::all().await {
        let mut tx = bench.app.db.begin_read().await.unwrap();
        let Tx::Sqlite(sqlite) = &mut tx else { continue };
        let explain = format!("EXPLAIN QUERY PLAN {}", crate::store::hosts::STATEMENTS[2][0]);
        let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(sqlx::AssertSqlSafe(explain))
            .fetch_all(&mut **sqlite)
            .await
            .unwrap();
        let steps: Vec<_> = plan.iter().map(|step| step.3.as_str()).collect();
        assert!(
            steps[0].starts_with("SEARCH t USING PRIMARY KEY (tenant=? AND kind=? AND name=? AND host>?)"),
            "{steps:?}"
        );
        assert!(
            !steps.iter().any(|step| step.contains("TEMP B-TREE")),
            "{steps:?}"
        );
        assert!(
            steps
                .iter()
                .all(|step| !step.starts_with("SCAN") || step.starts_with("SCAN w")),
            "{steps:?}"
        );
    }
}

/// Many hosts at once, each of a type that all have, one that every hundredth has and nine others.
const FILL: [&str; 2] = [
    "INSERT INTO hosts (tenant, ip, name, city, address, edgerepo_ip, edgerepo_port, controller_ip, coordinates, hardware,
        software, created, modified)
     SELECT '1a5a0a3c-6b6e-4b0f-8f4e-0c2b9d6f1e77', '10.0.' || n / 256 || '.' || n % 256, 'n', 'c', 'a', '10.0.0.2', '443',
        '10.0.0.9', '1,1', '[]', '[]', now(), now() FROM generate_series(1, 10000) n",
    "INSERT INTO host_traits (tenant, kind, name, host)
     SELECT h.tenant, 'hardware', t.name, h.seq FROM hosts h CROSS JOIN LATERAL (
        SELECT 'COMMON' AS name UNION ALL SELECT 'RARE' WHERE h.seq % 100 = 0
        UNION ALL SELECT 'T' || g FROM generate_series(1, 9) g) t",
];

/// The same promise on PostgreSQL, of the plan that it keeps for every later search, and by what that plan has read.
#[tokio::test]
async fn the_plan_that_postgresql_keeps_reads_a_page_only() {
    for bench in Bench::all().await {
        let mut tx = bench.app.db.begin_write().await.unwrap();
        let Tx::Postgres(postgres) = &mut tx else { continue };
        for sql in FILL.into_iter().chain(["ANALYZE hosts", "ANALYZE host_traits"]) {
            sqlx::query(sql).execute(&mut **postgres).await.unwrap();
        }
        let find = crate::store::hosts::STATEMENTS[1][0];
        let prepare = format!("PREPARE find (uuid, bigint, bigint, text, text, jsonb) AS {find}");
        for sql in ["SET LOCAL plan_cache_mode = force_generic_plan", &prepare] {
            sqlx::query(sqlx::AssertSqlSafe(sql.to_owned()))
                .execute(&mut **postgres)
                .await
                .unwrap();
        }
        let rare = r#"[{"kind": "hardware", "name": "COMMON"}, {"kind": "hardware", "name": "T5"}]"#;
        for (first, others, most_read) in [("COMMON", "[]", 101), ("RARE", "[]", 100), ("RARE", rare, 100)] {
            let explain = format!(
                "EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE find ('{}', 0, 101, 'hardware', '{first}', '{others}')",
                super::TENANT
            );
            let (plan,): (Value,) = sqlx::query_as(sqlx::AssertSqlSafe(explain))
                .fetch_one(&mut **postgres)
                .await
                .unwrap();
            let mut scans = Vec::new();
            collect_scans(&plan[0]["Plan"], &mut scans);
            assert!(scans.len() >= 2, "{plan:#}");
            for scan in scans {
                // What one loop gives and throws away again, and how often: rows that were touched.
                let per_loop: f64 = ["Actual Rows", "Rows Removed by Filter"]
                    .iter()
                    .filter_map(|name| scan[*name].as_f64())
                    .sum();
                let read = per_loop * scan["Actual Loops"].as_f64().unwrap();
                let times = if scan["Alias"] == "o" { 2.0 } else { 1.0 };
                assert!(read <= f64::from(most_read) * times, "{first} {others}: {scan:#}");
                assert_ne!(scan["Node Type"], "Seq Scan", "{first} {others}: {scan:#}");
            }
        }
    }
}

/// The parts of a plan that read a table.
fn collect_scans<'a>(plan: &'a Value, scans: &mut Vec<&'a Value>) {
    if plan.get("Relation Name").is_some() {
        scans.push(plan);
    }
    for part in plan["Plans"].as_array().into_iter().flatten() {
        collect_scans(part, scans);
    }
}

/// Whichever is asked for first, the rarest leads: a type that one host has makes a page without looking at all the others.
#[tokio::test]
async fn the_order_of_a_question_does_not_matter() {
    for bench in Bench::all().await {
        for last in 1..=5 {
            let rare: &[&str] = if last == 4 { &["GPU", "NPU"] } else { &["GPU"] };
            add(&bench, &format!("10.0.0.{last}"), rare, "X86", "Here").await;
        }
        let mut read = bench.app.db.read().await.unwrap();
        let tenant = super::TENANT.parse().unwrap();
        let named = |name: &str| Trait {
            kind: TraitKind::Hardware,
            name: name.to_owned(),
        };
        for traits in [[named("GPU"), named("NPU")], [named("NPU"), named("GPU")]] {
            let found = rarest_first(&mut read, tenant, &traits).await.unwrap();
            let (first, others) = found.unwrap();
            assert_eq!((first, others), (&named("NPU"), vec![&named("GPU")]));
        }
        let unknown = [named("GPU"), named("TPU")];
        assert!(rarest_first(&mut read, tenant, &unknown).await.unwrap().is_none());
        drop(read);
        for query in ["GPU,NPU", "NPU,GPU"] {
            let answer = bench.get(&format!("/mechosts?hwCapabilities={query}")).await;
            assert_eq!(answer.each("mechostIp"), ["10.0.0.4"], "{query}");
        }
    }
}
